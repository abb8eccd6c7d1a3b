"""What the local platform says of an app before it deploys it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phaseline.local import PlatformMisuse
from phaseline.local.assembly import check


def template(folder: Path, stack: str, **outputs: Any) -> None:
    content = {
        "Resources": {"Ours": {"Properties": {"Name": "phaseline-local"}}, "Theirs": {"Properties": {"Name": "shop"}}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    file = f"{stack}.template.json"
    (folder / file).write_text(json.dumps(content))
    manifest = folder / "manifest.json"
    tree = {"artifacts": {"Tree": {"type": "cdk:tree"}}}
    known: dict[str, Any] = json.loads(manifest.read_text()) if manifest.exists() else tree
    artifact: dict[str, Any] = {"type": "aws:cloudformation:stack", "properties": {"templateFile": file}}
    known["artifacts"][stack] = artifact
    manifest.write_text(json.dumps(known))


@pytest.mark.parametrize("bus", [{"Ref": "Ours"}, "phaseline-local"])
def test_stacks_that_fit_are_named_and_so_are_those_without_an_orchestration(tmp_path: Path, bus: Any) -> None:
    template(tmp_path, "shop")
    template(tmp_path, "offers", PhaselineDatabase="phaseline_local", PhaselineBus=bus)
    (tmp_path / "old.template.json").write_text('{"Outputs": {"PhaselineDatabase": {"Value": "old"}}}')
    assert check(tmp_path) == ["shop", "offers"]


@pytest.mark.parametrize(
    ("database", "bus", "has"),
    [
        ("phaseline", {"Ref": "Ours"}, "it has phaseline and phaseline-local"),
        ("phaseline_local", {"Ref": "Theirs"}, "it has phaseline_local and shop"),
        ("phaseline_local", "default", "it has phaseline_local and default"),
        ("phaseline_local", {"Fn::Join": []}, "it has phaseline_local and another"),
    ],
)
def test_a_stack_of_which_nothing_would_run_is_refused(tmp_path: Path, database: str, bus: Any, has: str) -> None:
    template(tmp_path, "shop", PhaselineDatabase=database, PhaselineBus=bus)
    with pytest.raises(PlatformMisuse, match=rf'stack shop: .*{has}\n.*EventSource\.relay\("phaseline-local"\)'):
        check(tmp_path)
