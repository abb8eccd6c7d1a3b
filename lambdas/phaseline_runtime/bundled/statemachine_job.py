"""statemachine_job: folds what finished, and ends rounds and executions, and opens the next round."""

from __future__ import annotations

from typing import Any

from phaseline_runtime.bundled.reconciling import move_on
from phaseline_runtime.engine.questions import Owner

_PARTS = frozenset({Owner.STATEMACHINE})


def handler(event: dict[str, Any], context: Any) -> None:
    """The Lambda entry point."""
    move_on(event, "statemachine_job", _PARTS)
