"""What statemachine_job and orchestrator_job have in common: all but the part of the plan that is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phaseline_runtime.advance import advance
from phaseline_runtime.engine.questions import Owner
from phaseline_runtime.envelope import status_id
from phaseline_runtime.logs import follow, logger
from phaseline_runtime.store.store import lambda_store


def move_on(event: Mapping[str, Any], service: str, parts: frozenset[Owner]) -> None:
    """Read the status that the event tells of, and advance its execution by these parts."""
    log = logger(service)
    store = lambda_store()
    status = store.status(status_id(event))
    if status is None:
        log.error("the status of this event is not in the database; ignored", extra={"status": status_id(event)})
        return
    follow(log, status)
    inserted = advance(store, status.execution, [status], parts)
    log.info("advanced", extra={"cause": status.id, "inserted": [item.id for item in inserted]})
