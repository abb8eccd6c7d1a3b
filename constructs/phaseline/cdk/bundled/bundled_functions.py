"""The bundled Lambdas: what each is given, and the rules of those that listen to statuses.

All their code is in the runtime layer. What a deploy adds, the compiled definitions, notifications and starts, is the
code of those that read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from phaseline.cdk.basics.accepted_findings import QUEUE, QUEUE_MAPPING, SWEEP, accept
from phaseline.cdk.basics.asked_once import may_send, seconds
from phaseline.cdk.bus import patterns
from phaseline.cdk.bus.dead_letters import TRIES, VISIBILITY, DeadLetters
from phaseline.cdk.bus.status_bus import StatusBus
from phaseline.cdk.functions.delivery import repeatable
from phaseline.cdk.functions.function_options import FunctionOptions
from phaseline.cdk.functions.mongo_connection import MongoConnection, may_read_secret
from phaseline.cdk.functions.regions import check_read_here
from phaseline.cdk.functions.runtime_function import FunctionSettings, RuntimeFunction
from phaseline.cdk.functions.runtime_layer import RUNTIME, RuntimeLayer, code_in_layer
from phaseline.config import Config
from phaseline_runtime.errors import UserError

BUNDLED_RULES = 3
"""The most rules of theirs on the status bus."""
BUNDLED_ROLES = 10
"""The most roles of theirs, with those of schedules and of a provider."""


def forgets(config: Config) -> bool:
    """Whether any state machine keeps its executions for some time only: then there is a retention_job."""
    return any(machine.retention is not None for machine in config.state_machines.values())


def sweeps(config: Config) -> int:
    """The rules on the default bus that call watchdog_job and retention_job again and again."""
    return 2 if forgets(config) else 1


_SWEEP = '{"sweep": true}'
"""What a schedule tells watchdog_job and retention_job; dead_letters_job knows by it that the next makes up for it."""
_LONGEST_WAIT = Duration.hours(24)
"""How long EventBridge tries to hand over a status: the longest that it can."""


class BundledFunctions(Construct):
    """The bundled Lambdas: seven, and an eighth where executions are not kept for ever.

    Args:
        bus: where the statuses arrive.
        dead_letters: where failures go.
        layer: the runtime layer, for `RUNTIME`.
        settings: what all functions have in common.
        compiled: the folder with definitions.json, notifications.json, starts.json and retention.json.
        subscribed: what the notifications subscribe to, all of them together: `execution.failed`, `job.*`, `*`.
        url_secrets: names of the secrets with the addresses of notifications.
        watchdog_period: how often watchdog_job looks for what is stuck, in whole minutes; by default each minute.
        retention: how retention_job reaches MongoDB; without it, there is none.

    Raises:
        UserError: the period is none of whole minutes.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bus: StatusBus,
        dead_letters: DeadLetters,
        layer: RuntimeLayer,
        settings: FunctionSettings,
        compiled: str,
        subscribed: Sequence[str] = (),
        url_secrets: Sequence[str] = (),
        watchdog_period: Duration | None = None,
        retention: MongoConnection | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.rules: list[events.Rule] = []
        """The rules of those that listen to statuses."""
        self._bus = bus
        self._dead_letters = dead_letters
        self._layer = layer
        self._settings = settings
        files = lambda_.Code.from_asset(compiled)
        none = code_in_layer()
        check_read_here(self, "notifications: url_secret", *url_secrets)
        self.statemachine_job = self._make(
            "statemachine_job", none, "Folds what finished, ends and opens rounds", statuses=patterns.STATEMACHINE_JOB
        )
        """Folds what finished, ends and opens rounds."""
        self.wake_ups = sqs.Queue(
            self,
            "WakeUps",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=VISIBILITY,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters.kept, max_receive_count=TRIES),
        )
        """Messages that wake an execution up when something is due."""
        accept(self.wake_ups, QUEUE)
        self.orchestrator_job = self._make(
            "orchestrator_job",
            none,
            "Triggers the jobs that have become ready",
            statuses=patterns.ORCHESTRATOR_JOB,
            statements=[may_send(self.wake_ups)],
            environment={"PHASELINE_WAKE_QUEUE": self.wake_ups.queue_url},
        )
        """Triggers the jobs that have become ready."""
        self.notifications_job = self._make(
            "notifications_job",
            files,
            "Tells people what happened",
            statuses=patterns.subscribed(subscribed),
            statements=[may_read_secret(self, *dict.fromkeys(url_secrets))] if url_secrets else [],
            keeps_failures=True,  # No reconciliation makes up for a message that was not sent.
        )
        """Tells people what happened."""
        self.starter_job = self._make("starter_job", none, "Starts executions")
        """Starts executions."""
        self.migrations_job = self._make(
            "migrations_job",
            files,
            "Publishes the definitions and prepares the collections",
            timeout=Duration.minutes(15),  # An index of a large collection takes its time; no function has more.
        )
        """Makes collections and indexes, and publishes definitions."""
        self.watchdog_job = self._consumer("watchdog_job", none, "Finds what is stuck or due", [self.wake_ups])
        """Finds what is stuck or due."""
        self.dead_letters_job = self._consumer(
            "dead_letters_job",
            files,
            "Completes what could not be delivered",
            [dead_letters.rules, dead_letters.functions],
        )
        """Makes failures of what AWS could not deliver, and of crashes."""
        period = watchdog_period or Duration.minutes(1)
        if period.to_seconds() < 60 or period.to_seconds() % 60:  # EventBridge user guide, "Rate expressions".
            raise UserError(f"watchdog_period: got {period.to_seconds():g} s; allowed are whole minutes, one at least")
        self._each("Watchdog", period, self.watchdog_job, "watchdog_job")
        self.retention_job: lambda_.Function | None = None
        """Deletes old executions, where any state machine has a retention."""
        if retention is not None:
            self.retention_job = self._make(
                "retention_job",
                files,
                "Deletes executions that have ended long ago",
                timeout=Duration.minutes(15),
                mongo=retention,
            )
            self._each("Retention", Duration.days(1), self.retention_job, "retention_job")

    @property
    def by_name(self) -> Mapping[str, lambda_.Function]:
        """The functions, by the names of the bundled Lambdas."""
        retention = {} if self.retention_job is None else {"retention_job": self.retention_job}
        return {
            **retention,
            "statemachine_job": self.statemachine_job,
            "orchestrator_job": self.orchestrator_job,
            "notifications_job": self.notifications_job,
            "watchdog_job": self.watchdog_job,
            "dead_letters_job": self.dead_letters_job,
            "starter_job": self.starter_job,
            "migrations_job": self.migrations_job,
        }

    def _make(
        self,
        name: str,
        code: lambda_.Code,
        description: str,
        *,
        statuses: Mapping[str, tuple[str, ...]] | None = None,
        statements: Sequence[iam.PolicyStatement] = (),
        environment: Mapping[str, str] | None = None,
        keeps_failures: bool = False,
        timeout: Duration | None = None,
        mongo: MongoConnection | None = None,
    ) -> lambda_.Function:
        """A bundled Lambda, with a rule where it listens to any statuses."""
        scope = Construct(self, name)
        queues = self._dead_letters

        def rule(function: lambda_.IFunction) -> events.Rule:
            return self._bus.rule(
                scope,
                detail=patterns.of_statuses(self._bus.database, statuses or {}),
                function=function,
                max_age=_LONGEST_WAIT,
                description=f"Statuses for {name}",
                dead_letters=queues.kept if keeps_failures else queues.rules,
            )

        made = RuntimeFunction(
            scope,
            code=code,
            handler=f"phaseline_runtime.bundled.{name}.handler",
            runtime=RUNTIME,
            layer=self._layer.version,
            settings=self._settings if mongo is None else replace(self._settings, mongo=mongo),
            delivery=repeatable(queues.kept if keeps_failures else queues.functions),
            rule=rule if statuses else None,
            timeout=timeout or seconds(60),
            options=FunctionOptions(environment=environment or {}, statements=statements, description=description),
        )
        if made.rule is not None:
            self.rules.append(made.rule)
            if keeps_failures:
                queues.keep_from_rule(made.rule.rule_arn)
        return made.function

    def _consumer(
        self, name: str, code: lambda_.Code, description: str, queues: Sequence[sqs.IQueue]
    ) -> lambda_.Function:
        """A bundled Lambda that takes messages from queues."""
        function = self._make(
            name,
            code,
            description,
            statements=[
                iam.PolicyStatement(
                    actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                    resources=[queue.queue_arn for queue in queues],
                )
            ],
        )
        for queue in queues:
            mapping = lambda_.EventSourceMapping(
                self,
                f"{name}-{queue.node.id}",
                target=function,
                event_source_arn=queue.queue_arn,
                batch_size=10,
                report_batch_item_failures=True,
            )
            accept(mapping, QUEUE_MAPPING)
        return function

    def _each(self, id: str, period: Duration, function: lambda_.Function, name: str) -> None:
        """Call the function again and again; a call that is lost is made up for by the next."""
        rule = events.CfnRule(
            self,
            f"{id}Rule",
            description=f"Calls {name}",
            schedule_expression=events.Schedule.rate(period).expression_string,
            targets=[events.CfnRule.TargetProperty(id=id, arn=function.function_arn, input=_SWEEP)],
        )
        accept(rule, SWEEP)
        lambda_.CfnPermission(
            self,
            f"{id}Permission",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="events.amazonaws.com",
            source_arn=rule.attr_arn,
        )
