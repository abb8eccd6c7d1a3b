"""The event bus on which statuses arrive, wherever they come from, and the rules on it.

All sources yield the same rules. Who puts events on the bus (Atlas, the relay) is the business of `event_source`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_events_targets import LambdaFunction
from constructs import Construct

from phaseline.cdk.basics.asked_once import by_arn
from phaseline.cdk.basics.quotas import MAX_RETRIES
from phaseline.cdk.bus.dead_letters import DeadLetters, DeadLettersElsewhere
from phaseline.cdk.bus.event_source import EventSource

DEFAULT_BUS = "default"
"""The bus that every account has."""


class StatusBus(Construct):
    """The bus, and what every rule on it has in common: the database it looks at, retries, the dead-letter queue.

    Args:
        source: where the statuses come from.
        database: the name of the MongoDB database; buses may be shared, so every rule matches it.
        dead_letters: where events go that could not be handed over.
        subscribed: what people are told of, all notifications together: `execution.failed`, `job.*`, `*`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        source: EventSource,
        database: str,
        dead_letters: DeadLetters | DeadLettersElsewhere,
        subscribed: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        self.database = database
        self.dead_letters = dead_letters
        self.bus: events.IEventBus = source.bind(self, database=database, subscribed=subscribed)
        """The event bus itself."""
        dead_letters.accept_from_rules(rule_arns(self, self.bus.event_bus_name))

    def rule(
        self,
        scope: Construct,
        *,
        detail: dict[str, Any],
        function: lambda_.IFunction,
        max_age: Duration,
        description: str,
        dead_letters: sqs.IQueue | None = None,
    ) -> events.Rule:
        """A rule in this scope that hands matching events to the function, with the permission for it inside."""
        target = LambdaFunction(
            function,
            dead_letter_queue=by_arn(dead_letters or self.dead_letters.rules),
            retry_attempts=MAX_RETRIES,
            max_event_age=max_age,
        )
        return events.Rule(
            scope,
            "Rule",
            event_bus=self.bus,
            event_pattern=events.EventPattern(detail=detail),
            description=description,
            targets=[target],
        )


def rule_arns(scope: Construct, bus: str, prefix: str = "") -> str:
    """The ARNs of the rules on a bus whose names begin so; rules of the default bus have no bus in their ARN."""
    return Stack.of(scope).format_arn(
        service="events",
        resource="rule",
        resource_name=f"{prefix}*" if bus == DEFAULT_BUS else f"{bus}/{prefix}*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
