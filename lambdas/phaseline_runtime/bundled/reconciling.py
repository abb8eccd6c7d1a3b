"""What statemachine_job and orchestrator_job have in common: all but the part of the plan that is theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from phaseline_runtime.advance import advance
from phaseline_runtime.engine.fold import ends_round, holds
from phaseline_runtime.engine.questions import Owner
from phaseline_runtime.envelope import notice
from phaseline_runtime.logs import Logger, follow
from phaseline_runtime.store.store import Store, now


def move_on(
    store: Store,
    event: Mapping[str, Any],
    parts: frozenset[Owner],
    log: Logger,
    *,
    clock: Callable[[], datetime] = now,
) -> None:
    """Advance the execution of the status that the event tells of by these parts.

    Most often the job runner has been here before: then one look at the execution shows that nothing is missing.
    """
    status = notice(event)
    follow(log, status)
    document = store.execution(status.execution)
    if document is not None and holds(document, status):
        inserted = advance(store, status.execution, [], parts, state=document, clock=clock)
    elif document is not None and (ends_round(status) or status.round > document["round"]["number"]):
        inserted = advance(store, status.execution, [], parts, state=store.catch_up(document), clock=clock)
    else:
        found = store.status(status.id)
        if found is None:
            log.error("the status of this event is not in the database; ignored", extra={"status": status.id})
            return
        inserted = advance(store, found.execution, [found], parts, clock=clock)
    log.info("advanced", extra={"cause": status.id, "inserted": [item.id for item in inserted]})
