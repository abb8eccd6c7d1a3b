"""Alarms and a dashboard for an orchestration, by cdk-monitoring-constructs.

Not part of `phaseline.cdk`, since importing that library takes a synth two seconds:

    from phaseline.cdk.monitoring import Monitoring
"""

# ruff: noqa: E402  (What is missing is said before anything is imported that would need it.)
from __future__ import annotations

from phaseline.extras import need

need("cdk_monitoring_constructs", owner="phaseline.cdk.monitoring", extra="monitoring")

from collections.abc import Mapping, Sequence
from types import MappingProxyType, NoneType

import cdk_monitoring_constructs as library
from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from phaseline.cdk import alarms
from phaseline.cdk.alarms import Alarm, Thresholds
from phaseline.cdk.basics.arguments import expect, expect_construct
from phaseline.cdk.orchestration import Orchestration
from phaseline_runtime.errors import UserError
from phaseline_runtime.metrics import METRICS, NAMESPACE

__all__ = ["Monitoring", "Thresholds"]


class Monitoring(Construct):
    """Alarms with sane defaults, each of which names its entry in the runbook, and a dashboard.

    Args:
        orchestration: what is watched.
        topic: who is told when an alarm sounds, and when it is over; by default nobody. One with a policy or a key of
            its own has to let `cloudwatch.amazonaws.com` publish.
        thresholds: how much is too much.
        runbook: where the runbook is: alarms say `RUNBOOK#NAME`. By default the page of Phaseline's own docs; give the
            address of your copy.

    Raises:
        UserError: an argument is of another kind, the topic is in another region (CloudWatch takes none from there), or
            the watchdog runs more seldom than an alarm can look back.

    Example:
        ```python
        Monitoring(stack, "Monitoring", orchestration=orchestration, topic=topic)
        ```
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        orchestration: Orchestration,
        topic: sns.ITopic | None = None,
        thresholds: Thresholds | None = None,
        runbook: str = "docs/operating.md",
    ) -> None:
        super().__init__(scope, id)
        expect("Monitoring", "orchestration", orchestration, Orchestration, "an `Orchestration`")
        expect("Monitoring", "thresholds", thresholds, (Thresholds, NoneType), "`Thresholds(…)`")
        expect("Monitoring", "runbook", runbook, str, "an address")
        if topic is not None:
            expect_construct("Monitoring", "topic", topic, "topic_arn", "a topic of SNS")
            _check_region(self, topic)
        database = orchestration.settings.database
        prefix = f"phaseline-{database}"
        self.facade = library.MonitoringFacade(
            self,
            "Facade",
            alarm_factory_defaults=library.AlarmFactoryDefaults(
                actions_enabled=True,  # Also of what is added to an alarm by hand.
                alarm_name_prefix=prefix,
                action=None
                if topic is None
                else library.SnsAlarmActionStrategy(on_alarm_topic=topic, on_ok_topic=topic),
            ),
            dashboard_factory=library.DefaultDashboardFactory(
                self, "Dashboards", dashboard_name_prefix=prefix, create_dashboard=True
            ),
        )
        """The library's own facade: add what else you want to watch to the same dashboard."""
        self.facade.add_large_header(f"Phaseline: {database}")
        found = alarms.of(orchestration, thresholds or Thresholds())
        self.facade.monitor_custom(
            human_readable_name="What sounds an alarm",
            alarm_friendly_name="phaseline",
            metric_groups=[_group(each, f"{prefix}-{each.name}", f"{runbook}#{each.name}") for each in found],
        )
        for title, names in _GRAPHS.items():
            self.facade.monitor_custom(
                human_readable_name=title,
                alarm_friendly_name=title,
                metric_groups=[_graph(name, database) for name in names],
            )
        self.alarms: Mapping[str, cloudwatch.AlarmBase] = MappingProxyType(
            {each.name: made.alarm for each, made in zip(found, self.facade.created_alarms(), strict=True)}
        )
        """The alarms by name: `failed-executions`, …"""


_GRAPHS: Mapping[str, Sequence[str]] = {
    "Executions": ("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsCancelled"),
    "Jobs": ("JobDuration", "TimeToStart", "AttemptsFailed", "Retries"),
    "Repairs": ("Redeliveries", "Repairs", "DeadLetters", "DeadLettersFailed"),
}
"""What the dashboard shows besides."""


def _check_region(scope: Construct, topic: sns.ITopic) -> None:
    """Check the topic's region, where that and the stack's are known."""
    here, there = Stack.of(scope).region, topic.env.region
    if here != there and not Token.is_unresolved(here) and not Token.is_unresolved(there):
        raise UserError(
            f"Monitoring: topic: it is in {there}, and an alarm takes none from another region than its own, {here}: "
            "give one of each region"
        )


def _group(alarm: Alarm, name: str, entry: str) -> library.CustomMetricGroup:
    threshold = library.CustomThreshold(
        threshold=alarm.limit,
        comparison_operator=alarm.comparison,
        treat_missing_data_override=alarm.without_data,
        evaluation_periods=alarm.periods,
        datapoints_to_alarm=alarm.periods,
        alarm_name_override=name,
        alarm_description_override=f"{alarm.about}. What to do: {entry}",
    )
    with_alarm = library.CustomMetricWithAlarm(
        metric=alarm.metric, alarm_friendly_name=alarm.name, add_alarm={"Warning": threshold}
    )
    return library.CustomMetricGroup(title=alarm.about, metrics=[with_alarm])


def _graph(name: str, database: str) -> library.CustomMetricGroup:
    """A metric with a line for each state machine or job, which are found when the dashboard is looked at."""
    metric = METRICS[name]
    statistic = "p95" if metric.unit == "Milliseconds" else "Sum"
    if metric.by is None:
        return library.CustomMetricGroup(title=name, metrics=[alarms.metric(name, database, statistic=statistic)])
    search = f'{{{NAMESPACE},Database,{metric.by}}} MetricName="{name}" Database="{database}"'
    found = cloudwatch.MathExpression(
        expression=f"SEARCH('{search}', '{statistic}', 300)", using_metrics={}, label="", period=Duration.minutes(5)
    )
    return library.CustomMetricGroup(title=f"{name} by {metric.by}", metrics=[found])
