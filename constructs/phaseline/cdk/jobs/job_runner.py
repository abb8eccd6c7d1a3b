"""What is the same for every job: a function that runs its attempts, and the rule that triggers it. Six resources.

The rule hands over `triggered` statuses of this job and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from aws_cdk import CfnResource, Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from phaseline.cdk.basics.asked_once import in_seconds, seconds
from phaseline.cdk.bus import patterns
from phaseline.cdk.bus.status_bus import StatusBus
from phaseline.cdk.functions.delivery import once
from phaseline.cdk.functions.function_options import FunctionOptions
from phaseline.cdk.functions.runtime_function import FunctionSettings, RuntimeFunction
from phaseline.cdk.functions.runtime_layer import RuntimeLayer
from phaseline.config.models import DEFAULT_START_TIMEOUT, DEFAULT_TIMEOUT
from phaseline_runtime.engine.giving_up import HEADROOM, LONGEST


class JobRunner(Construct):
    """The function that claims a job's attempts and records how they end, with its rule.

    Args:
        name: the job's name, which its statuses carry.
        code: the code of the function besides the layer's.
        handler: of the function, in the layer.
        environment: what the handler is told besides the job's name.
        runtime: the Python version.
        layer: the runtime layer, of the same runtime.
        bus: where the statuses arrive.
        settings: what all functions have in common.
        options: what the function has of its own.
        timeout: of an attempt, by default 30 seconds; the Lambda gets 10 seconds more, 15 minutes at most.
        start_timeout: how long Lambda keeps an event of the job, by default 15 minutes.
        filter: an EventBridge pattern for the job's input; by default every input is accepted.
    """

    function: lambda_.IFunction
    """The Lambda function that does the job's work: grant it what that needs."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        code: lambda_.Code,
        handler: str,
        environment: Mapping[str, str],
        runtime: lambda_.Runtime,
        layer: RuntimeLayer,
        bus: StatusBus,
        settings: FunctionSettings,
        options: FunctionOptions,
        timeout: Duration | None = None,
        start_timeout: Duration | None = None,
        filter: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scope, id)
        delivery = once(start_timeout or seconds(DEFAULT_START_TIMEOUT), bus.dead_letters.functions)
        attempt = in_seconds(timeout or seconds(DEFAULT_TIMEOUT))

        def rule(function: lambda_.IFunction) -> events.Rule:
            return bus.rule(
                self,
                detail=patterns.of_job(bus.database, name, filter),
                function=function,
                max_age=delivery.max_age,
                description=f"Job {name} has been triggered",
            )

        made = RuntimeFunction(
            self,
            code=code,
            handler=handler,
            runtime=runtime,
            layer=layer.version,
            settings=settings,
            delivery=delivery,
            rule=rule,
            timeout=seconds(min(attempt + HEADROOM, LONGEST)),
            options=replace(options, environment={**options.environment, **environment, "PHASELINE_JOB": name}),
        )
        self.runner = made.function
        """The Lambda function that the rule invokes."""
        self.role = made.role
        """Its role: it is what reaches MongoDB."""
        self.log_group = made.log_group
        """Where its log lines go."""
        self.rule = cast(events.Rule, made.rule)
        """The rule that invokes the function."""
        if made.entry is not made.function:
            # Also after all that belongs to the function itself, such as its user of the database.
            cast(CfnResource, self.rule.node.default_child).node.add_dependency(made.function)
