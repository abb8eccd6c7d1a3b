"""All functions in a VPC: the one that was given, with its subnets and security groups, and nothing made besides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from phaseline.cdk import EventSource, MongoConnection, Network, Orchestration
from phaseline.config import load
from phaseline_runtime.errors import UserError
from tests.support.stacks import CONFIG, Made, actions, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("network")
    make(folder, CONFIG)
    stack = cdk.Stack(cdk.App(context={"aws:cdk:bundling-stacks": []}, outdir=str(folder / "out")), "test")
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["eu-central-1a", "eu-central-1b"],
        private_subnet_ids=["subnet-1", "subnet-2"],
    )
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
    orchestration = Orchestration(
        stack,
        "Orchestration",
        config=load(folder / "phaseline.yaml", values={}),
        mongo=MongoConnection.secret("phaseline/test/mongo"),
        event_source=EventSource.relay(),
        network=Network.vpc(vpc, security_groups=[group]),
    )
    return Made(stack, orchestration)


def test_every_function_is_in_it_with_the_given_group(made: Made) -> None:
    functions = made.of_type("AWS::Lambda::Function")
    assert len(functions) == 8
    for function in functions:
        assert function["Properties"]["VpcConfig"] == {
            "SecurityGroupIds": ["sg-1"],
            "SubnetIds": ["subnet-1", "subnet-2"],
        }


def test_no_group_and_no_policy_is_made_besides(made: Made) -> None:
    assert not made.of_type("AWS::EC2::SecurityGroup")
    roles = made.of_type("AWS::IAM::Role")
    assert len(roles) == 8
    for role in roles:
        assert "ManagedPolicyArns" not in role["Properties"]
        assert "ec2:CreateNetworkInterface" in actions(role["Properties"])


def test_without_one_no_role_may_do_anything_about_networks(tmp_path: Path) -> None:
    for role in make(tmp_path).of_type("AWS::IAM::Role"):
        assert not [action for action in actions(role["Properties"]) if action.startswith("ec2:")]


JOBS = """
jobs:
  here: {code: jobs/boat}
  there: {code: jobs/boat}
  nowhere: {code: jobs/boat}
  image: {image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/boat:1"}
  captain: {function_arn: "arn:aws:lambda:eu-west-1:111122223333:function:captain"}
state_machines: {trip: {phases: {thinking: {jobs: {here: , there: , nowhere: , image: , captain: }}}}}
"""


def network(stack: cdk.Stack, name: str) -> Network:
    """A VPC of this name, whose subnet and security group are called after it."""
    zones = {"availability_zones": ["eu-central-1a"], "private_subnet_ids": [f"subnet-{name}"]}
    vpc = ec2.Vpc.from_vpc_attributes(stack, f"Vpc{name}", vpc_id=f"vpc-{name}", **zones)  # type: ignore[arg-type]
    return Network.vpc(
        vpc, security_groups=[ec2.SecurityGroup.from_security_group_id(stack, f"Sg{name}", f"sg-{name}")]
    )


def test_single_jobs_are_elsewhere_and_so_are_the_functions_of_invoked_ones(tmp_path: Path) -> None:
    elsewhere = cdk.Stack(cdk.App(outdir=str(tmp_path / "vpc")), "vpc")
    usual, other = network(elsewhere, "usual"), network(elsewhere, "other")
    made = make(tmp_path, JOBS, network=lambda _: usual, job_networks={"there": other, "nowhere": None, "image": other})
    found = {}
    for id, function in made.resources.items():
        if function["Type"] == "AWS::Lambda::Function":
            groups = function["Properties"].get("VpcConfig", {}).get("SecurityGroupIds", [])
            found[id.removeprefix("OrchestrationJobs").partition("Function")[0]] = groups
    jobs = {
        "here": "usual",
        "there": "other",
        "image": "usual",
        "imagefunction": "other",
        "captain": "usual",
    }
    assert {name: found[name] for name in jobs} == {name: [f"sg-{of}"] for name, of in jobs.items()}
    assert found["nowhere"] == []
    assert sum(groups == ["sg-usual"] for groups in found.values()) == 3 + len(made.orchestration.functions)


def test_networks_of_what_is_no_job_or_is_there_already_are_named_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        make(tmp_path, JOBS, job_networks={"ther": None, "captain": None})
    assert str(raised.value) == (
        "job_networks: `ther` is no job in phaseline.yaml: did you mean there?; "
        "`captain` is an existing function: where that runs is said where it is defined"
    )


def test_a_security_group_has_to_be_given() -> None:
    stack = cdk.Stack(cdk.App(), "test")
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["a"], private_subnet_ids=["s"])
    with pytest.raises(UserError, match=r"Network\.vpc: security_groups: got none"):
        Network.vpc(vpc, security_groups=[])


def test_a_function_has_five_security_groups_at_most() -> None:
    stack = cdk.Stack(cdk.App(), "test")
    vpc = ec2.Vpc(stack, "Vpc")
    groups = [ec2.SecurityGroup(stack, f"Group{number}", vpc=vpc) for number in range(6)]
    Network.vpc(vpc, security_groups=groups[:5])
    with pytest.raises(UserError, match=r"Network\.vpc: security_groups: got 6; Lambda allows 5"):
        Network.vpc(vpc, security_groups=groups)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vpc": None}, r"vpc: got None; expected is `ec2\.Vpc\.from_lookup"),
        (
            {"security_groups": "sg-1"},
            "security_groups: got a value of type str; expected is a list of security groups",
        ),
        ({"security_groups": ["sg-1"]}, r"security_groups: got a value of type str; .*from_security_group_id"),
        ({"subnets": ["subnet-1"]}, r"subnets: got a value of type list; expected is `ec2\.SubnetSelection"),
        ({"subnets": ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)}, "subnets: got public ones"),
        ({"subnets": ec2.SubnetSelection(subnets=[])}, "subnets: got none; .* outside of the VPC"),
        ({"subnets": ec2.SubnetSelection(subnet_group_name="boats")}, "subnets: .*no subnet groups with name 'boats'"),
    ],
)
def test_what_is_no_part_of_a_vpc_or_leads_nowhere_is_refused(arguments: dict[str, Any], message: str) -> None:
    stack = cdk.Stack(cdk.App(), "test")
    vpc = ec2.Vpc(stack, "Vpc")
    group = ec2.SecurityGroup(stack, "Group", vpc=vpc)
    with pytest.raises(UserError, match=rf"Network\.vpc: {message}"):
        Network.vpc(**{"vpc": vpc, "security_groups": [group], **arguments})
