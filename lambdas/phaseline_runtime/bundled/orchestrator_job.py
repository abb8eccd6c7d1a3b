"""orchestrator_job: finds the jobs that have become ready and triggers them, or records why not.

Where a status says that something is due later, it sends watchdog_job a message for then.
"""

from __future__ import annotations

from typing import Any

from phaseline_runtime import wake_ups
from phaseline_runtime.bundled.reconciling import move_on
from phaseline_runtime.clock import now
from phaseline_runtime.engine.questions import Owner
from phaseline_runtime.envelope import notice
from phaseline_runtime.logs import logged, logger
from phaseline_runtime.store.store import lambda_store

log = logger("orchestrator_job")
_PARTS = frozenset({Owner.ORCHESTRATOR})


@logged
def handler(event: dict[str, Any], context: Any) -> None:
    """The Lambda entry point."""
    due = move_on(lambda_store(), event, _PARTS, log)
    if due is not None:
        wake_ups.send(notice(event).execution, due - now())
