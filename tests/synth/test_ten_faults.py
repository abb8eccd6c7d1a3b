"""The CDK app of a new project says of a faulty file what `phaseline validate` says, and ends with exit code 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from phaseline.cli.project import write as new_project
from tests.support.config_files import write
from tests.support.ten_faults import EXPRESSIONS, EXPRESSIONS_SAID


def test_the_app_of_a_new_project_says_all_faults_and_exits_with_2(tmp_path: Path) -> None:
    new_project(tmp_path, "trip")
    write(tmp_path, EXPRESSIONS)
    environment = {
        **os.environ,
        "CDK_CONTEXT_JSON": json.dumps({"env": "dev", "aws:cdk:bundling-stacks": []}),
        "CDK_OUTDIR": str(tmp_path / "cdk.out"),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
    }
    done = subprocess.run(
        [sys.executable, "app.py"], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"phaseline.yaml:{line}" for line in EXPRESSIONS_SAID.splitlines()]
    assert not list(tmp_path.glob("cdk.out/*.template.json"))
