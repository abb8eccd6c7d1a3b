"""What scanners find in our templates and what is right as it is: one rule on one resource, with the reason beside it.

It stands where each scanner looks for it, so that whoever scans an app needs no suppressions of his own for what we
make: cdk-nag 3 reads CDK's acknowledgements; cdk-nag 2, checkov and cfn-lint read the resource's metadata. No scanner
is imported, and nothing is accepted for a whole stack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from functools import cache
from typing import Any, cast

from aws_cdk import CfnResource, IResolvable, Token, Validations
from constructs import IConstruct

# What is accepted on which kind of resource: the reasons by the ids of the rules.
QUEUE = {"CKV_AWS_27": "Encrypted by SQS itself (SSE-SQS); the rule knows only keys of KMS."}
LAST_QUEUE = {**QUEUE, "Serverless-SQSRedrivePolicy": "The last queue of all: people take what is in it."}
LOG_GROUP = {"CKV_AWS_158": "Encrypted by CloudWatch Logs itself; a key of KMS is the app's choice."}
SWEEP = {"Serverless-EventBusDLQ": "A call that is lost is made up for by the next."}
QUEUE_MAPPING = {
    "Serverless-LambdaEventSourceMappingDestination": "Lambda has no such destination for SQS: the queue has a redrive."
}
OF_MONGODB = {"E3006": "A type of MongoDB's: an account has it once `AtlasTypes` has activated it."}
WAITING = {"W3005": "Waits for all that belongs to the function, its delivery too, which nothing refers to."}

_RUNTIME = "The runtime that the handler was tried on, with support by AWS; another is the config's choice."
_DESTINATION = "The on-failure destination takes what a dead-letter queue would, and the cause with it."
_ANSWERED = "Only called by its invoker, which waits for the answer: a dead-letter queue would get nothing."
_VARIABLES = {"CKV_AWS_173": "Encrypted by Lambda itself; a secret belongs in Secrets Manager, never in a variable."}
_FUNCTION = {"W3005": "CDK adds the role by itself."}
_NOT_TRACED = {"Serverless-LambdaTracing": "X-Ray has its price and needs a grant on *: it is the app's choice."}
_NO_VPC = {"CKV_AWS_117": "Reaches MongoDB and AWS by TLS; a VPC is the app's choice."}
_NOT_RESERVED = {"CKV_AWS_115": "A reservation takes from what the account has for all: it is the app's choice."}
_RUNTIMES = {"AwsSolutions-L1": _RUNTIME, "Serverless-LambdaLatestVersion": _RUNTIME}

_TRACES = "X-Ray knows no resources, so AWS leaves nothing but the wildcard."
_INTERFACES = (
    "Lambda makes interfaces in a VPC by the role and asks for all resources; the function's code may change none."
)

_NAG_PACKS = ("AwsSolutions", "Serverless")


def accept(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings of scanners on one resource.

    Args:
        construct: a resource, or a construct that is made of one.
        reasons: why, by the id of the rule: of cdk-nag (`Serverless-LambdaDLQ`, or with the one finding that is meant,
            `AwsSolutions-IAM5[Resource::*]`), checkov (`CKV_AWS_27`) or cfn-lint (`W3005`).
    """
    resource = construct if isinstance(construct, CfnResource) else cast(CfnResource, construct.node.default_child)
    if acknowledged := _acknowledged(**reasons):
        # What `Validations.acknowledge` writes, at once for all rules and without a stack trace for each.
        resource.node.add_metadata(_key(), acknowledged)
    if suppressed := _suppressions(**reasons):
        resource.add_metadata("cdk_nag", suppressed)
    if (written := _metadata(**reasons)) is not None:
        # One call for both: they read the template, where this is the same as metadata.
        resource.add_override("Metadata", written)


def accept_among(constructs: Iterable[IConstruct], reasons: Mapping[type[CfnResource], Mapping[str, str]]) -> None:
    """Accept findings on those of the constructs that are resources of these types: the reasons by type."""
    for construct in constructs:
        if isinstance(construct, CfnResource) and (found := reasons.get(type(construct))):
            accept(construct, found)


