"""A job whose function is not ours, in any language: an invoker claims its attempts and calls that function.

The function gets the job's input as its event and stays as it is. It may be in this app, or be there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from phaseline.cdk.bus.status_bus import StatusBus
from phaseline.cdk.functions.function_options import FunctionOptions
from phaseline.cdk.functions.runtime_function import FunctionSettings
from phaseline.cdk.functions.runtime_layer import RUNTIME, RuntimeLayer, code_in_layer
from phaseline.cdk.jobs.job_runner import JobRunner

INVOKER = "phaseline_runtime.invoker.handler"
"""The handler of every invoker, in the layer."""


class InvokedJob(JobRunner):
    """A job as invoker and rule: six resources, besides the function that is called.

    Args:
        name: the job's name, which its statuses carry.
        target: the function, version or alias to call. One of another account has to allow it to the invoker's role.
        bus: where the statuses arrive.
        layer: the runtime layer for `RUNTIME`.
        settings: what all functions have in common.
        timeout: of an attempt, by default 30 seconds; the function's own should not be longer.
        start_timeout: how long Lambda keeps an event of the job, by default 15 minutes.
        filter: an EventBridge pattern for the job's input; by default every input is accepted.
        options: what the invoker has of its own.

    Raises:
        UserError: the filter cannot be deployed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        target: lambda_.IFunction,
        bus: StatusBus,
        layer: RuntimeLayer,
        settings: FunctionSettings,
        timeout: Duration | None = None,
        start_timeout: Duration | None = None,
        filter: Mapping[str, Any] | None = None,
        options: FunctionOptions | None = None,
    ) -> None:
        given = options or FunctionOptions()
        # Not by CDK's grant, which would allow all versions, and be a policy besides the inline one.
        may_invoke = iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[target.function_arn])
        super().__init__(
            scope,
            id,
            name=name,
            code=code_in_layer(),
            handler=INVOKER,
            environment={"PHASELINE_TARGET": target.function_arn},
            runtime=RUNTIME,
            layer=layer,
            bus=bus,
            settings=settings,
            timeout=timeout,
            start_timeout=start_timeout,
            filter=filter,
            options=replace(given, statements=[may_invoke, *given.statements]),
        )
        self.function = target
        """The function that does the job."""
