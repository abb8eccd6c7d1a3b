"""The ways to MongoDB: what each puts into a function, its role and the outputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.aws_kms import Key
from aws_cdk.aws_secretsmanager import Secret

from phaseline.cdk import MongoConnection
from phaseline_runtime.errors import UserError
from tests.support.stacks import make, statements

KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234"
NAMED = {
    "Fn::Join": [
        "",
        [
            *("arn:", {"Ref": "AWS::Partition"}, ":secretsmanager:", {"Ref": "AWS::Region"}, ":"),
            *({"Ref": "AWS::AccountId"}, ":secret:shop/mongo-??????"),
        ],
    ]
}
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


ARN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop/mongo"


@pytest.mark.parametrize(
    ("given", "variable", "resource"),
    [
        (lambda stack: Secret(stack, "Mongo"), *[{"Ref": "MongoF86D5BD0"}] * 2),
        (lambda stack: Secret(stack, "Mongo").secret_arn, *[{"Ref": "MongoF86D5BD0"}] * 2),
        (lambda stack: Secret.from_secret_complete_arn(stack, "Mongo", f"{ARN}-AbCdEf"), *[f"{ARN}-AbCdEf"] * 2),
        (lambda stack: Secret.from_secret_name_v2(stack, "Mongo", "shop/mongo"), "shop/mongo", NAMED),
        (lambda stack: Secret.from_secret_partial_arn(stack, "Mongo", ARN), "shop/mongo", NAMED),
    ],
)
def test_a_secret_of_the_app_is_read_by_its_arn(
    tmp_path: Path, given: Callable[[cdk.Stack], Any], variable: Any, resource: Any
) -> None:
    made = make(tmp_path, in_stack=lambda stack: {"mongo": MongoConnection.secret(given(stack))})
    function = made.one("AWS::Lambda::Function", "Jobsrentaboat")
    assert function["Environment"]["Variables"]["PHASELINE_MONGO_SECRET"] == variable
    role = made.one("AWS::IAM::Role", "Jobsrentaboat")
    (read,) = [each for each in statements(role) if each["Action"] == "secretsmanager:GetSecretValue"]
    assert read["Resource"] == resource


def test_the_key_of_a_secret_of_the_app_is_known(tmp_path: Path) -> None:
    def mongo(stack: cdk.Stack) -> dict[str, Any]:
        return {"mongo": MongoConnection.secret(Secret(stack, "Mongo", encryption_key=Key(stack, "Key")))}

    role = make(tmp_path, in_stack=mongo).one("AWS::IAM::Role", "Jobsrentaboat")
    (decrypt,) = [each for each in statements(role) if each["Action"] == "kms:Decrypt"]
    assert decrypt["Resource"] == {"Fn::GetAtt": ["Key961B73FD", "Arn"]}


@pytest.mark.parametrize("name", [None, "shop/mongo"])
def test_a_secret_of_the_app_is_in_the_region_of_its_functions(tmp_path: Path, name: str | None) -> None:
    here = {"env": cdk.Environment(region="eu-central-1"), "cross_region_references": True}

    def with_a_secret_in(region: str | None) -> Callable[[cdk.Stack], dict[str, Any]]:
        def mongo(stack: cdk.Stack) -> dict[str, Any]:
            env = cdk.Environment(region=region)
            other = cdk.Stack(cdk.Stage.of(stack), "other", env=env, cross_region_references=True)
            return {"mongo": MongoConnection.secret(Secret(other, "Mongo", secret_name=name))}

        return mongo

    for region in ("eu-central-1", None):
        make(tmp_path / str(region), of_stack=here, in_stack=with_a_secret_in(region))
    with pytest.raises(UserError, match=r"secret is in us-east-1, and the functions .* own region, eu-central-1: copy"):
        make(tmp_path, of_stack=here, in_stack=with_a_secret_in("us-east-1"))


def test_an_arn_that_is_known_in_part_has_to_be_whole() -> None:
    stack = cdk.Stack(cdk.App(), "test")
    partial = Secret.from_secret_name_v2(stack, "Mongo", "shop/mongo").secret_arn
    with pytest.raises(UserError, match="without the six characters that AWS puts at its end"):
        MongoConnection.secret(partial)
    for whole in (f"{partial}-AbCdEf", f"{partial}-{cdk.Aws.STACK_NAME}"):
        MongoConnection.secret(whole)


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
    through = {"Fn::Join": ["", [f"{service}.", {"Ref": "AWS::Region"}, ".amazonaws.*"]]}
    assert decrypt["Condition"] == {"StringLike": {"kms:ViaService": through}}


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
