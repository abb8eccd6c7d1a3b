"""The rules on the bus: which Lambda gets the event of which status. The tables are the constructs' own."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import phaseline

JOB = "job"
"""The target that stands for every job's Lambda."""


def _patterns() -> ModuleType:
    """`phaseline.cdk.patterns`, without its package, which would start a Node process."""
    path = Path(phaseline.__file__).parent / "cdk" / "patterns.py"
    spec = importlib.util.spec_from_file_location("simulated_patterns", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_found = _patterns()
TABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "statemachine_job": _found.STATEMACHINE_JOB,
    "orchestrator_job": _found.ORCHESTRATOR_JOB,
}
"""The statuses of each kind that a bundled Lambda gets."""


def targets(document: Mapping[str, Any]) -> list[str]:
    """Who gets the event of this status."""
    kind, status = document["kind"], document["status"]
    found = [target for target, table in TABLES.items() if status in table.get(kind, ())]
    return [*found, JOB] if kind == "job" and status == "triggered" else found
