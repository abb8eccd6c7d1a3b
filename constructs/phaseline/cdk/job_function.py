"""One job: its Lambda function, the rule that triggers it, its role and its permission. Six resources.

The rule hands over `triggered` statuses of this job and nothing else; the job runner in the layer calls the user's
handler. What a job may do beyond that is granted by the app: `job.function.add_to_role_policy(…)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from phaseline.cdk import patterns
from phaseline.cdk.runtime_function import FunctionSettings, RuntimeFunction, once
from phaseline.cdk.runtime_layer import RuntimeLayer, python_runtime
from phaseline.cdk.status_bus import StatusBus
from phaseline.config.handlers import check_handler_of
from phaseline_runtime.errors import UserError

RUNNER = "phaseline_runtime.runner.handler"
"""The handler of every job function, in the layer."""

HEADROOM = Duration.seconds(10)
"""How much longer the Lambda may run than the job: a timeout is recorded by the runner, before Lambda ends it."""

_LONGEST = 900


class JobFunction(Construct):
    """A job as Lambda function and rule.

    Args:
        name: the job's name, which its statuses carry.
        code: the folder with the user's handler, and perhaps a requirements.txt.
        bus: where the statuses arrive.
        layer: the runtime layer, of the same runtime.
        settings: what all functions have in common.
        handler: `module.function` in the folder.
        runtime: the Python version.
        memory_size: in MB.
        timeout: of an attempt; the Lambda gets 10 seconds more, 15 minutes at most.
        start_timeout: how long Lambda keeps an event of the job, by default 15 minutes.
        filter: an EventBridge pattern for the job's input; by default every input is accepted.
        environment: variables for the user's handler.
        description: shown in the console.

    Raises:
        UserError: the folder or the handler's module does not exist, pip failed, or the filter cannot be deployed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        code: Path,
        bus: StatusBus,
        layer: RuntimeLayer,
        settings: FunctionSettings,
        handler: str = "handler.handler",
        runtime: lambda_.Runtime | None = None,
        memory_size: int = 256,
        timeout: Duration | None = None,
        start_timeout: Duration | None = None,
        filter: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        runtime = runtime or python_runtime("python3.13")
        timeout = timeout or Duration.seconds(30)
        delivery = once(start_timeout or Duration.minutes(15))
        _check(name, code, handler)
        with settings.bundling.code(
            code, owner=f"job {name}", runtime=runtime.name, requirements=code / "requirements.txt"
        ) as asset:
            made = RuntimeFunction(
                self,
                "Job",
                code=asset,
                handler=RUNNER,
                runtime=runtime,
                layer=layer.version,
                settings=settings,
                delivery=delivery,
                on_failure=bus.dead_letters.functions,
                memory_size=memory_size,
                timeout=Duration.seconds(min(timeout.to_seconds() + HEADROOM.to_seconds(), _LONGEST)),
                environment={**(environment or {}), "PHASELINE_JOB": name, "PHASELINE_HANDLER": handler},
                description=description,
            )
        self.function = made.function
        """The Lambda function: grant it what the handler needs."""
        self.role = made.role
        """The function's role."""
        self.log_group = made.log_group
        """Where the function's log lines go."""
        self.listening = bus.rule(
            self,
            detail=patterns.of_job(bus.database, name, filter),
            function=self.function,
            max_age=delivery.max_age,
            description=f"Job {name} has been triggered",
        )

    @property
    def rule(self) -> events.Rule:
        """The rule that invokes the function."""
        return self.listening.rule


def _check(name: str, code: Path, handler: str) -> None:
    fault = check_handler_of(code, handler) if code.is_dir() else f"code {code} is not a folder"
    if fault is not None:
        raise UserError(f"job {name}: {fault}")
