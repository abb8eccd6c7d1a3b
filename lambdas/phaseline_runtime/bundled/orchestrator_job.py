"""orchestrator_job: finds the jobs that have become ready and triggers them, or records why not."""

from __future__ import annotations

from typing import Any

from phaseline_runtime.bundled.reconciling import move_on
from phaseline_runtime.engine.questions import Owner

_PARTS = frozenset({Owner.ORCHESTRATOR})


def handler(event: dict[str, Any], context: Any) -> None:
    """The Lambda entry point."""
    move_on(event, "orchestrator_job", _PARTS)
