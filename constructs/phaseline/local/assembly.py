"""What a synthesized app is about to deploy: whether the platform's MongoDB and its relay are those that it expects.

Otherwise a deploy would succeed, and nothing would ever run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phaseline.local.errors import PlatformMisuse
from phaseline.local.state import BUS, DATABASE


def check(assembly: Path) -> list[str]:
    """The names of the stacks.

    Raises:
        PlatformMisuse: An orchestration has another database or bus than the platform.
    """
    # By the manifest: a template of an earlier synth may lie beside those of this one.
    artifacts = json.loads((assembly / "manifest.json").read_text()).get("artifacts", {})
    stacks = {name: each for name, each in artifacts.items() if each["type"] == "aws:cloudformation:stack"}
    for stack, artifact in stacks.items():
        template = json.loads((assembly / artifact["properties"]["templateFile"]).read_text())
        outputs: Mapping[str, Any] = template.get("Outputs", {})
        database = outputs.get("PhaselineDatabase", {}).get("Value", DATABASE)
        bus = _bus(template, outputs.get("PhaselineBus", {}).get("Value", BUS))
        if (database, bus) != (DATABASE, BUS):
            raise PlatformMisuse(
                f"stack {stack}: nothing of it would run on the local platform, whose database is {DATABASE} and whose "
                f"relay feeds the bus {BUS}: it has {database} and {bus}\n  what to do: for `-c env=local`, give "
                f'Orchestration database="{DATABASE}" and event_source=EventSource.relay("{BUS}")'
            )
    return list(stacks)


def _bus(template: Mapping[str, Any], value: Any) -> str:
    """The name of the bus that an output is about: its own text, or what the resource is called."""
    if not isinstance(value, dict):
        return str(value)
    properties = template["Resources"].get(value.get("Ref"), {}).get("Properties", {})
    return str(properties.get("Name", "another"))
