"""Small projects for the testing kit: a config and handlers, written into a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Write = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Write:
    """Writes a config with one machine `m`, and a handler for each job; the path of the file."""

    def write(
        phases: Mapping[str, Any],
        *,
        jobs: Mapping[str, Mapping[str, Any]] | None = None,
        handlers: Mapping[str, str] | None = None,
        **machine: Any,
    ) -> Path:
        names = {use.get("job", name) if use else name for phase in phases.values() for name, use in _uses(phase)}
        declared = {name: {"code": f"jobs/{name}", **(jobs or {}).get(name, {})} for name in [*names, *(jobs or {})]}
        for name in declared:
            folder = tmp_path / "jobs" / name
            folder.mkdir(parents=True)
            source = (handlers or {}).get(name, f"def handler(event, context):\n    return {name!r}\n")
            (folder / "handler.py").write_text(source)
        file = tmp_path / "phaseline.yaml"
        file.write_text(json.dumps({"jobs": declared, "state_machines": {"m": {"phases": phases, **machine}}}))
        return file

    return write


def _uses(phase: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any] | None]]:
    return list(phase.get("jobs", {}).items())
