"""The app of this project: its environments, and what a user's mistake looks like."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template

from phaseline.testing import masked
from phaseline_runtime.errors import UserError
from stacks.environments import environment
from tests.support.stacks import example

ROOT = Path(__file__).parents[2]

SETTINGS = re.compile(r"phaseline[-_/](local|dev|prod)|environment (local|dev|prod)")
STACK_IN_ID = re.compile(r"(?<=AllowEventRule)phaseline(local|dev|prod)|(?<=Function)[0-9A-F]{16}$")
"""CDK names the permission of a rule after the path of its function, and that begins with the stack."""


def without_settings(value: Any) -> Any:
    """The template without what the settings of an environment decide."""
    if isinstance(value, dict):
        if value.get("Action") == "secretsmanager:GetSecretValue":
            return None
        settings = {
            "PHASELINE_MONGO_URI", "PHASELINE_MONGO_SECRET", "PhaselineMongoSecret", "FISHING_LICENCE",
            "RetentionInDays", "DeletionPolicy", "UpdateReplacePolicy", "definitions", "connection",
        }  # fmt: skip
        return {STACK_IN_ID.sub("", key): without_settings(item) for key, item in value.items() if key not in settings}
    if isinstance(value, list):
        return [found for item in value if (found := without_settings(item)) is not None]
    return STACK_IN_ID.sub("", SETTINGS.sub("", masked(value))) if isinstance(value, str) else value


def test_the_templates_of_all_environments_are_the_same_but_for_their_settings(tmp_path: Path) -> None:
    local, dev, prod = (without_settings(example(name, tmp_path)) for name in ("local", "dev", "prod"))
    assert local == dev == prod


def test_only_local_has_its_uri_in_the_template(tmp_path: Path) -> None:
    assert "mongodb://" in json.dumps(example("local", tmp_path))
    assert "mongodb://" not in json.dumps([example("dev", tmp_path), example("prod", tmp_path)])


def test_production_keeps_the_logs_of_a_job_that_is_gone(tmp_path: Path) -> None:
    groups = Template.from_json(example("prod", tmp_path)).find_resources("AWS::Logs::LogGroup")
    assert groups
    assert all(group["DeletionPolicy"] == "Retain" for group in groups.values())


def test_every_environment_has_a_database_and_a_bus_of_its_own() -> None:
    made = [environment(name, mongo_uri="mongodb://localhost/") for name in ("local", "dev", "prod")]
    assert len({item.database for item in made}) == len({item.event_source for item in made}) == 3


@pytest.mark.parametrize("name", [None, "", "production", "Dev"])
def test_an_unknown_environment_is_told_the_known_ones(name: str | None) -> None:
    with pytest.raises(UserError, match="local, dev, prod"):
        environment(name)


def run_app(folder: Path, context: dict[str, Any], **variables: str) -> subprocess.CompletedProcess[str]:
    """The app as the CDK command line runs it."""
    python_path = os.pathsep.join([str(ROOT / "constructs"), str(ROOT / "lambdas"), *sys.path])
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PHASELINE_")},
        "CDK_CONTEXT_JSON": json.dumps({"aws:cdk:bundling-stacks": [], **context}),
        "CDK_OUTDIR": str(folder / "cdk.out"),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "PYTHONPATH": python_path,
        **variables,
    }
    command = [sys.executable, str(ROOT / "app.py")]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder, check=False)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({}, "no environment chosen: give `-c env=NAME`; allowed are local, dev, prod"),
        ({"env": "prd"}, "-c env=prd: there is no such environment; allowed are local, dev, prod"),
        ({"env": "local"}, "env local needs a MongoDB: set PHASELINE_MONGO_URI, or give `-c mongo_uri=mongodb://…`"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(tmp_path: Path, context: dict[str, str], message: str) -> None:
    done = run_app(tmp_path, context)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == message
    assert "Traceback" not in done.stderr


def test_the_app_writes_the_stack_of_its_environment(tmp_path: Path) -> None:
    done = run_app(tmp_path, {"env": "local"}, PHASELINE_MONGO_URI="mongodb://localhost/")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "cdk.out/phaseline-local.template.json").is_file()