# Below, reasons are keywords: the same few come again for each function, and a mapping cannot be the key of a cache.


@cache
def _key() -> str:
    """Where CDK looks for what is acknowledged of a construct."""
    return Validations.ACKNOWLEDGED_RULES_METADATA_KEY


@cache
def _acknowledged(**reasons: str) -> dict[str, str]:
    """As CDK has them, for cdk-nag 3."""
    return {f"{id.partition('-')[0]}::{id}": reason for id, reason in reasons.items() if id.startswith(_NAG_PACKS)}


@cache
def _suppressions(**reasons: str) -> dict[str, Any]:
    """As cdk-nag 2 reads them, from the construct."""
    rules = [_suppressed(id, reason) for id, reason in reasons.items() if id.startswith(_NAG_PACKS)]
    return {"rules_to_suppress": rules} if rules else {}


@cache
def _metadata(**reasons: str) -> IResolvable | None:
    """What checkov and cfn-lint read in the template, by the key of the scanner. As a token, it goes to Node once."""
    checkov = [{"id": id, "comment": reason} for id, reason in reasons.items() if id.startswith("CKV")]
    lint = {id: reason for id, reason in reasons.items() if not id.startswith((*_NAG_PACKS, "CKV"))}
    if not checkov and not lint:
        return None
    return Token.as_any(
        {
            **({"checkov": {"skip": checkov}} if checkov else {}),
            **({"cfn-lint": {"config": {"ignore_checks": list(lint)}, "reasons": lint}} if lint else {}),
        }
    )


def _suppressed(id: str, reason: str) -> dict[str, Any]:
    """A suppression as cdk-nag 2 reads it."""
    rule, _, finding = id.removesuffix("]").partition("[")
    return {"id": rule, "reason": reason, **({"applies_to": [finding]} if finding else {})}


class Wildcard(Enum):
    """What an app can ask for in a statement of its own that a scanner could not tell from ours."""

    RESOURCES = "all resources"
    ACTIONS = "all actions of a service"


def of_role(*, traced: bool, in_vpc: bool, app_asks: Collection[Wildcard] = ()) -> dict[str, str]:
    """What is accepted in the role of a function that we make, where the app does not ask for the same.

    Args:
        traced: whether X-Ray records the function's runs.
        in_vpc: whether it runs in a VPC.
        app_asks: what the app has in statements of its own.
    """
    reasons = [*([_TRACES] if traced else []), *([_INTERFACES] if in_vpc else [])]
    if not reasons or Wildcard.RESOURCES in app_asks:
        return {}
    # The second rule finds both kinds, and is accepted as a whole or not at all.
    both = () if Wildcard.ACTIONS in app_asks else ("Serverless-LambdaStarPermissions",)
    rules = ("AwsSolutions-IAM5[Resource::*]", *both)
    return {**dict.fromkeys(rules, " ".join(reasons)), **({"CKV_AWS_111": _INTERFACES} if in_vpc else {})}


def of_function(
    *,
    has_destination: bool,
    has_variables: bool = True,
    image: bool = False,
    traced: bool = False,
    in_vpc: bool = False,
    reserved: bool = False,
) -> dict[str, str]:
    """What is accepted in a function that we make; what the app has chosen is not accepted in its place.

    Args:
        has_destination: whether what fails goes to an on-failure destination; otherwise an invoker waits for it.
        has_variables: whether it has any.
        image: whether it is a container image, which brings its own runtime.
        traced: whether X-Ray records its runs.
        in_vpc: whether it runs in a VPC.
        reserved: whether its concurrency is bounded.
    """
    failures = _DESTINATION if has_destination else _ANSWERED
    return {
        **dict.fromkeys(("Serverless-LambdaDLQ", "CKV_AWS_116"), failures),
        **(_VARIABLES if has_variables else {}),
        **_FUNCTION,
        **({} if image else _RUNTIMES),
        **({} if traced else _NOT_TRACED),
        **({} if in_vpc else _NO_VPC),
        **({} if reserved else _NOT_RESERVED),
    }
