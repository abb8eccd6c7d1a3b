"""The ways to MongoDB: what each puts into a function, its role and the outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from phaseline.cdk import MongoConnection
from phaseline_runtime.errors import UserError
from tests.support.stacks import make, statements

KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234"
PASSWORD = "mongodb://anna:hunter2@localhost/"


def of_job(folder: Path, mongo: MongoConnection) -> tuple[dict[str, str], list[dict[str, Any]], dict[str, Any]]:
    """Variables and statements of the job's function that are about MongoDB, and the outputs about it."""
    made = make(folder, mongo=mongo)
    made.orchestration.add_outputs()
    function = made.one("AWS::Lambda::Function", "Jobsrentaboat")
    variables = {
        name: value
        for name, value in function["Environment"]["Variables"].items()
        if name.startswith("PHASELINE_MONGO")
    }
    role = made.one("AWS::IAM::Role", "Jobsrentaboat")
    about = [each for each in statements(role) if not str(each["Action"]).startswith(("['logs", "sqs"))]
    outputs = made.template.to_json()["Outputs"]
    return variables, about, {name: item["Value"] for name, item in outputs.items() if "Mongo" in name}


def last(resource: Any) -> str:
    return str(resource["Fn::Join"][1][-1]) if isinstance(resource, dict) else str(resource)


def test_a_secret_is_read_by_its_name(tmp_path: Path) -> None:
    variables, (read,), outputs = of_job(tmp_path, MongoConnection.secret("shop/mongo"))
    assert variables == {"PHASELINE_MONGO_SECRET": "shop/mongo"}
    assert (read["Action"], last(read["Resource"])) == ("secretsmanager:GetSecretValue", ":secret:shop/mongo-??????")
    assert outputs == {"PhaselineMongoSecret": "shop/mongo"}


@pytest.mark.parametrize("name", ["/shop/mongo", "shop-mongo"])
def test_a_parameter_is_read_by_its_name(tmp_path: Path, name: str) -> None:
    variables, (read,), outputs = of_job(tmp_path, MongoConnection.uri_parameter(name))
    assert variables == {"PHASELINE_MONGO_PARAMETER": name}
    assert (read["Action"], last(read["Resource"])) == ("ssm:GetParameter", f":parameter/{name.removeprefix('/')}")
    assert outputs == {"PhaselineMongoParameter": name}


@pytest.mark.parametrize(
    ("mongo", "service"),
    [
        (MongoConnection.secret("shop/mongo", key_arn=KEY), "secretsmanager"),
        (MongoConnection.uri_parameter("/shop/mongo", key_arn=KEY), "ssm"),
    ],
)
def test_a_key_of_ones_own_decrypts_through_the_one_service(
    tmp_path: Path, mongo: MongoConnection, service: str
) -> None:
    _, (_, decrypt), _ = of_job(tmp_path, mongo)
    assert (decrypt["Action"], decrypt["Resource"]) == ("kms:Decrypt", KEY)
    through = decrypt["Condition"]["StringEquals"]["kms:ViaService"]
    assert through == {"Fn::Join": ["", [f"{service}.", {"Ref": "AWS::Region"}, ".amazonaws.com"]]}


def test_iam_needs_no_secret_and_no_statement(tmp_path: Path) -> None:
    uri = "mongodb+srv://cluster0.ab1cd.mongodb.net/?authMechanism=MONGODB-AWS&authSource=%24external"
    variables, about, outputs = of_job(tmp_path, MongoConnection.iam("cluster0.ab1cd.mongodb.net"))
    assert variables == {"PHASELINE_MONGO_URI": uri}
    assert about == []
    assert outputs == {"PhaselineMongoUri": uri}


def test_a_uri_is_never_an_output_since_it_may_hold_a_password(tmp_path: Path) -> None:
    variables, about, outputs = of_job(tmp_path, MongoConnection.uri(PASSWORD))
    assert variables == {"PHASELINE_MONGO_URI": PASSWORD}
    assert about == []
    assert outputs == {}
    assert "hunter2" not in repr(MongoConnection.uri(PASSWORD)) + MongoConnection.uri(PASSWORD).identity


@pytest.mark.parametrize(
    "host", ["", "cluster0", "mongodb+srv://anna:hunter2@c.mongodb.net", "c.mongodb.net/db", "a b.net"]
)
def test_for_iam_a_host_is_asked_for_and_no_connection_string(host: str) -> None:
    with pytest.raises(UserError, match=r"MongoConnection.iam: host: got .*cluster0\.ab1cd\.mongodb\.net") as raised:
        MongoConnection.iam(host)
    assert "hunter2" not in str(raised.value)


def test_a_host_may_be_known_at_deploy_time_alone() -> None:
    assert "${Token[" in json.dumps(MongoConnection.iam(cdk.Fn.import_value("Host")).environment())
