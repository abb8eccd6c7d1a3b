"""statemachine_job: folds what finished, and ends rounds and executions, and opens the next round."""

from __future__ import annotations

from typing import Any

from phaseline_runtime.bundled.reconciling import move_on
from phaseline_runtime.engine.questions import Owner
from phaseline_runtime.logs import logged, logger
from phaseline_runtime.store.store import lambda_store

log = logger("statemachine_job")
_PARTS = frozenset({Owner.STATEMACHINE})


@logged
def handler(event: dict[str, Any], context: Any) -> None:
    """The Lambda entry point."""
    move_on(lambda_store(), event, _PARTS, log)
