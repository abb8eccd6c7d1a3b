"""A function that runs on the runtime layer, with its own role, its own log group and a destination for failures.

Job functions and bundled Lambdas are both made of it. It knows neither rules nor the config.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jsii
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from phaseline.cdk.accepted_findings import LOG_GROUP, accept, accept_function
from phaseline.cdk.bundling import Bundling
from phaseline.cdk.mongo_connection import MongoConnection
from phaseline.cdk.network import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """What all functions of an orchestration have in common."""

    mongo: MongoConnection
    database: str
    """The name of the MongoDB database."""
    bundling: Bundling = field(default_factory=Bundling.for_aws)
    network: Network | None = None
    """The VPC that they run in; None is none."""
    log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH
    """How long CloudWatch keeps log lines."""
    log_removal: RemovalPolicy = RemovalPolicy.DESTROY
    """What becomes of the logs of a function that is removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How Lambda treats asynchronous invocations of a function."""

    retries: int
    """How often Lambda tries again after an error, 0 to 2."""
    max_age: Duration
    """How long Lambda keeps an event while the function is throttled, 1 minute to 6 hours."""


REPEATABLE = Delivery(retries=2, max_age=Duration.hours(6))
"""For the bundled Lambdas: they may repeat anything."""


def once(start_timeout: Duration) -> Delivery:
    """For job functions: no retries, since an attempt's handler is started at most once.

    An attempt that has not started within its `start_timeout` is given up, so its event need not be kept longer; Lambda
    keeps one for a minute at the least, and for 6 hours at the most.
    """
    return Delivery(retries=0, max_age=Duration.seconds(min(max(start_timeout.to_seconds(), 60), 21_600)))


class RuntimeFunction(Construct):
    """Four resources: the function, its role with inline policies only, its log group, and its delivery.

    Args:
        code: the function's own code.
        handler: a dotted name in the layer or in the code.
        runtime: the Python version; the layer must be of the same.
        layer: the runtime layer.
        settings: what all functions have in common.
        delivery: what Lambda does with an asynchronous invocation that failed.
        on_failure: the queue that such an invocation goes to in the end.
        memory_size: in MB.
        timeout: of the Lambda, 15 minutes at most.
        environment: variables besides those of the connection, which win.
        statements: what the role may do besides writing its own log, reading the connection's secret and sending to
            the queue.
        description: shown in the console.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        code: lambda_.Code,
        handler: str,
        runtime: lambda_.Runtime,
        layer: lambda_.ILayerVersion,
        settings: FunctionSettings,
        delivery: Delivery,
        on_failure: sqs.IQueue,
        memory_size: int = 256,
        timeout: Duration,
        environment: Mapping[str, str] | None = None,
        statements: Sequence[iam.PolicyStatement] = (),
        description: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.log_group = logs.LogGroup(
            self, "Log", retention=settings.log_retention, removal_policy=settings.log_removal
        )
        """The function's log group; nothing else writes to it."""
        accept(self.log_group, LOG_GROUP)
        needed = [
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[self.log_group.log_group_arn]
            ),
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[on_failure.queue_arn]),
            *settings.mongo.statements(self),
            *([] if settings.network is None else [settings.network.statement]),
            *statements,
        ]
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            # Inline: a policy of its own would be one more resource for each function.
            inline_policies={"Least": iam.PolicyDocument(statements=needed)},
        )
        """The function's role, which no other function has."""
        self.function = lambda_.Function(
            self,
            "Function",
            code=code,
            handler=handler,
            runtime=runtime,
            architecture=settings.bundling.architecture,
            layers=[layer],
            role=self.role,
            log_group=self.log_group,
            memory_size=memory_size,
            timeout=timeout,
            environment={
                **(environment or {}),
                **settings.mongo.environment(),
                "PHASELINE_DATABASE": settings.database,
            },
            retry_attempts=delivery.retries,
            max_event_age=delivery.max_age,
            on_failure=_QueueDestination(on_failure),
            description=description,
            **({} if settings.network is None else settings.network.properties),
        )
        """The Lambda function."""
        accept_function(self.function)


@jsii.implements(lambda_.IDestination)
class _QueueDestination:
    """A queue as destination without CDK's grant, which would be a policy besides the inline ones."""

    def __init__(self, queue: sqs.IQueue) -> None:
        self._queue = queue

    def bind(
        self, scope: Construct, fn: lambda_.IFunction, *, type: lambda_.DestinationType
    ) -> lambda_.DestinationConfig:
        """Called by the function."""
        return lambda_.DestinationConfig(destination=self._queue.queue_arn)
