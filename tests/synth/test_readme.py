"""The program on the first screen of the README: it synthesizes, and its jobs run, as written there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The files of the README, each of which names itself in its first line."""
    found = re.findall(r"^```\w+\n(# ([\w/.]+\.(?:py|yaml))\b.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    assert {name for _, name in found} == {
        "phaseline.yaml",
        "app.py",
        "lambdas/jobs/weigh_fish/handler.py",
        "lambdas/jobs/cook_fish/handler.py",
    }
    for text, name in found:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_it_synthesizes(program: Path) -> None:
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "constructs"), str(ROOT / "lambdas")]),
        "CDK_OUTDIR": str(program / "cdk.out"),
        "CDK_CONTEXT_JSON": json.dumps({"aws:cdk:bundling-stacks": []}),
    }
    done = subprocess.run([sys.executable, "app.py"], cwd=program, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    resources = json.loads((program / "cdk.out/dinner.template.json").read_text())["Resources"].values()
    functions = [item["Properties"] for item in resources if item["Type"] == "AWS::Lambda::Function"]
    jobs = {function["Environment"]["Variables"].get("PHASELINE_JOB") for function in functions}
    assert {"weigh_fish", "cook_fish"} <= jobs


def test_its_jobs_run(program: Path) -> None:
    weighed = run(program, "weigh_fish", {"fish": 5})
    assert weighed == {"kilos": 2.0}
    assert run(program, "cook_fish", weighed) == {"dish": "fish soup for 6"}


def run(program: Path, job: str, event: Mapping[str, object]) -> dict[str, object]:
    module: dict[str, object] = {}
    exec((program / "lambdas/jobs" / job / "handler.py").read_text(), module)
    handler = module["handler"]
    assert callable(handler)
    output: dict[str, object] = handler(event, None)
    return output
