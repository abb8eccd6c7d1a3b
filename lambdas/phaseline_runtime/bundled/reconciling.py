"""What statemachine_job and orchestrator_job have in common: all but the part of the plan that is theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from phaseline_runtime.advance import advance
from phaseline_runtime.clock import now
from phaseline_runtime.engine.fold import ends_round, holds
from phaseline_runtime.engine.questions import Owner
from phaseline_runtime.envelope import notice
from phaseline_runtime.logs import Logger, follow
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store


def move_on(
    store: Store,
    event: Mapping[str, Any],
    parts: frozenset[Owner],
    log: Logger,
    *,
    clock: Callable[[], datetime] = now,
) -> datetime | None:
    """Advance the execution of the status that the event tells of by these parts.

    Most often the job runner has been here before: then one look at the execution shows that nothing is missing.
    Returns when the status itself asks for another look: the time of a retry, the end of a wait, a round's deadline.
    """
    status = notice(event)
    follow(status)
    document = store.execution(status.execution)
    if document is not None and holds(document, status):
        inserted = advance(store, status.execution, [], parts, state=document, clock=clock)
        due = _due(document, status)
    elif document is not None and (ends_round(status) or status.round > document["round"]["number"]):
        caught_up = store.catch_up(document)
        inserted = advance(store, status.execution, [], parts, state=caught_up, clock=clock)
        due = None if caught_up is None else _due(caught_up, status)
    else:
        found = store.status(status.id)
        if found is None:
            log.error("the status of this event is not in the database; ignored", extra={"status": status.id})
            return None
        inserted, due = advance(store, found.execution, [found], parts, clock=clock), found.due
    log.info("advanced", extra={"cause": status.id, "inserted": [item.id for item in inserted]})
    return due


def _due(document: Mapping[str, Any], status: Status) -> datetime | None:
    """The `due` of a status that has been folded: an event's own dates come in more than one shape."""
    opened = document["round"]
    if opened["number"] != status.round:
        return None
    if status.kind == "phase":
        found: datetime | None = opened.get("waiting" if status.status == "waiting" else "due")
        return found
    entry = opened["jobs"].get(status.name, {})
    return entry.get("due") if entry.get("status") == "waiting" or "retry" in entry else None
