"""The examples as they go to AWS: what the local platform leaves out of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_app_that_was_there_before_is_told_of_alarms_by_its_own_topic(tmp_path: Path) -> None:
    # As the CDK's command line runs it, in a process of its own: Node reads these variables when it starts.
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "constructs"), str(ROOT / "lambdas")]),
        "CDK_OUTDIR": str(tmp_path),
        "CDK_CONTEXT_JSON": json.dumps({"aws:cdk:bundling-stacks": []}),
    }
    folder = ROOT / "examples/existing_app"
    done = subprocess.run([sys.executable, "app.py"], cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    resources = json.loads((tmp_path / "phaseline-shop.template.json").read_text())["Resources"]
    (topic,) = [id for id, each in resources.items() if each["Type"] == "AWS::SNS::Topic"]
    alarms = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    assert len(alarms) == 9, "as many as its README says"
    assert all(each["AlarmActions"] == each["OKActions"] == [{"Ref": topic}] for each in alarms)
    assert all(each["ActionsEnabled"] for each in alarms)
    (policy,) = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::SNS::TopicPolicy"]
    allowed = [each["Principal"] for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert allowed == [{"Service": "cloudwatch.amazonaws.com"}], "else CloudWatch could tell nobody"
