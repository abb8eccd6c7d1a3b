"""The VPC that all functions run in, where they are not to reach MongoDB over the internet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from phaseline.cdk.basics.arguments import expect, expect_construct, expect_list
from phaseline.cdk.basics.asked_once import asked_once
from phaseline.cdk.basics.quotas import SECURITY_GROUPS
from phaseline_runtime.errors import UserError

NETWORK = "`Network.vpc(vpc, security_groups=[…])`"
"""What a network is, for messages."""

_CHANGES = (
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
_READS = ("ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets")
_BY_A_FUNCTION = {"ArnLike": {"lambda:SourceFunctionArn": "arn:*:lambda:*:*:function:*"}}
"""Only the calls of a function's code have this key, and not those that Lambda makes with its role."""


@dataclass(frozen=True, slots=True)
class Network:
    """Where functions run: made by its factory, and given to `Orchestration`.

    Example:
        ```python
        Network.vpc(vpc, security_groups=[functions])
        ```
    """

    place: ec2.IVpc
    security_groups: tuple[ec2.ISecurityGroup, ...]
    subnets: ec2.SubnetSelection | None

    @classmethod
    def vpc(
        cls,
        vpc: ec2.IVpc,
        *,
        security_groups: Sequence[ec2.ISecurityGroup],
        subnets: ec2.SubnetSelection | None = None,
    ) -> Network:
        """A VPC of yours. From it, functions have to reach MongoDB, and AWS by endpoints or NAT.

        What they call of AWS: the service that holds the connection string, SQS (orchestrator_job), S3
        (migrations_job, to answer CloudFormation), Lambda (invokers), and what notifications and your jobs do.

        Args:
            vpc: the VPC.
            security_groups: of all functions, one to five. Without any, CDK would make one more for each function.
            subnets: by default the private ones.

        Raises:
            UserError: there is no security group, or too many, or no subnet, something is no part of a VPC, or a subnet
                is a public one.
        """
        expect_construct("Network.vpc", "vpc", vpc, "vpc_id", "`ec2.Vpc.from_lookup(…)` or a VPC of the app's")
        expect_list("Network.vpc", "security_groups", security_groups, "of security groups")
        for group in security_groups:
            known = "`ec2.SecurityGroup.from_security_group_id(…)` or one of the app's"
            expect_construct("Network.vpc", "security_groups", group, "security_group_id", known)
        kinds = (ec2.SubnetSelection, type(None))
        expect("Network.vpc", "subnets", subnets, kinds, "`ec2.SubnetSelection(subnets=[…])` or another selection")
        if not security_groups:
            raise UserError("Network.vpc: security_groups: got none; give one that lets the functions reach MongoDB")
        if len(security_groups) > SECURITY_GROUPS:
            raise UserError(
                f"Network.vpc: security_groups: got {len(security_groups)}; Lambda allows {SECURITY_GROUPS}"
            )
        selected = _selected(vpc, subnets)
        if not selected.subnet_ids:
            raise UserError(
                "Network.vpc: subnets: got none; without any, Lambda would run the functions outside of the VPC"
            )
        if selected.has_public:
            raise UserError(
                "Network.vpc: subnets: got public ones, in which a function reaches nothing outside of the VPC, since "
                "it has no public address: choose subnets with a NAT or endpoints, "
                "`subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)`"
            )
        return cls(vpc, tuple(security_groups), subnets)

    @property
    def properties(self) -> dict[str, Any]:
        """The properties of a function in it."""
        return {"vpc": self.place, "security_groups": list(self.security_groups), "vpc_subnets": self.subnets}

    @property
    def statements(self) -> list[iam.PolicyStatement]:
        """What the role of such a function needs: Lambda makes the network interfaces by it.

        On all resources, since Lambda asks for that. So the function's own code may change none, as AWS advises (AWS
        Lambda, "Giving Lambda functions access to resources in an Amazon VPC").
        """
        return _statements()


def _selected(vpc: ec2.IVpc, subnets: ec2.SubnetSelection | None) -> ec2.SelectedSubnets:
    """The subnets that are meant. Raises UserError where the VPC has none such."""
    wanted = subnets or ec2.SubnetSelection()
    try:
        return vpc.select_subnets(
            availability_zones=wanted.availability_zones,
            one_per_az=wanted.one_per_az,
            subnet_filters=wanted.subnet_filters,
            subnet_group_name=wanted.subnet_group_name,
            subnets=wanted.subnets,
            subnet_type=wanted.subnet_type,
        )
    except RuntimeError as error:
        raise UserError(f"Network.vpc: subnets: {error}") from None


@asked_once
def _statements() -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(actions=[*_CHANGES, *_READS], resources=["*"]),
        iam.PolicyStatement(effect=iam.Effect.DENY, actions=list(_CHANGES), resources=["*"], conditions=_BY_A_FUNCTION),
    ]
