"""Jobs in stacks of their own: where each goes, what the stacks need of one another, and in which order they deploy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_logs as logs
from constructs import IConstruct

from phaseline.cdk import EventSource, JobStacks, MongoConnection, Orchestration
from phaseline.cdk.basics.placing import groups
from phaseline.cdk.bundled.bundled_functions import BUNDLED_ROLES
from phaseline.config import load
from phaseline_runtime.errors import UserError
from tests.support.stacks import CONFIG, Resource, make

JOBS = [f"job{number}" for number in range(12)]
STARTS = "    start: [{schedule: rate(1 hour)}, {event: {bus: shop, pattern: {source: [shop]}}}]\n"

TEAM = cdk.DefaultStackSynthesizer(qualifier="team")

Templates = dict[str, Any]


@jsii.implements(cdk.IAspect)
class Retaining:
    """An aspect of an app: no log group is ever deleted."""

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, logs.CfnLogGroup):
            node.apply_removal_policy(cdk.RemovalPolicy.RETAIN)


def synthesized(folder: Path, jobs: Sequence[str] = JOBS, **arguments: Any) -> tuple[Templates, dict[str, set[str]]]:
    """The templates of all stacks by stack name, and the names of the stacks that each depends on."""
    declared = "".join(f"  {job}: {{code: jobs/boat}}\n" for job in jobs)
    used = "".join(f"          {job}:\n" for job in jobs)
    machine = f"  trip:\n{STARTS}    phases:\n      all:\n        jobs:\n{used}"
    made = make(folder, f"jobs:\n{declared}state_machines:\n{machine}", **arguments)
    stage = cdk.Stage.of(made.stack)
    assert stage is not None
    assembly = stage.synth()
    stacks = {item.stack_name: item for item in assembly.stacks}
    after = {
        name: {
            each.stack_name for each in item.dependencies if isinstance(each, cdk.cx_api.CloudFormationStackArtifact)
        }
        for name, item in stacks.items()
    }
    return {name: item.template for name, item in stacks.items()}, after


def of_type(template: Resource, kind: str) -> list[Resource]:
    return [item["Properties"] for item in template["Resources"].values() if item["Type"] == kind]


def jobs_of(template: Resource) -> list[str]:
    functions = of_type(template, "AWS::Lambda::Function")
    return sorted(each["Environment"]["Variables"]["PHASELINE_JOB"] for each in functions)


@pytest.fixture(scope="module", params=["direct", "routed"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Templates, Any]:
    return synthesized(tmp_path_factory.mktemp(request.param), job_stacks=getattr(JobStacks, request.param)(3))


def test_each_job_is_in_one_of_the_stacks_and_in_no_other(made: tuple[Templates, Any]) -> None:
    templates, _ = made
    assert [jobs_of(templates[f"test-jobs-0{number}"]) for number in (1, 2, 3)] == [sorted(x) for x in groups(JOBS, 3)]
    assert not [id for id in templates["test"]["Resources"] if "Jobs" in id]


def test_the_jobs_deploy_after_the_first_stack_and_the_publication_after_all_jobs(made: tuple[Templates, Any]) -> None:
    templates, after = made
    jobs = {f"test-jobs-0{number}" for number in (1, 2, 3)}
    assert after == {"test": set(), **{name: {"test"} for name in jobs}, "test-publication": {"test", *jobs}}
    assert of_type(templates["test-publication"], "Custom::PhaselinePublication")
    assert not of_type(templates["test"], "Custom::PhaselinePublication")


def test_no_stack_imports_from_another(made: tuple[Templates, Any]) -> None:
    """What is imported cannot be changed: neither a release of the layer nor another bus could be deployed."""
    templates, _ = made
    text = json.dumps(templates)
    assert "Fn::ImportValue" not in text
    assert '"Export"' not in text
    given = {item["Name"] for item in of_type(templates["test"], "AWS::SSM::Parameter")}
    for name in set(templates) - {"test"}:
        read = {item["Default"] for item in templates[name]["Parameters"].values()}
        assert {each for each in read if each.startswith("/phaseline/")} <= given
        assert all(json.dumps({"Ref": each}) in json.dumps(templates[name]) for each in templates[name]["Parameters"])
    for name in ("test-jobs-01", "test-jobs-02", "test-jobs-03"):
        assert len(of_type(templates[name], "AWS::Lambda::LayerVersion")) == 1


def test_where_nothing_starts_by_itself_the_publication_is_alone_in_its_stack(tmp_path: Path) -> None:
    made = make(tmp_path, CONFIG, job_stacks=JobStacks.direct(1))
    stage = cdk.Stage.of(made.stack)
    assert stage is not None
    (found,) = [stack.template for stack in stage.synth().stacks if stack.stack_name == "test-publication"]
    assert [item["Type"] for item in found["Resources"].values()] == ["Custom::PhaselinePublication"]
    assert not [name for name in found["Parameters"] if "starter" in name]


def test_the_queue_takes_what_no_rule_of_any_stack_could_hand_over(made: tuple[Templates, Any]) -> None:
    templates, _ = made
    (policy,) = [item for id, item in templates["test"]["Resources"].items() if "DeadLettersRulesPolicy" in id]
    accepted = json.dumps([item["Condition"] for item in policy["Properties"]["PolicyDocument"]["Statement"]])
    routed = len(of_type(templates["test-jobs-01"], "AWS::Events::EventBus")) == 1
    assert (":rule/test-jobs-??/*" in accepted) is routed
    for start in of_type(templates["test-publication"], "AWS::Events::Rule"):
        place = f"{start['EventBusName']}/" if "EventBusName" in start else ""
        assert f":rule/{place}{start['Name'].rpartition('-')[0]}-*" in accepted


def test_directly_a_job_takes_six_resources_and_a_rule_of_the_status_bus(tmp_path: Path) -> None:
    templates, _ = synthesized(tmp_path, job_stacks=JobStacks.direct(1))
    found = templates["test-jobs-01"]
    assert len(found["Resources"]) == 6 * len(JOBS) + 1
    assert {json.dumps(rule["EventBusName"]) for rule in of_type(found, "AWS::Events::Rule")} == {
        '{"Ref": "SsmParameterValuephaselinetestbusC96584B6F00A464EAD1953AFF4B05118Parameter"}'
    }


def test_routed_a_rule_of_the_status_bus_names_the_jobs_of_a_stack_whose_rules_are_on_its_own_bus(
    tmp_path: Path,
) -> None:
    """By that pattern and no other: a rule without the names would send each event to each bus."""
    templates, _ = synthesized(tmp_path, job_stacks=JobStacks.routed(2))
    for name, jobs in zip(("test-jobs-01", "test-jobs-02"), groups(JOBS, 2), strict=True):
        found = templates[name]
        (bus,) = [id for id, item in found["Resources"].items() if item["Type"] == "AWS::Events::EventBus"]
        assert found["Resources"][bus]["Properties"]["Name"] == name
        routing, *rules = sorted(of_type(found, "AWS::Events::Rule"), key=lambda rule: "Job" in rule["Description"])
        assert routing["EventPattern"]["detail"]["fullDocument"] == {
            "kind": ["job"],
            "job": jobs,
            "status": ["triggered"],
        }
        assert routing["EventBusName"] == {
            "Ref": "SsmParameterValuephaselinetestbusC96584B6F00A464EAD1953AFF4B05118Parameter"
        }
        (target,) = routing["Targets"]
        assert target["Arn"] == {"Fn::GetAtt": [bus, "Arn"]}
        assert {"DeadLetterConfig", "RetryPolicy", "RoleArn"} < set(target)
        assert sorted(rule["EventPattern"]["detail"]["fullDocument"]["job"] for rule in rules) == [
            [job] for job in jobs
        ]
        assert all(rule["EventBusName"] == {"Ref": bus} for rule in rules)
        assert len(found["Resources"]) == 6 * len(jobs) + 4


def test_a_job_that_comes_changes_its_own_stack_and_no_other(tmp_path: Path) -> None:
    before, _ = synthesized(tmp_path, job_stacks=JobStacks.routed(3))
    after, _ = synthesized(tmp_path, [*reversed(JOBS), "new"], job_stacks=JobStacks.routed(3))
    (its,) = [f"test-jobs-0{number}" for number, jobs in enumerate(groups([*JOBS, "new"], 3), 1) if "new" in jobs]
    assert {name for name in before if before[name] != after[name]} == {"test", "test-publication", its}
    old, new = before[its]["Resources"], after[its]["Resources"]
    assert {id for id in old if old[id] != new.get(id)} == {id for id in old if id.startswith("RoutingRule")}
    assert len(new) - len(old) == 6
    changed = {id for id, item in before["test"]["Resources"].items() if item != after["test"]["Resources"].get(id)}
    assert all("Function" in id for id in changed), changed  # Those that hold the definitions as their code.


def test_the_first_stack_cannot_be_a_nested_one(tmp_path: Path) -> None:
    (tmp_path / "boat").mkdir()
    (tmp_path / "boat/handler.py").write_text("def handler(event, context): ...\n")
    (tmp_path / "phaseline.yaml").write_text(CONFIG.replace("jobs/boat", "boat"))
    app = cdk.App(context={"aws:cdk:bundling-stacks": []}, outdir=str(tmp_path / "cdk.out"))
    nested = cdk.NestedStack(cdk.Stack(app, "outer"), "inner")
    with pytest.raises(UserError, match="give it one that is not nested"):
        Orchestration(
            nested,
            "Orchestration",
            config=load(tmp_path / "phaseline.yaml", values={}),
            mongo=MongoConnection.secret("phaseline/test/mongo"),
            event_source=EventSource.relay("phaseline-test"),
            job_stacks=JobStacks.direct(2),
        )


def test_what_the_first_stack_has_of_its_own_the_further_ones_have_too(tmp_path: Path) -> None:
    made = make(
        tmp_path,
        CONFIG,
        job_stacks=JobStacks.direct(1, synthesizer=TEAM),
        of_stack={
            "tags": {"team": "sea"},
            "env": cdk.Environment(account="111122223333", region="eu-west-1"),
            "termination_protection": True,
            "permissions_boundary": cdk.PermissionsBoundary.from_name("boundary"),
            "synthesizer": TEAM,
        },
    )
    cdk.Tags.of(made.stack).add("cost", "fish")
    cdk.Aspects.of(made.stack).add(Retaining())
    stage = cdk.Stage.of(made.stack)
    assert stage is not None
    stacks = stage.synth().stacks
    assert [stack.stack_name for stack in stacks] == ["test", "test-jobs-01", "test-publication"]
    for stack in stacks:
        assert stack.tags == {"team": "sea", "cost": "fish"}
        assert stack.environment.name == "aws://111122223333/eu-west-1"
        assert stack.termination_protection is True
        assert "role/cdk-team-deploy-role-" in str(stack.assume_role_arn)
        for item in stack.template["Resources"].values():
            if item["Type"] == "AWS::IAM::Role":
                assert ":policy/boundary" in str(item["Properties"]["PermissionsBoundary"])
                assert {"Key": "cost", "Value": "fish"} in item["Properties"]["Tags"]
            if item["Type"] == "AWS::Logs::LogGroup":
                assert item["DeletionPolicy"] == "Retain"


def test_a_synthesizer_that_the_further_stacks_would_not_have_is_refused(tmp_path: Path) -> None:
    """They would be deployed by roles of another bootstrap, which may not exist, or may do more."""
    with pytest.raises(UserError, match=r"the stack test has a synthesizer of its own, .* synthesizer=…"):
        make(tmp_path, CONFIG, job_stacks=JobStacks.routed(2), of_stack={"synthesizer": TEAM})


@pytest.mark.parametrize("over", [0, 1])
def test_the_roles_that_hand_over_to_the_stacks_count_among_an_account_s(
    over: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack that has no job has no such role."""
    two = groups(JOBS, 9)
    jobs = two[0] + two[1]
    monkeypatch.setattr("phaseline.cdk.orchestration.ROLES", BUNDLED_ROLES + len(jobs) + 2 - over)
    templates, _ = synthesized(tmp_path, jobs, job_stacks=JobStacks.routed(9))
    roles = [role for name, each in templates.items() if "-jobs-" in name for role in of_type(each, "AWS::IAM::Role")]
    assert len(roles) == len(jobs) + 2
    said = f"{len(jobs)} jobs have {len(jobs)} roles, one for each function, the buses of their stacks have 2, and"
    written = "".join(each.read_text() for each in (tmp_path / "cdk.out").glob("*.json"))
    assert (said in written) is bool(over)
