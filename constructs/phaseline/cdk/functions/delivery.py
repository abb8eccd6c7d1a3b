"""How Lambda treats asynchronous invocations: how often it tries, for how long, and where one goes that has failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from phaseline.cdk.basics.asked_once import arn_of, asked_once, in_seconds, seconds

_MOST = 6 * 3600
"""The longest that Lambda keeps an event, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How Lambda treats asynchronous invocations of a function."""

    retries: int
    """How often Lambda tries again after an error, 0 to 2."""
    max_age: Duration
    """How long Lambda keeps an event while the function is throttled, 1 minute to 6 hours."""
    on_failure: sqs.IQueue
    """The queue that an invocation goes to which failed in the end."""

    @property
    def options(self) -> dict[str, Any]:
        """What of it is a property of a function or an alias."""
        return {"retry_attempts": self.retries, "max_event_age": self.max_age}

    def complete(self, config: lambda_.CfnEventInvokeConfig, rules: Sequence[events.CfnRule]) -> None:
        """Add the destination to what a function or an alias has made of these, and let the rules wait for it.

        Not by CDK's own property, which would add a policy besides the inline one.
        """
        config.destination_config = _destination(self.on_failure)
        for rule in rules:
            rule.add_resource_dependency(config)


def repeatable(on_failure: sqs.IQueue) -> Delivery:
    """For the bundled Lambdas: they may repeat anything."""
    return Delivery(retries=2, max_age=seconds(_MOST), on_failure=on_failure)


def once(start_timeout: Duration, on_failure: sqs.IQueue) -> Delivery:
    """For job functions: no retries, since an attempt's handler is started at most once.

    An attempt that has not started within its `start_timeout` is given up, so its event need not be kept longer; Lambda
    keeps one for a minute at the least, and for 6 hours at the most.
    """
    age = seconds(min(max(in_seconds(start_timeout), 60), _MOST))
    return Delivery(retries=0, max_age=age, on_failure=on_failure)


@asked_once
def _destination(queue: sqs.IQueue) -> lambda_.CfnEventInvokeConfig.DestinationConfigProperty:
    """The same for all functions."""
    failed = lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=arn_of(queue))
    return lambda_.CfnEventInvokeConfig.DestinationConfigProperty(on_failure=failed)
