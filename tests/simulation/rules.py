"""The rules on the bus: which Lambda gets the event of which status. The tables are those of the stack's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phaseline_runtime.bundled.listening import ORCHESTRATOR_JOB, STATEMACHINE_JOB

JOB = "job"
"""The target that stands for every job's Lambda."""

TABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "statemachine_job": STATEMACHINE_JOB,
    "orchestrator_job": ORCHESTRATOR_JOB,
}
"""The statuses of each kind that a bundled Lambda gets."""


def targets(document: Mapping[str, Any]) -> list[str]:
    """Who gets the event of this status."""
    kind, status = document["kind"], document["status"]
    found = [target for target, table in TABLES.items() if status in table.get(kind, ())]
    return [*found, JOB] if kind == "job" and status == "triggered" else found
