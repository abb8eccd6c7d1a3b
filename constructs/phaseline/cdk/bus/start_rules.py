"""What starts executions by itself: schedules and events, as the config's `start` names them.

Each carries what makes its execution's id: the schedule's time or the event's id, so that a repeated delivery starts
nothing twice. The ids themselves are made by starter_job.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, Names, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from phaseline.cdk.basics.ids import id_of
from phaseline.cdk.basics.quotas import MAX_RETRIES, POLICY_STATEMENTS, STACK_RESOURCES, STARTS_OF_A_STACK
from phaseline.cdk.bus import patterns
from phaseline.cdk.bus.dead_letters import DeadLetters, DeadLettersElsewhere
from phaseline.cdk.bus.status_bus import DEFAULT_BUS, StatusBus, rule_arns
from phaseline.config import Start, StateMachine
from phaseline.config.checks.start_checks import MAX_TEMPLATE
from phaseline_runtime.errors import UserError

SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""What EventBridge Scheduler replaces by the planned time; it stays the same in a repeated delivery."""

MAX_BUSES = POLICY_STATEMENTS - 2
"""The buses from which events can start executions: two statements are for TLS and for the status bus."""

_MAX_AGE = Duration.hours(24)


class StartRules(Construct):
    """A rule for each event and each schedule, or a schedule of EventBridge Scheduler where it has a timezone.

    Args:
        machines: the state machines by name.
        starter: starter_job.
        bus: where the statuses arrive: an event of a start may arrive there, too.
        dead_letters: where starts go that could not be handed over.

    Raises:
        UserError: an input or a pattern is larger than EventBridge allows, or cannot be deployed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machines: Mapping[str, StateMachine],
        starter: lambda_.IFunction,
        bus: StatusBus,
        dead_letters: DeadLetters | DeadLettersElsewhere,
    ) -> None:
        super().__init__(scope, id)
        self._starter = starter
        self._bus = bus
        self._dead_letters = dead_letters
        self._prefix = Names.unique_resource_name(self, max_length=40, separator="-")
        self._role: iam.Role | None = None
        self.rule_arns: list[str] = []
        """The ARNs of the rules, with a wildcard: one for each bus."""
        buses: set[str] = set()
        for name, machine in machines.items():
            if not machine.starts:
                continue
            place = Construct(self, id_of(name))
            for start in machine.starts:
                if start.kind == "schedule" and start.timezone is not None:
                    self._schedule(place, name, start)
                else:
                    self._rule(place, name, start)
                    buses.add(start.bus or DEFAULT_BUS)
        if len(buses) > MAX_BUSES:
            raise UserError(
                f"start: needs rules on {len(buses)} buses; allowed are {MAX_BUSES}, since the policy of the "
                f"dead-letter queue takes {POLICY_STATEMENTS} statements: forward events of some buses to another"
            )
        for each in sorted(buses):
            self._permit(each)

    def _rule(self, place: Construct, machine: str, start: Start) -> None:
        scheduled = start.kind == "schedule"
        owner = f"state_machines.{machine}.start"
        given: dict[str, Any] = {"machine": machine, start.kind: start.key}
        if start.has_input:
            given["input"] = start.input
        paths = {"time": "$.time"} if scheduled else {"id": "$.id"}
        raw = {"time": "<time>"} if scheduled else {"eventId": "<id>"}
        if not scheduled and not start.has_input:
            paths["detail"] = "$.detail"
            raw["input"] = "<detail>"
        text = template(given, raw)
        if len(text) > MAX_TEMPLATE:
            raise UserError(f"{owner}: the input has {len(text)} characters as template; allowed are {MAX_TEMPLATE}")
        rule = events.CfnRule(
            place,
            f"Rule{start.key}",
            # A name of ours, so that one permission can say which rules of a bus it means.
            name=f"{self._prefix}-{start.key}",
            description=f"Starts {machine}",
            event_bus_name=start.bus,
            schedule_expression=start.expression if scheduled else None,
            event_pattern=None if scheduled else patterns.deployable(start.pattern, owner),
            targets=[
                events.CfnRule.TargetProperty(
                    id="Starter",
                    arn=self._starter.function_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map=paths, input_template=text
                    ),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self._dead_letters.rules.queue_arn),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=_MAX_AGE.to_seconds(), maximum_retry_attempts=MAX_RETRIES
                    ),
                )
            ],
        )
        if start.bus is not None:
            rule.node.add_dependency(self._bus)  # It may be the very bus that this stack creates.

    def _schedule(self, place: Construct, machine: str, start: Start) -> None:
        given = {"machine": machine, "schedule": start.key}
        if start.has_input:
            given["input"] = start.input
        scheduler.CfnSchedule(
            place,
            f"Schedule{start.key}",
            description=f"Starts {machine}",
            schedule_expression=str(start.expression),
            schedule_expression_timezone=start.timezone,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self._starter.function_arn,
                role_arn=self._scheduler_role().role_arn,
                input=template(given, {"time": f'"{SCHEDULED_TIME}"'}),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=self._dead_letters.rules.queue_arn
                ),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=_MAX_AGE.to_seconds(), maximum_retry_attempts=MAX_RETRIES
                ),
            ),
        )

    def _scheduler_role(self) -> iam.Role:
        """One role for all schedules: they do the same thing with the same function."""
        if self._role is None:
            self._role = iam.Role(
                self,
                "SchedulerRole",
                assumed_by=iam.ServicePrincipal(
                    "scheduler.amazonaws.com",
                    conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
                ),
                inline_policies={
                    "Least": iam.PolicyDocument(
                        statements=[
                            iam.PolicyStatement(
                                actions=["lambda:InvokeFunction"], resources=[self._starter.function_arn]
                            ),
                            iam.PolicyStatement(
                                actions=["sqs:SendMessage"], resources=[self._dead_letters.rules.queue_arn]
                            ),
                        ]
                    )
                },
            )
        return self._role

    def _permit(self, bus: str) -> None:
        """One permission for all our rules of a bus: one for each would fill the function's policy at about 50."""
        rules = rule_arns(self, bus, f"{self._prefix}-")
        lambda_.CfnPermission(
            self,
            f"Permission-{bus}",
            action="lambda:InvokeFunction",
            function_name=self._starter.function_arn,
            principal="events.amazonaws.com",
            source_arn=rules,
        )
        self._dead_letters.accept_from_rules(rules)
        self.rule_arns.append(rules)


def starts_of(machines: Mapping[str, StateMachine]) -> list[Start]:
    """All that starts executions by itself."""
    return [start for machine in machines.values() for start in machine.starts]


def check_starts(starts: Sequence[Start]) -> None:
    """Raise UserError where the starts are more than a stack takes."""
    if len(starts) > STARTS_OF_A_STACK:
        raise UserError(
            f"start: has {len(starts)} schedules and events, a resource each; allowed are {STARTS_OF_A_STACK}, of the "
            f"{STACK_RESOURCES} that CloudFormation takes in a stack: let one expression stand for several times, as "
            "`cron(0 6,18 * * ? *)` does, or divide the file"
        )


def template(given: Mapping[str, Any], raw: Mapping[str, str]) -> str:
    """JSON in which the `raw` values stand as they are, for EventBridge to replace.

    The rest is data: a `<` in it becomes its JSON escape, so that EventBridge finds no placeholder there.
    """
    fixed = json.dumps(given, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
    return fixed[:-1] + "".join(f',"{key}":{value}' for key, value in raw.items()) + "}"
