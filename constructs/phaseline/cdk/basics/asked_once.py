"""What is asked of CDK once and kept: each question is a call to the Node process, and these answers never change.

Of a thousand jobs, each would ask for the same again. Objects of CDK's are told apart by identity.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, ParamSpec, TypeVar, cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

_P = ParamSpec("_P")
_R = TypeVar("_R")


def asked_once(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """`functools.cache` for CDK's interfaces too: their objects can be hashed, which type checkers cannot know."""
    return cast(Callable[_P, _R], cache(function))


@asked_once
def stack_of(construct: IConstruct) -> Stack:
    """The stack of a construct."""
    return Stack.of(construct)


@asked_once
def seconds(number: int) -> Duration:
    """The duration of so many seconds."""
    return Duration.seconds(number)


@asked_once
def in_seconds(duration: Duration) -> int:
    """How many seconds a duration has."""
    return int(duration.to_seconds())


@asked_once
def name_of(named: lambda_.Runtime | lambda_.Architecture) -> str:
    """As AWS has it: `python3.13`, `arm64`."""
    return named.name


@asked_once
def arn_of(queue: sqs.IQueue) -> str:
    """The ARN of a queue."""
    return queue.queue_arn


@asked_once
def by_arn(queue: sqs.IQueue) -> sqs.IQueue:
    """The same queue as if it were not ours: CDK's rules would each add a statement to its policy, which takes 20."""
    return sqs.Queue.from_queue_arn(cast(Construct, queue), "ByArn", arn_of(queue))


@asked_once
def may_send(queue: sqs.IQueue) -> iam.PolicyStatement:
    """A statement that allows to send to this queue."""
    return iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[arn_of(queue)])


@asked_once
def as_json(statement: iam.PolicyStatement) -> dict[str, Any]:
    """A statement as a policy has it, with CDK's tokens."""
    return cast(dict[str, Any], statement.to_json())
