"""The event bus on which statuses arrive, wherever they come from, and the rules on it.

All sources yield the same rules. Who puts events on the bus (Atlas, the relay) is not this construct's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from phaseline.cdk.dead_letters import DeadLetters
from phaseline.cdk.lambda_target import LambdaTarget

DEFAULT_BUS = "default"
"""The bus that every account has."""


class SourceKind(Enum):
    """Where a bus comes from."""

    RELAY = "relay"
    """The stack creates a custom bus, and the relay puts the statuses on it."""
    BUS = "bus"
    """A bus that exists already: somebody else creates it and sees to its events."""
    PARTNER = "partner"
    """A partner event source that exists already: the stack creates the bus that is associated with it."""


@dataclass(frozen=True, slots=True)
class EventSource:
    """Where the statuses come from: made by one of its factories, and given to `Orchestration`.

    Example:
        EventSource.partner("aws.partner/mongodb.com/stitch.trigger/64f0c0ffee")
    """

    kind: SourceKind
    name: str | None = None

    @classmethod
    def relay(cls, name: str | None = None) -> EventSource:
        """A custom bus that the stack creates and `phaseline_runtime.relay` feeds: works wherever a MongoDB is.

        Args:
            name: the name of the bus; by default one that CloudFormation makes up.
        """
        return cls(SourceKind.RELAY, name)

    @classmethod
    def bus(cls, name: str) -> EventSource:
        """An existing bus, by name: a shared one, or the bus of a partner source that somebody associated before."""
        return cls(SourceKind.BUS, name)

    @classmethod
    def partner(cls, name: str) -> EventSource:
        """An existing partner event source, by name: what an Atlas trigger with EventBridge makes.

        Deploying fails where a bus of that name exists already, since somebody has associated it in the console: then
        use `bus` with the same name.
        """
        return cls(SourceKind.PARTNER, name)


@dataclass(frozen=True, slots=True)
class Listening:
    """A rule and the permission without which it reaches nobody: what depends on the permission comes after both."""

    rule: events.Rule
    permission: lambda_.CfnPermission


class StatusBus(Construct):
    """The bus, and what every rule on it has in common: the database it looks at, retries, the dead-letter queue.

    Args:
        source: where the statuses come from.
        database: the name of the MongoDB database; buses may be shared, so every rule matches it.
        dead_letters: where events go that could not be handed over.
    """

    def __init__(
        self, scope: Construct, id: str, *, source: EventSource, database: str, dead_letters: DeadLetters
    ) -> None:
        super().__init__(scope, id)
        self.database = database
        self.dead_letters = dead_letters
        self.bus: events.IEventBus = self._bus(source)
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
    ) -> Listening:
        """A rule in this scope that hands matching events to the function, with the permission for it."""
        rule = events.Rule(
            scope,
            "Rule",
            event_bus=self.bus,
            event_pattern=events.EventPattern(detail=detail),
            description=description,
            targets=[LambdaTarget(function, dead_letters=dead_letters or self.dead_letters.rules, max_age=max_age)],
        )
        # Also after the function's EventInvokeConfig: before that, Lambda would try a failed job again by itself.
        rule.node.add_dependency(function)
        permission = lambda_.CfnPermission(
            scope,
            "Permission",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="events.amazonaws.com",
            source_arn=rule.rule_arn,
        )
        return Listening(rule, permission)

    def _bus(self, source: EventSource) -> events.IEventBus:
        if source.kind is SourceKind.RELAY:
            return events.EventBus(
                self,
                "Bus",
                event_bus_name=source.name,
                description=f"Statuses of Phaseline, database {self.database}",
            )
        if source.kind is SourceKind.PARTNER:
            # The bus of a partner source has its name, and takes no description.
            return events.EventBus(self, "PartnerBus", event_source_name=source.name)
        return events.EventBus.from_event_bus_name(self, "ExistingBus", str(source.name))


def rule_arns(scope: Construct, bus: str, prefix: str = "") -> str:
    """The ARNs of the rules on a bus whose names begin so; rules of the default bus have no bus in their ARN."""
    return Stack.of(scope).format_arn(
        service="events",
        resource="rule",
        resource_name=f"{prefix}*" if bus == DEFAULT_BUS else f"{bus}/{prefix}*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
