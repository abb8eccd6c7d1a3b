"""retention_job: only where a state machine has a retention, under a database user of its own where there is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk.assertions import Annotations, Match

from phaseline.cdk import MongoConnection
from tests.support.stacks import CONFIG, Made, make, statements

TWO = (
    CONFIG.replace("  trip:\n", "  trip:\n    retention: 90d\n")
    + "  stay: {phases: {p: {jobs: {boat: {job: rent_a_boat}}}}}\n"
)
OWN = MongoConnection.secret("phaseline/test/retention")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("retention"), TWO, retention_mongo=OWN)


def compiled(folder: Path) -> str:
    (file,) = folder.glob("cdk.out/phaseline-compiled-*/retention.json")
    return file.read_text()


def test_where_everything_is_kept_for_ever_there_is_nothing_that_deletes(tmp_path: Path) -> None:
    made = make(tmp_path, retention_mongo=OWN)
    assert "retention_job" not in made.orchestration.functions
    assert "etention" not in json.dumps(list(made.resources))
    assert "phaseline/test/retention" not in json.dumps(made.template.to_json())
    said = "retention_mongo is given, and no state machine has a `retention`"
    assert len(Annotations.from_stack(made.stack).find_warning("*", Match.string_like_regexp(said))) == 1


def test_a_connection_that_is_used_is_no_warning(made: Made) -> None:
    assert not Annotations.from_stack(made.stack).find_warning("*", Match.string_like_regexp("retention_mongo"))


def test_it_is_called_each_day(made: Made) -> None:
    rule = made.one("AWS::Events::Rule", "RetentionRule")
    assert rule["ScheduleExpression"] == "rate(1 day)"
    (target,) = rule["Targets"]
    assert "retentionjob" in json.dumps(target["Arn"])
    assert json.loads(target["Input"]) == {"sweep": True}
    assert made.one("AWS::Lambda::Permission", "RetentionPermission")["Principal"] == "events.amazonaws.com"


def test_it_has_the_longest_time_that_lambda_gives(made: Made) -> None:
    assert made.one("AWS::Lambda::Function", "retentionjob")["Timeout"] == 900


def test_it_is_told_which_machines_and_how_many_seconds(tmp_path: Path) -> None:
    make(tmp_path, TWO)
    assert json.loads(compiled(tmp_path)) == {"trip": 7_776_000}


def test_it_alone_reads_the_secret_of_its_own_database_user_and_no_other(made: Made) -> None:
    for role in (item["Properties"] for item in made.of_type("AWS::IAM::Role")):
        granted = [s["Resource"] for s in statements(role) if s["Action"] == "secretsmanager:GetSecretValue"]
        whose = "retentionjob" in json.dumps(role["Policies"])
        assert "phaseline/test/retention" in json.dumps(granted) if whose else granted
        assert ("phaseline/test/mongo" in json.dumps(granted)) is not whose
    variables = made.one("AWS::Lambda::Function", "retentionjob")["Environment"]["Variables"]
    assert variables["PHASELINE_MONGO_SECRET"] == "phaseline/test/retention"


def test_without_a_user_of_its_own_it_takes_the_connection_of_all(tmp_path: Path) -> None:
    variables = make(tmp_path, TWO).one("AWS::Lambda::Function", "retentionjob")["Environment"]["Variables"]
    assert variables["PHASELINE_MONGO_SECRET"] == "phaseline/test/mongo"
