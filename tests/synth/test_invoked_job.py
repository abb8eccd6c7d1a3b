"""Jobs whose function is not ours: an invoker of six resources each, and what it calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match

from phaseline.cdk import InvokedJob
from phaseline.cdk.basics.quotas import JOB_RESOURCES
from phaseline.cdk.jobs.job_target import Functions
from phaseline.cdk.jobs.making import KEPT_WARM, OF_A_FUNCTION, OF_A_JOB, resources_of
from phaseline.config import load
from phaseline.config.reading.keys import MAX_TIMEOUT
from phaseline.config.reading.runtimes import OTHER
from phaseline_runtime.errors import UserError
from phaseline_runtime.invoker import MAX_PAYLOAD
from tests.support.stacks import ROOT, Made, Resource, actions, make, statements
from tests.synth.test_job_function import SIX

CAPTAIN = "arn:aws:lambda:eu-west-1:111122223333:function:captain:live"
CONFIG = f"""
jobs:
  node: {{code: jobs/node, runtime: nodejs22.x, memory: 512, timeout: 1m, environment: {{PORT: Bergen}},
         secrets: {{KEY: phaseline/key}}, reserved_concurrency: 4, tags: {{team: sea}},
         policy: {{actions: s3:GetObject, resources: "arn:aws:s3:::boats/*"}}}}
  jar: {{code: jobs/boat.jar, runtime: java21, handler: "boats.Handler::handle", tracing: active}}
  docker: {{image: jobs/docker, architecture: x86_64}}
  ecr: {{image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/boats:1.2"}}
  captain: {{function_arn: "{CAPTAIN}", tags: {{team: sea}}, filter: {{port: [Bergen]}}, timeout: 890s}}
  app: {{function: given}}
state_machines:
  m: {{phases: {{p: {{jobs: {{node: , jar: , docker: , ecr: , captain: , app: }}}}}}}}
"""


def mine(stack: cdk.Stack, *, seconds: int = 30) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Mine",
        code=lambda_.Code.from_inline("exports.handler = async () => 1"),
        handler="index.handler",
        runtime=lambda_.Runtime.NODEJS_22_X,
        timeout=cdk.Duration.seconds(seconds),
    )


def given(stack: cdk.Stack) -> Functions:
    return {"app": mine(stack)}


def made_in(folder: Path, text: str = CONFIG, functions: Callable[[cdk.Stack], Functions] = given) -> Made:
    for place, file in (("node", "index.mjs"), ("docker", "Dockerfile")):
        (folder / "jobs" / place).mkdir(parents=True)
        (folder / "jobs" / place / file).write_text("FROM scratch\n")
    (folder / "jobs" / "boat.jar").write_bytes(b"PK\x05\x06" + bytes(18))
    return make(folder, text, functions=functions)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made_in(tmp_path_factory.mktemp("invoked"))


def invoker(made: Made, job: str) -> Resource:
    return made.one("AWS::Lambda::Function", f"Jobs{job}Function")


def owned(made: Made, job: str) -> Resource:
    return made.one("AWS::Lambda::Function", f"Jobs{job}functionFunction")


@pytest.mark.parametrize("job", ["node", "jar", "docker", "ecr", "captain", "app"])
def test_every_invoked_job_has_the_six_resources_of_any_job_for_its_invoker(made: Made, job: str) -> None:
    of_job = [item["Type"] for id, item in made.resources.items() if f"Jobs{job}" in id and "function" not in id]
    assert sorted(of_job) == sorted(SIX)
    assert invoker(made, job)["Handler"] == "phaseline_runtime.invoker.handler"
    assert invoker(made, job)["Environment"]["Variables"]["PHASELINE_JOB"] == job


@pytest.mark.parametrize(
    ("job", "count"), [("node", 3), ("jar", 3), ("docker", 3), ("ecr", 3), ("captain", 0), ("app", 0)]
)
def test_a_function_that_is_made_from_the_file_costs_three_more(made: Made, job: str, count: int) -> None:
    of_function = [item["Type"] for id, item in made.resources.items() if f"Jobs{job}function" in id]
    assert sorted(of_function) == sorted(["AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup"][:count])


def test_what_a_job_is_reckoned_to_take_is_what_it_takes(tmp_path: Path) -> None:
    made = made_in(tmp_path, CONFIG.replace("architecture: x86_64", "provisioned_concurrency: 1"))
    mongo = made.orchestration.settings.mongo
    for name, job in load(tmp_path / "phaseline.yaml", values={}).jobs.items():
        assert resources_of(job, mongo) == sum(f"Jobs{name}" in id for id in made.resources), name


def test_code_in_another_runtime_becomes_a_function_as_it_is(made: Made) -> None:
    function = owned(made, "node")
    assert (function["Runtime"], function["Handler"]) == ("nodejs22.x", "index.handler")
    assert (function["MemorySize"], function["Timeout"]) == (512, 60)
    assert function["Environment"]["Variables"] == {"PORT": "Bergen", "KEY": "phaseline/key"}
    assert "Layers" not in function
    assert function["Tags"] == [{"Key": "team", "Value": "sea"}]
    assert owned(made, "jar")["Handler"] == "boats.Handler::handle"


def test_its_role_may_write_its_log_and_do_what_the_file_says_and_nothing_of_mongodb(made: Made) -> None:
    role = made.one("AWS::IAM::Role", "Jobsnodefunction")
    assert actions(role) == {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "secretsmanager:GetSecretValue",
    }
    assert "phaseline/test/mongo" not in json.dumps(role)


def test_a_bound_is_on_the_invoker_where_what_it_does_not_let_through_waits(made: Made) -> None:
    assert invoker(made, "node")["ReservedConcurrentExecutions"] == 4
    assert "ReservedConcurrentExecutions" not in owned(made, "node")


def test_an_image_is_built_from_its_folder_or_taken_from_ecr(made: Made) -> None:
    docker, ecr = owned(made, "docker"), owned(made, "ecr")
    assert docker["PackageType"] == ecr["PackageType"] == "Image"
    assert (docker["Architectures"], ecr["Architectures"]) == (["x86_64"], ["arm64"])
    assert "container-assets" in json.dumps(docker["Code"]["ImageUri"])
    assert "/boats:1.2" in json.dumps(ecr["Code"]["ImageUri"])
    assert "Runtime" not in docker


@pytest.mark.parametrize("job", ["node", "docker", "captain", "app"])
def test_an_invoker_may_call_its_function_and_no_other(made: Made, job: str) -> None:
    target = invoker(made, job)["Environment"]["Variables"]["PHASELINE_TARGET"]
    (statement,) = (
        item
        for item in statements(made.one("AWS::IAM::Role", f"Jobs{job}Role"))
        if item["Action"] == "lambda:InvokeFunction"
    )
    assert statement["Resource"] == target
    assert not made.of_type("AWS::IAM::Policy")


def test_an_existing_function_is_called_by_its_whole_arn(made: Made) -> None:
    assert invoker(made, "captain")["Environment"]["Variables"]["PHASELINE_TARGET"] == CAPTAIN
    assert invoker(made, "captain")["Timeout"] == 900
    pattern = made.one("AWS::Events::Rule", "Jobscaptain")["EventPattern"]
    assert pattern["detail"]["fullDocument"]["input"] == {"port": ["Bergen"]}


def test_the_function_of_a_job_is_the_one_that_does_the_work(made: Made) -> None:
    jobs = made.orchestration.jobs
    assert all(isinstance(job, InvokedJob) for job in jobs.values())
    assert jobs["captain"].function.function_arn == CAPTAIN
    assert jobs["app"].function.node.id == "Mine"
    assert jobs["node"].function.node.path.endswith("Jobs/node.function/Function")
    assert jobs["node"].runner.node.path.endswith("Jobs/node/Function")


def test_an_app_can_extend_the_function_that_is_made_from_the_file(tmp_path: Path) -> None:
    made = made_in(tmp_path)
    statement = iam.PolicyStatement(actions=["sns:Publish"], resources=["arn:aws:sns:eu-west-1:111122223333:boats"])
    made.orchestration.jobs["docker"].function.add_to_role_policy(statement)
    assert made.one("AWS::IAM::Policy", "dockerfunction")


def test_functions_that_are_missing_or_too_many_are_named_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        made_in(tmp_path, functions=lambda stack: dict.fromkeys(["ap", "node"], mine(stack)))
    assert str(raised.value) == (
        "functions: `app` is missing, which phaseline.yaml asks for; "
        "`ap` is no job in phaseline.yaml: did you mean app?; "
        "`node` has code of its own in phaseline.yaml: let the job say `function: given`, or leave it out"
    )


@pytest.mark.parametrize("wrong", ["arn:aws:lambda:eu-west-1:111122223333:function:boat", None, lambda_.Function])
def test_what_is_no_function_is_named(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(UserError, match=r"functions: app: got .*; expected is a function, .* say `function_arn`"):
        made_in(tmp_path, functions=lambda _: {"app": wrong})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "of",
    [lambda function: function, lambda function: function.add_alias("live"), lambda function: function.current_version],
    ids=["function", "alias", "version"],
)
def test_a_function_that_may_run_longer_than_its_job_waits_is_warned_of(
    tmp_path: Path, of: Callable[[lambda_.Function], lambda_.IFunction]
) -> None:
    made = made_in(tmp_path, functions=lambda stack: {"app": of(mine(stack, seconds=120))})
    message = "job app: its function may run for 120 s, and the job gives up after 30 s"
    Annotations.from_stack(made.stack).has_warning("*", Match.string_like_regexp(message))
    assert not Annotations.from_stack(made_in(tmp_path / "two").stack).find_warning("*", Match.any_value())


def test_a_version_that_is_there_already_may_be_given(tmp_path: Path) -> None:
    arn = CAPTAIN.replace(":live", ":7")
    made = made_in(tmp_path, functions=lambda stack: {"app": lambda_.Version.from_version_arn(stack, "Seven", arn)})
    assert invoker(made, "app")["Environment"]["Variables"]["PHASELINE_TARGET"] == arn


@pytest.mark.parametrize("place", ["jobs/node/dependencies.bin", "jobs/boat.jar"])
def test_code_that_lambda_would_not_take_is_refused(tmp_path: Path, place: str) -> None:
    made_in(tmp_path)
    large = tmp_path / place
    if large.suffix == ".jar":
        with ZipFile(large, "w", ZIP_DEFLATED) as archive, archive.open("zeros", "w", force_zip64=True) as file:
            for _ in range(251):
                file.write(bytes(2**20))
    else:
        with large.open("wb") as file:
            file.truncate(251 * 2**20)  # Takes no room on the disk.
    with pytest.raises(UserError, match=r"job (node|jar): has 251 MB of code and requirements; Lambda takes 250 "):
        make(tmp_path, CONFIG, functions=given)


def test_what_is_kept_warm_is_called_by_its_alias(tmp_path: Path) -> None:
    made = made_in(tmp_path, CONFIG.replace("memory: 512", "provisioned_concurrency: 2"))
    alias = made.one("AWS::Lambda::Alias", "Jobsnodefunction")
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 2}
    target = invoker(made, "node")["Environment"]["Variables"]["PHASELINE_TARGET"]
    assert "Jobsnodefunction" in target["Ref"]
    assert "Alias" in target["Ref"]
    assert len([id for id in made.resources if "Jobsnodefunction" in id]) == 5


def test_an_app_can_extend_the_function_behind_the_alias_that_is_kept_warm(tmp_path: Path) -> None:
    made = made_in(tmp_path, CONFIG.replace("memory: 512", "provisioned_concurrency: 2"))
    function = made.orchestration.jobs["node"].function
    assert isinstance(function, lambda_.Function)
    function.add_environment("TOWN", "Bergen")
    assert owned(made, "node")["Environment"]["Variables"]["TOWN"] == "Bergen"


def test_what_the_docs_say_of_their_cost_is_what_holds() -> None:
    said = " ".join((ROOT / "docs/jobs.md").read_text().partition("## Functions in any language")[2].split())
    assert f"the input is above {MAX_PAYLOAD // 2**20} MB" in said
    assert f"above {MAX_TIMEOUT} s is refused" in said
    assert (OF_A_JOB, OF_A_FUNCTION, KEPT_WARM) == (6, 3, 2)
    assert f"So {JOB_RESOURCES // (OF_A_JOB + OF_A_FUNCTION)} jobs in Node fit into one stack" in said
    reference = (ROOT / "docs/config.md").read_text()
    assert all(f"`{runtime}`" in reference for runtime in OTHER)
