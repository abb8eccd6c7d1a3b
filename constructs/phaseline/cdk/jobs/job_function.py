"""A job in Python: its function runs the job runner from the layer, which calls the user's handler."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from phaseline.cdk.basics.arguments import expect
from phaseline.cdk.basics.asked_once import name_of
from phaseline.cdk.bus.status_bus import StatusBus
from phaseline.cdk.functions.function_options import FunctionOptions
from phaseline.cdk.functions.runtime_function import FunctionSettings
from phaseline.cdk.functions.runtime_layer import RuntimeLayer, python_runtime
from phaseline.cdk.jobs.job_runner import JobRunner
from phaseline.config.checks.handlers import check_handler_of
from phaseline.config.reading.job_kinds import DEFAULT_RUNTIME
from phaseline_runtime.errors import UserError

RUNNER = "phaseline_runtime.runner.handler"
"""The handler of every job function, in the layer."""


class JobFunction(JobRunner):
    """A job as Lambda function and rule: six resources, and two more where environments are kept warm.

    Args:
        name: the job's name, which its statuses carry.
        code: the folder with the user's handler, and perhaps a requirements.txt.
        bus: where the statuses arrive.
        layer: the runtime layer, of the same runtime.
        settings: what all functions have in common.
        handler: `module.function` in the folder.
        runtime: the Python version; by default 3.13.
        timeout: of an attempt, by default 30 seconds; the Lambda gets 10 seconds more, 15 minutes at most.
        start_timeout: how long Lambda keeps an event of the job, by default 15 minutes.
        filter: an EventBridge pattern for the job's input; by default every input is accepted.
        options: what the function has of its own: memory, environment, policy statements, …

    Raises:
        UserError: the folder or the handler's module does not exist, pip failed, or the filter cannot be deployed.
    """

    function: lambda_.Function
    """The Lambda function: grant it what the handler needs."""

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
        timeout: Duration | None = None,
        start_timeout: Duration | None = None,
        filter: Mapping[str, Any] | None = None,
        options: FunctionOptions | None = None,
    ) -> None:
        expect("JobFunction", "code", code, Path, "a `pathlib.Path` of the handler's folder")
        runtime = runtime or python_runtime(DEFAULT_RUNTIME)
        _check(name, code, handler)
        with settings.bundling.code(
            code, owner=f"job {name}", runtime=name_of(runtime), requirements=code / "requirements.txt"
        ) as asset:
            super().__init__(
                scope,
                id,
                name=name,
                code=asset,
                handler=RUNNER,
                environment={"PHASELINE_HANDLER": handler},
                runtime=runtime,
                layer=layer,
                bus=bus,
                settings=settings,
                timeout=timeout,
                start_timeout=start_timeout,
                filter=filter,
                options=options or FunctionOptions(),
            )
        self.function = self.runner


def _check(name: str, code: Path, handler: str) -> None:
    fault = check_handler_of(code, handler) if code.is_dir() else f"code {code} is not a folder"
    if fault is not None:
        raise UserError(f"job {name}: {fault}")
