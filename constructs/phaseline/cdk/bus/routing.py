"""Hands `triggered` statuses over from the status bus to a bus that has the rules of some jobs: the second level.

It is for more jobs than one bus takes rules. A rule names the jobs that it is for, since a status says no more of
where it goes than its job; one pattern takes some 60 names.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from phaseline.cdk.basics.placing import groups
from phaseline.cdk.basics.quotas import MAX_RETRIES
from phaseline.cdk.bus import patterns
from phaseline.cdk.bus.status_bus import StatusBus
from phaseline.config.checks.pattern_size import MAX_PATTERN, length

_MAX_AGE = Duration.hours(24)


class Routing(Construct):
    """The rules on the status bus for the jobs of another bus, and the role by which they put events there.

    Args:
        jobs: the names of the jobs.
        source: the status bus; what cannot be handed over goes to its dead-letter queue.
        target: the bus with the rules of these jobs.
    """

    def __init__(self, scope: Construct, id: str, *, jobs: Sequence[str], source: StatusBus, target: StatusBus) -> None:
        super().__init__(scope, id)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "events.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
            ),
            inline_policies={
                "Least": iam.PolicyDocument(
                    statements=[iam.PolicyStatement(actions=["events:PutEvents"], resources=[target.bus.event_bus_arn])]
                )
            },
        )
        after: events.CfnRule | None = None
        for number, names in reversed(list(enumerate(routed(source.database, jobs)))):
            if not names:
                continue
            rule = events.CfnRule(
                self,
                f"Rule{number}",
                description="Hands over what is triggered to the bus of its stack",
                event_bus_name=source.bus.event_bus_name,
                event_pattern=_pattern(source.database, names),
                targets=[
                    events.CfnRule.TargetProperty(
                        id="Bus",
                        arn=target.bus.event_bus_arn,
                        role_arn=role.role_arn,
                        dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                            arn=source.dead_letters.rules.queue_arn
                        ),
                        retry_policy=events.CfnRule.RetryPolicyProperty(
                            maximum_event_age_in_seconds=_MAX_AGE.to_seconds(), maximum_retry_attempts=MAX_RETRIES
                        ),
                    )
                ],
            )
            if after is not None:
                # Where one more rule has become necessary, it is there before the others give up what is now its own.
                rule.add_resource_dependency(after)
            after = rule


def routed(database: str, jobs: Sequence[str]) -> list[list[str]]:
    """The names for each rule: as few rules as their patterns allow. A job that comes or goes moves few others."""
    count = 1
    while any(length(_pattern(database, part)) > MAX_PATTERN for part in groups(jobs, count)):
        count += 1
    return groups(jobs, count)


def _pattern(database: str, jobs: Sequence[str]) -> patterns.Pattern:
    return {"detail": patterns.of_jobs(database, jobs)}
