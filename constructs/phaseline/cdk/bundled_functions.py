"""The bundled Lambdas: what each is given, and the rules of those that listen to statuses.

All their code is in the runtime layer. What a deploy adds, the compiled definitions and notifications, is the code of
the two that read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from phaseline.cdk import patterns
from phaseline.cdk.mongo_connection import may_read_secret
from phaseline.cdk.runtime_function import REPEATABLE, FunctionSettings, RuntimeFunction
from phaseline.cdk.runtime_layer import RuntimeLayer, python_runtime
from phaseline.cdk.status_bus import Listening, StatusBus

RUNTIME = python_runtime("python3.13")
"""What the bundled Lambdas run on, whatever the jobs do."""

_NO_CODE = "# The handler is in the runtime layer.\n"
_LONGEST_WAIT = Duration.hours(24)
"""How long EventBridge tries to hand over a status: the longest that it can."""


class BundledFunctions(Construct):
    """The five bundled Lambdas.

    Args:
        bus: where the statuses arrive.
        layer: the runtime layer, for `RUNTIME`.
        settings: what all functions have in common.
        compiled: the folder with definitions.json and notifications.json.
        events: what the notifications subscribe to, all of them together: `execution.failed`, `job.*`, `*`.
        url_secrets: names of the secrets with the addresses of notifications.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bus: StatusBus,
        layer: RuntimeLayer,
        settings: FunctionSettings,
        compiled: str,
        events: Sequence[str] = (),
        url_secrets: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        self.listening: list[Listening] = []
        """The rules of those that listen to statuses."""
        self._bus = bus
        self._layer = layer
        self._settings = settings
        files = lambda_.Code.from_asset(compiled)
        none = lambda_.Code.from_inline(_NO_CODE)
        secrets = [may_read_secret(self, name) for name in dict.fromkeys(url_secrets)]
        self.statemachine_job = self._make(
            "statemachine_job", none, "Folds what finished, ends and opens rounds", statuses=patterns.STATEMACHINE_JOB
        )
        self.orchestrator_job = self._make(
            "orchestrator_job", none, "Triggers the jobs that have become ready", statuses=patterns.ORCHESTRATOR_JOB
        )
        self.notifications_job = self._make(
            "notifications_job",
            files,
            "Tells people what happened",
            statuses=patterns.subscribed(events),
            statements=secrets,
        )
        self.starter_job = self._make("starter_job", none, "Starts executions")
        self.migrations_job = self._make(
            "migrations_job",
            files,
            "Publishes the definitions and prepares the collections",
            timeout=Duration.minutes(5),
        )

    @property
    def by_name(self) -> Mapping[str, lambda_.Function]:
        """The functions, by the names of the bundled Lambdas."""
        return {
            "statemachine_job": self.statemachine_job,
            "orchestrator_job": self.orchestrator_job,
            "notifications_job": self.notifications_job,
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
        timeout: Duration | None = None,
    ) -> lambda_.Function:
        """A bundled Lambda, with a rule where it listens to any statuses."""
        scope = Construct(self, name)
        made = RuntimeFunction(
            scope,
            "Bundled",
            code=code,
            handler=f"phaseline_runtime.bundled.{name}.handler",
            runtime=RUNTIME,
            layer=self._layer.version,
            settings=self._settings,
            delivery=REPEATABLE,
            on_failure=self._bus.dead_letters.functions,
            timeout=timeout or Duration.minutes(1),
            statements=statements,
            description=description,
        )
        if statuses:
            self.listening.append(
                self._bus.rule(
                    scope,
                    detail=patterns.of_statuses(self._bus.database, statuses),
                    function=made.function,
                    max_age=_LONGEST_WAIT,
                    description=f"Statuses for {name}",
                )
            )
        return made.function
