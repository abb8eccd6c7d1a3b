"""MongoDB's resource types, which an account has to activate before a template can use them.

Once in each account and region, whatever the environments: so it belongs into a stack of its own, and deleting one
environment takes nothing away from the others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import jsii
from aws_cdk import ArnFormat, CfnResource, CfnTypeActivation, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IValidation

from phaseline.cdk.basics.arguments import expect_list
from phaseline.cdk.basics.atlas_ids import check_profile
from phaseline.cdk.functions.mongo_connection import may_read_secret
from phaseline.cdk.stacks.neighbours import all_in_app
from phaseline_runtime.errors import UserError

PUBLISHER = "bb989456c78c398a858fef18f2ca1bfc1fbba082"
"""MongoDB, as publisher in CloudFormation's registry."""
TYPES = ("MongoDB::Atlas::Trigger", "MongoDB::Atlas::CustomDBRole", "MongoDB::Atlas::DatabaseUser")
"""What the constructs of Phaseline use."""
_TYPE = re.compile(r"MongoDB::Atlas::[A-Za-z0-9]+")


class AtlasTypes(Construct):
    """Activates the types, with a role by which they read the API key of a profile and nothing else.

    A template that has resources of these types is none before they are activated: a synth of a stack with both fails.

    Args:
        profiles: the names of the profiles; the secret `cfn/atlas/profile/PROFILE` of each holds an API key of Atlas,
            as JSON with `PublicKey` and `PrivateKey`. Create it yourself.
        types: the types to activate; by default all that Phaseline uses. Leave out what the account has already.

    Raises:
        UserError: a profile or a type is none, there is no profile or no type, one of both is no list, or another one
            activates a type already in the same stack, or the same account and region.
    """

    _made: tuple[str, ...] = ()
    """The types, once nothing was refused."""

    def __init__(
        self, scope: Construct, id: str, *, profiles: Sequence[str] = ("default",), types: Sequence[str] = TYPES
    ) -> None:
        super().__init__(scope, id)
        expect_list("AtlasTypes", "profiles", profiles, "of the names of profiles")
        expect_list("AtlasTypes", "types", types, "of the names of types")
        if not profiles:
            raise UserError("AtlasTypes: profiles: got none; give one at least, whose API key the types take")
        if not types:
            raise UserError("AtlasTypes: types: got none; give one at least, such as `MongoDB::Atlas::Trigger`")
        for name in types:
            if not isinstance(name, str) or not _TYPE.fullmatch(name):
                raise UserError(f"AtlasTypes: types: got {name!r}; expected are types of MongoDB's, such as {TYPES[0]}")
        for profile in profiles:
            check_profile("AtlasTypes", profile)
        wanted = list(dict.fromkeys(types))
        for other in all_in_app(self, AtlasTypes):
            twice = [name for name in wanted if name in other._made]
            if twice and _are_near(Stack.of(self), Stack.of(other)):
                raise UserError(
                    f"AtlasTypes {self.node.path}: types: {other.node.path} activates {', '.join(twice)} already, and "
                    "an account does so once in each region: one AtlasTypes with all `profiles` does for all of them"
                )
        self._made = tuple(wanted)
        self.node.add_validation(_Apart(Stack.of(self), wanted))
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "resources.cloudformation.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": Stack.of(self).account},
                    "StringLike": {"aws:SourceArn": [self._type_arn(name) for name in wanted]},
                },
            ),
            inline_policies={
                "ApiKeys": iam.PolicyDocument(
                    statements=[may_read_secret(self, f"cfn/atlas/profile/{profile}") for profile in profiles]
                )
            },
        )
        """What the types' handlers run as."""
        for name in wanted:
            CfnTypeActivation(
                self,
                name.rpartition("::")[2],
                type="RESOURCE",
                type_name=name,
                publisher_id=PUBLISHER,
                execution_role_arn=self.role.role_arn,
            )

    def _type_arn(self, name: str) -> str:
        """The ARN of the activated type, any version of it."""
        return Stack.of(self).format_arn(
            service="cloudformation",
            resource="type",
            resource_name=f"resource/{name.replace('::', '-')}/*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )


def _are_near(one: Stack, other: Stack) -> bool:
    """Whether both are in one account and region, for all that is known."""
    same = one.environment == other.environment and "unknown" not in one.environment
    return same or one.node.path == other.node.path


@jsii.implements(IValidation)
class _Apart:
    """Whether the stack uses no type that it activates, once all of it is made."""

    def __init__(self, stack: Stack, types: Sequence[str]) -> None:
        self._stack = stack
        self._types = types

    def validate(self) -> list[str]:
        users = [
            each.node.path
            for each in self._stack.node.find_all()
            if isinstance(each, CfnResource) and each.cfn_resource_type in self._types
            # Nested stacks, and those of jobs, have templates of their own.
            if Stack.of(each).node.path == self._stack.node.path
        ]
        if not users:
            return []
        return [
            f"AtlasTypes: {users[0]} in the same stack is of a type that is not there before that stack is deployed: "
            "CloudFormation refuses the template. Give AtlasTypes a stack of its own, and deploy that first"
        ]
