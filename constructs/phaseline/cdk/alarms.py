"""The alarms of an orchestration: what each watches, when it sounds, and which entry of the runbook says what to do.

Plain CDK: `monitoring` turns them into alarms and a dashboard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs

from phaseline.cdk.basics.arguments import expect
from phaseline.cdk.orchestration import Orchestration
from phaseline_runtime.errors import UserError
from phaseline_runtime.metrics import NAMESPACE

FIVE_MINUTES = Duration.minutes(5)
LOOKS_BACK = Duration.days(7)
"""How far an alarm looks back at most, all its periods together (Amazon CloudWatch API reference, `PutMetricAlarm`)."""
MOST_SELDOM = Duration.days(6)
"""The longest period of a watchdog that an alarm can watch: each look back has a sweep in it, also one that is late."""
Measured = cloudwatch.Metric | cloudwatch.MathExpression


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """How much is too much. Each alarm sounds above its figure."""

    failed_executions: int = 0
    """Executions that fail within five minutes."""
    repairs: int = 5
    """Statuses that the watchdog makes good within five minutes: nobody is to be woken for a crash now and then."""
    time_to_start: Duration = field(default_factory=lambda: Duration.minutes(1))
    """Of 95 % of attempts, from `triggered` to `started`; a minute: lost events are then sent again."""
    message_age: Duration = field(default_factory=lambda: Duration.minutes(10))
    """Of the oldest message in a dead-letter queue that a Lambda empties. From 12 minutes on, only a Lambda that does
    not run is noticed: one that fails has tried three times by then, and SQS leaves the message out after that."""

    def __post_init__(self) -> None:
        for name in ("failed_executions", "repairs"):
            expect("Thresholds", name, getattr(self, name), (int, float), "a number")
        for name in ("time_to_start", "message_age"):
            expect("Thresholds", name, getattr(self, name), Duration, "a `Duration`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm: it sounds when the metric is above the limit, or for a `missing` one below it."""

    name: str
    """Of the alarm, and the anchor of its entry in the runbook."""
    about: str
    """What it means, in a sentence."""
    metric: Measured
    limit: float
    periods: int = 1
    missing: bool = False
    """Whether it is the absence of the metric that is bad."""

    @property
    def comparison(self) -> cloudwatch.ComparisonOperator:
        """How the metric is compared with the limit."""
        operators = cloudwatch.ComparisonOperator
        return operators.LESS_THAN_THRESHOLD if self.missing else operators.GREATER_THAN_THRESHOLD

    @property
    def without_data(self) -> cloudwatch.TreatMissingData:
        """What it means where nothing was measured."""
        treat = cloudwatch.TreatMissingData
        return treat.BREACHING if self.missing else treat.NOT_BREACHING


def of(orchestration: Orchestration, thresholds: Thresholds) -> list[Alarm]:
    """All alarms. Raises UserError where the watchdog runs more seldom than an alarm can look back."""
    database = orchestration.settings.database
    _check_watchdog(orchestration)
    period, most = int(orchestration.watchdog_period.to_minutes()), int(LOOKS_BACK.to_minutes())
    # Three sweeps where they fit, and as long as an alarm's metric has to be at least: some minutes, in whole ones.
    silence = Duration.minutes(min(max(5, 3 * period), most))
    sweep = max(5, period)
    queues = orchestration.dead_letters
    bundled = list(orchestration.functions.values())
    return [
        Alarm(
            name="failed-executions",
            about="Executions have failed",
            metric=metric("ExecutionsFailed", database),
            limit=thresholds.failed_executions,
        ),
        Alarm(
            name="kept-dead-letters",
            about="Messages wait for people, because nothing could complete them",
            metric=queues.kept.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="Maximum"),
            limit=0,
        ),
        Alarm(
            name="watchdog-repairs",
            about="Events or invocations get lost, and the watchdog makes them good",
            metric=metric("Repairs", database),
            limit=thresholds.repairs,
        ),
        Alarm(
            name="watchdog-silent",
            about="The watchdog does not finish its sweeps: what gets lost now stays lost",
            metric=metric("Repairs", database, statistic="SampleCount", period=silence),
            limit=1,
            missing=True,
        ),
        Alarm(
            name="watchdog-failures",
            about="The watchdog cannot look at some executions",
            metric=metric("RepairsFailed", database, period=Duration.minutes(sweep)),
            limit=0,
            periods=min(3, most // sweep),
        ),
        Alarm(
            name="old-messages",
            about="Dead letters are not being completed",
            metric=_greatest([_age(queues.rules), _age(queues.functions)]),
            limit=thresholds.message_age.to_seconds(),
        ),
        Alarm(
            name="bundled-errors",
            about="Lambdas of Phaseline fail",
            metric=_sum([each.metric_errors(period=FIVE_MINUTES) for each in bundled]),
            limit=0,
        ),
        Alarm(
            name="bundled-throttles",
            about="Lambdas of Phaseline are throttled",
            metric=_sum([each.metric_throttles(period=FIVE_MINUTES) for each in bundled]),
            limit=0,
        ),
        Alarm(
            name="slow-starts",
            about="Jobs start late",
            metric=metric("TimeToStart", database, statistic="p95"),
            limit=thresholds.time_to_start.to_milliseconds(),
            periods=2,
        ),
    ]


def _check_watchdog(orchestration: Orchestration) -> None:
    period = orchestration.watchdog_period
    if period.to_minutes() > MOST_SELDOM.to_minutes():
        raise UserError(
            f"Monitoring: {orchestration.node.path} has a watchdog_period of {period.to_human_string()}; an alarm of "
            f"CloudWatch's looks back {LOOKS_BACK.to_days()} days at most, and would sound while all is well: give the "
            f"Orchestration a `watchdog_period` of {MOST_SELDOM.to_days()} days or less, or leave Monitoring out"
        )


def metric(name: str, database: str, *, statistic: str = "Sum", period: Duration = FIVE_MINUTES) -> cloudwatch.Metric:
    """A metric of Phaseline's for the whole database."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"Database": database},
        statistic=statistic,
        period=period,
    )


def _age(queue: sqs.IQueue) -> cloudwatch.Metric:
    return queue.metric_approximate_age_of_oldest_message(period=FIVE_MINUTES, statistic="Maximum")


def _sum(metrics: Sequence[cloudwatch.Metric]) -> cloudwatch.MathExpression:
    return _joined("SUM", metrics)


def _greatest(metrics: Sequence[cloudwatch.Metric]) -> cloudwatch.MathExpression:
    return _joined("MAX", metrics)


def _joined(function: str, metrics: Sequence[cloudwatch.Metric]) -> cloudwatch.MathExpression:
    named = {f"m{number}": found for number, found in enumerate(metrics)}
    expression = f"{function}([{', '.join(f'FILL({name}, 0)' for name in named)}])"
    return cloudwatch.MathExpression(expression=expression, using_metrics=dict(named), period=FIVE_MINUTES)
