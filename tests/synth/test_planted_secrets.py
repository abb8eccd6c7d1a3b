"""A connection string that is planted where a synth could find it stands in no file that the synth leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from phaseline.cdk import MongoConnection
from phaseline_runtime.errors import UserError
from tests.support.stacks import EVERYTHING, Made, make

SECRET = "s3cr3tPlanted"
URI = f"mongodb://user:{SECRET}@host/"


def written(folder: Path) -> str:
    return "".join(file.read_text() for file in folder.rglob("*") if file.suffix in (".json", ".py", ".yaml"))


def test_nothing_of_the_machine_stands_in_what_is_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PHASELINE_MONGO_URI", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "SLACK_URL"):
        monkeypatch.setenv(variable, URI)
    made = make(tmp_path, EVERYTHING, mongo=MongoConnection.secret("phaseline/mongo"))
    assert made.resources
    made.stack.node.root.synth()  # type: ignore[attr-defined]
    assert "phaseline/mongo" in written(tmp_path)
    assert SECRET not in written(tmp_path)


def test_a_uri_stands_in_the_variable_and_nowhere_else(tmp_path: Path) -> None:
    made: Made = make(tmp_path, EVERYTHING, mongo=MongoConnection.uri(URI))
    for id, item in made.resources.items():
        if item["Type"] == "AWS::Lambda::Function":
            variables = item["Properties"]["Environment"]["Variables"]
            assert variables.pop("PHASELINE_MONGO_URI") == URI, id
        assert SECRET not in str(item), id
    assert SECRET not in str(made.template.to_json().get("Outputs"))
    assert SECRET not in repr(MongoConnection.uri(URI))


@pytest.mark.parametrize("factory", [MongoConnection.secret, MongoConnection.uri_parameter, MongoConnection.iam])
def test_a_connection_string_is_no_name_and_is_not_told(factory: Callable[[str], MongoConnection]) -> None:
    with pytest.raises(UserError) as raised:
        factory(URI)
    assert SECRET not in str(raised.value)
