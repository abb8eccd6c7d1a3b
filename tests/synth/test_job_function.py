"""What a job becomes: six resources, each with just what it needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from phaseline.cdk import InvokedJob, MongoConnection
from phaseline.cdk.functions.runtime_layer import RuntimeLayer, python_runtime
from phaseline.cdk.jobs.job_function import JobFunction
from phaseline.testing import masked
from phaseline_runtime.errors import UserError
from tests.support.stacks import CONFIG, Made, Resource, actions, make, statements

SIX = {
    "AWS::Lambda::Function",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("job"))


def with_job(options: str) -> str:
    return CONFIG.replace("{code: jobs/boat}", f"{{code: jobs/boat, {options}}}")


def test_a_job_has_one_resource_of_each_of_six_types(made: Made) -> None:
    of_job = [item["Type"] for id, item in made.resources.items() if "rentaboat" in id]
    assert sorted(of_job) == sorted(SIX)


def test_the_function_runs_the_job_runner_in_the_layer(made: Made) -> None:
    function = made.one("AWS::Lambda::Function", "rentaboat")
    assert function["Handler"] == "phaseline_runtime.runner.handler"
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert [list(layer) for layer in function["Layers"]] == [["Ref"]]
    assert function["Environment"]["Variables"] == {
        "PHASELINE_JOB": "rent_a_boat",
        "PHASELINE_HANDLER": "handler.handler",
        "PHASELINE_MONGO_SECRET": "phaseline/test/mongo",
        "PHASELINE_DATABASE": "phaseline_test",
    }


def test_the_rule_matches_only_the_triggered_statuses_of_its_job(made: Made) -> None:
    assert made.one("AWS::Events::Rule", "rentaboat")["EventPattern"] == {
        "detail": {
            "ns": {"db": ["phaseline_test"], "coll": ["statuses"]},
            "fullDocument": {"kind": ["job"], "job": ["rent_a_boat"], "status": ["triggered"]},
        }
    }


def test_the_target_retries_for_15_minutes_and_then_keeps_the_event(made: Made) -> None:
    (target,) = made.one("AWS::Events::Rule", "rentaboat")["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 900, "MaximumRetryAttempts": 185}
    assert "DeadLettersRules" in json.dumps(target["DeadLetterConfig"])


def test_lambda_never_tries_a_job_again_and_a_crash_reaches_the_queue(made: Made) -> None:
    config = made.one("AWS::Lambda::EventInvokeConfig", "rentaboat")
    assert config["MaximumRetryAttempts"] == 0
    assert config["MaximumEventAgeInSeconds"] == 900
    assert "DeadLettersFunctions" in json.dumps(config["DestinationConfig"]["OnFailure"])


def test_a_rule_does_not_route_before_the_function_is_kept_from_retrying(made: Made) -> None:
    (rule,) = made.of_type("AWS::Events::Rule", "rentaboat")
    assert any("EventInvokeConfig" in id for id in rule["DependsOn"])


def test_only_its_own_rule_may_invoke_a_job(made: Made) -> None:
    permission = made.one("AWS::Lambda::Permission", "rentaboat")
    assert permission["Principal"] == "events.amazonaws.com"
    assert "rentaboatRule" in permission["SourceArn"]["Fn::GetAtt"][0]


def test_the_role_may_write_its_log_send_to_the_queue_and_read_the_one_secret(made: Made) -> None:
    role = made.one("AWS::IAM::Role", "rentaboat")
    assert actions(role) == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sqs:SendMessage",
        "secretsmanager:GetSecretValue",
    }
    resources = {str(item["Action"]): json.dumps(item["Resource"]) for item in statements(role)}
    assert "rentaboatLog" in resources["['logs:CreateLogStream', 'logs:PutLogEvents']"]
    assert ":secret:phaseline/test/mongo-??????" in resources["secretsmanager:GetSecretValue"]


def test_no_role_has_a_wildcard_a_managed_policy_or_a_policy_of_its_own(made: Made) -> None:
    roles = [item["Properties"] for item in made.of_type("AWS::IAM::Role")]
    assert len(roles) == 1 + len(made.orchestration.functions)
    for role in roles:
        assert "ManagedPolicyArns" not in role
        assert all(item["Resource"] != "*" for item in statements(role))
        assert not any("*" in action for action in actions(role))
    assert not made.of_type("AWS::IAM::Policy")


def test_each_function_has_a_role_and_a_log_group_that_no_other_has(made: Made) -> None:
    functions = [item["Properties"] for item in made.of_type("AWS::Lambda::Function")]
    roles = {json.dumps(function["Role"]) for function in functions}
    groups = {json.dumps(function["LoggingConfig"]) for function in functions}
    assert len(roles) == len(groups) == len(functions) == 1 + len(made.orchestration.functions)
    assert all(item["Properties"]["RetentionInDays"] == 30 for item in made.of_type("AWS::Logs::LogGroup"))


def test_with_a_uri_no_role_may_read_a_secret(tmp_path: Path) -> None:
    made = make(tmp_path, mongo=MongoConnection.uri("mongodb://localhost/"))
    assert all("secretsmanager:GetSecretValue" not in actions(r["Properties"]) for r in made.of_type("AWS::IAM::Role"))
    variables = made.one("AWS::Lambda::Function", "rentaboat")["Environment"]["Variables"]
    assert variables["PHASELINE_MONGO_URI"] == "mongodb://localhost/"
    assert "mongodb://localhost/" not in json.dumps(made.of_type("Custom::PhaselinePublication"))


def test_a_secret_can_be_named_by_its_arn(tmp_path: Path) -> None:
    arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shared/mongo-AbCdEf"
    made = make(tmp_path, mongo=MongoConnection.secret(arn))
    role = made.one("AWS::IAM::Role", "rentaboat")
    assert arn in [item["Resource"] for item in statements(role)]


def test_a_job_keeps_what_its_config_says(tmp_path: Path) -> None:
    text = with_job("memory: 512, timeout: 2m, environment: {BOAT: Orca}, description: Rents a boat")
    function = make(tmp_path, text).one("AWS::Lambda::Function", "rentaboat")
    assert function["MemorySize"] == 512
    assert function["Timeout"] == 130  # Ten seconds more than the job, so that the runner records a timeout.
    assert function["Environment"]["Variables"]["BOAT"] == "Orca"
    assert function["Description"] == "Rents a boat"


def test_a_filter_is_matched_on_the_input(tmp_path: Path) -> None:
    text = with_job(
        'filter: {region: [{prefix: eu-}], $or: [{size: [{numeric: [">", 3]}]}, {crew: [{exists: false}]}]}'
    )
    pattern = make(tmp_path, text).one("AWS::Events::Rule", "rentaboat")["EventPattern"]
    assert pattern["detail"]["fullDocument"]["input"] == {
        "region": [{"prefix": "eu-"}],
        "$or": [{"size": [{"numeric": [">", 3]}]}, {"crew": [{"exists": False}]}],
    }


def test_a_handler_that_does_not_exist_is_named_with_its_place_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"phaseline\.yaml:3:43  jobs\.rent_a_boat\.handler  there is no sail\.py"):
        make(tmp_path, with_job("handler: sail.run"))


def test_a_job_that_is_made_alone_checks_its_code_itself(tmp_path: Path) -> None:
    parts = make(tmp_path).orchestration
    layer = RuntimeLayer(parts, "Layer", runtime=python_runtime("python3.13"), bundling=parts.settings.bundling)
    code = tmp_path / "jobs" / "boat"
    for id, folder, message in (
        ("One", code.parent / "nowhere", r"job sail: code .*/nowhere is not a folder"),
        ("Two", code, r"job sail: there is no sail\.py in the folder"),
    ):
        with pytest.raises(UserError, match=message):
            JobFunction(
                parts,
                id,
                name="sail",
                code=folder,
                handler="sail.run",
                bus=parts.status_bus,
                layer=layer,
                settings=parts.settings,
            )


def test_jobs_that_are_made_alone_have_the_times_of_a_config_that_says_none(tmp_path: Path) -> None:
    made = make(tmp_path)
    parts = made.orchestration
    layer = RuntimeLayer(parts, "Layer", runtime=python_runtime("python3.13"), bundling=parts.settings.bundling)
    common: dict[str, Any] = {"bus": parts.status_bus, "layer": layer, "settings": parts.settings}
    own = JobFunction(parts, "Own", name="sail", code=tmp_path / "jobs/boat", **common)
    InvokedJob(parts, "Invoked", name="captain", target=own.function, **common)
    for job in ("Jobsrentaboat", "Own", "Invoked"):
        assert made.one("AWS::Lambda::Function", f"{job}Function")["Timeout"] == 40
        assert made.one("AWS::Lambda::EventInvokeConfig", job)["MaximumEventAgeInSeconds"] == 900


def test_an_app_can_grant_and_extend(tmp_path: Path) -> None:
    made = make(tmp_path)
    job = made.orchestration.jobs["rent_a_boat"]
    job.function.add_to_role_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::boats/*"]))
    policy = made.one("AWS::IAM::Policy", "rentaboat")
    assert policy["PolicyDocument"]["Statement"][0]["Action"] == "s3:GetObject"
    assert job.rule.rule_arn


LAYER = "arn:aws:lambda:eu-west-1:111122223333:layer:boat:7"


def test_a_function_has_of_its_own_what_its_config_says(tmp_path: Path) -> None:
    made = make(
        tmp_path,
        with_job(
            f"layers: '{LAYER}', secrets: {{KEY: phaseline/key}}, reserved_concurrency: 3, tracing: active, "
            "tags: {team: sea}, policy: [{actions: [s3:GetObject], resources: 'arn:aws:s3:::boats/*'}]"
        ),
    )
    function, role = made.one("AWS::Lambda::Function", "rentaboat"), made.one("AWS::IAM::Role", "rentaboat")
    assert function["Layers"][:-1] == [LAYER]  # Ours is the last: where both bring a module, it wins.
    assert function["Environment"]["Variables"]["KEY"] == "phaseline/key"
    assert function["ReservedConcurrentExecutions"] == 3
    assert function["TracingConfig"] == {"Mode": "Active"}
    resources = {str(item["Action"]): json.dumps(item["Resource"]) for item in statements(role)}
    assert resources["s3:GetObject"] == '"arn:aws:s3:::boats/*"'
    assert resources["['xray:PutTraceSegments', 'xray:PutTelemetryRecords']"] == '"*"'
    assert "phaseline/key-??????" in json.dumps(role)
    tagged = [item for item in made.resources.values() if {"Key": "team", "Value": "sea"} in _tags(item)]
    assert {item["Type"] for item in tagged} == SIX - {"AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission"}
    of_job = [item["Type"] for id, item in made.resources.items() if "rentaboat" in id]
    assert sorted(of_job) == sorted(SIX)


def _tags(resource: Resource) -> list[dict[str, str]]:
    found: list[dict[str, str]] = resource.get("Properties", {}).get("Tags", [])
    return found


def test_a_job_of_another_processor_has_a_layer_of_its_own(tmp_path: Path) -> None:
    text = with_job("architecture: x86_64").replace("jobs:", "jobs:\n  other: {code: jobs/boat}", 1)
    made = make(tmp_path, text)
    (ours,), (theirs,) = (made.one("AWS::Lambda::Function", job)["Layers"] for job in ("rentaboat", "other"))
    assert (ours["Ref"] != theirs["Ref"], "x8664" in ours["Ref"]) == (True, True)
    assert made.one("AWS::Lambda::Function", "rentaboat")["Architectures"] == ["x86_64"]
    layers = made.of_type("AWS::Lambda::LayerVersion")
    assert sorted(layer["Properties"]["CompatibleArchitectures"][0] for layer in layers) == ["arm64", "x86_64"]


def test_a_job_that_is_kept_warm_is_triggered_by_its_alias(tmp_path: Path) -> None:
    made = make(tmp_path, with_job("provisioned_concurrency: 2"))
    (target,) = made.one("AWS::Events::Rule", "rentaboat")["Targets"]
    permission = made.one("AWS::Lambda::Permission", "rentaboat")
    assert target["Arn"] == permission["FunctionName"]
    assert made.resources[target["Arn"]["Ref"]]["Type"] == "AWS::Lambda::Alias"
    delivery = made.one("AWS::Lambda::EventInvokeConfig", "rentaboat")
    assert target["Arn"]["Ref"] in json.dumps(delivery["Qualifier"])
    assert delivery["MaximumRetryAttempts"] == 0
    (rule,) = made.of_type("AWS::Events::Rule", "rentaboat")
    assert any("EventInvokeConfig" in id for id in rule["DependsOn"])
    assert len([id for id in made.resources if "rentaboat" in id]) == 8


def test_a_new_layer_is_a_new_version_of_what_is_kept_warm(tmp_path: Path) -> None:
    def version(changed: str) -> str:
        made = make(tmp_path, with_job("provisioned_concurrency: 2"))
        (layer,) = (each for each in made.stack.node.find_all() if isinstance(each, lambda_.CfnLayerVersion))
        layer.license_info = changed
        return next(id for id, item in made.resources.items() if item["Type"] == "AWS::Lambda::Version")

    one, two = version("one"), version("two")
    assert one != two
    assert masked(one) == masked(two), "a snapshot of the template lasts"
