"""Functions with a role and a log group of their own: plain ones, and those that run on the runtime layer.

Job functions, invokers and bundled Lambdas are made of it. What a rule matches is not known here: whoever wants one
hands in what makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

from phaseline.cdk.basics.accepted_findings import LOG_GROUP, Wildcard, accept_among, of_function, of_role
from phaseline.cdk.basics.asked_once import as_json, asked_once, may_send
from phaseline.cdk.functions.bundling import Bundling
from phaseline.cdk.functions.delivery import Delivery
from phaseline.cdk.functions.function_limits import check_policies, check_variables
from phaseline.cdk.functions.function_options import FunctionOptions
from phaseline.cdk.functions.mongo_connection import MongoConnection
from phaseline.cdk.functions.network import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """What all functions of an orchestration have in common."""

    mongo: MongoConnection
    database: str
    """The name of the MongoDB database."""
    bundling: Bundling = field(default_factory=Bundling.for_aws)
    network: Network | None = None
    """The VPC that they run in; None is none."""
    traced: bool = False
    """Whether X-Ray records each run of those that do not say otherwise."""
    log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH
    """How long CloudWatch keeps log lines."""
    log_removal: RemovalPolicy = RemovalPolicy.DESTROY
    """What becomes of the logs of a function that is removed."""

    def on(self, architecture: str | None) -> FunctionSettings:
        """The same for functions on this processor, `arm64` or `x86_64`; None changes nothing."""
        if architecture is None:
            return self
        return replace(self, bundling=self.bundling.on(lambda_.Architecture.custom(architecture)))


WARM = "warm"
"""The alias of a function whose environments are kept warm."""

_LAMBDA = iam.ServicePrincipal("lambda.amazonaws.com")

_LAYERS_COUNT = "@aws-cdk/aws-lambda:recognizeLayerVersion"
"""The flag of CDK by which another layer is another version of the function."""

MakesRule = Callable[[lambda_.IFunction], events.Rule]
"""Makes the rule that invokes a function."""


class PlainFunction:
    """A function with its own role and log group, that knows nothing of Phaseline. Three resources.

    Without a delivery it is only called by those who wait for its answer.

    Args:
        scope: a construct with nothing else in it: it gets the resources.
        code: the function's own code, or an image.
        handler: as the runtime has it; None for an image.
        runtime: of Lambda; None for an image.
        settings: what all functions have in common.
        timeout: of the Lambda, 15 minutes at most.
        options: what it has of its own.
        layers: of the stack's own; what they bring wins over what those of the options do.
        delivery: what Lambda does with an asynchronous invocation that failed.
        rule: makes the rule in the scope that invokes the function (or its alias), where there is one. It is there
            after the delivery: before that, Lambda would try a failed job again.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        code: lambda_.Code,
        handler: str | None,
        runtime: lambda_.Runtime | None,
        settings: FunctionSettings,
        timeout: Duration,
        options: FunctionOptions,
        layers: Sequence[lambda_.ILayerVersion] = (),
        delivery: Delivery | None = None,
        rule: MakesRule | None = None,
    ) -> None:
        traced = settings.traced if options.traced is None else options.traced
        warm = options.provisioned_concurrency
        if warm is not None:
            # A new layer makes a new version, whatever the app's own flags say: the alias would keep the old one.
            scope.node.set_context(_LAYERS_COUNT, True)
        self.log_group = logs.LogGroup(
            scope, "Log", retention=settings.log_retention, removal_policy=settings.log_removal
        )
        """The function's log group; nothing else writes to it."""
        needed = [
            *([] if settings.network is None else settings.network.statements),
            *options.grants(scope),
            *([_may_trace()] if traced else []),
        ]
        statements = [_may_log(self.log_group), *map(as_json, needed)]
        check_policies(scope, statements)
        check_variables(scope, options.variables)
        self.role = iam.Role(
            scope,
            "Role",
            assumed_by=_LAMBDA,
            # Inline: a policy of its own would be one more resource for each function.
            inline_policies={"Least": _document(statements)},
        )
        """The function's role, which no other function has."""
        asynchronous = {} if delivery is None else delivery.options
        self.function = lambda_.Function(
            scope,
            "Function",
            code=code,
            handler=handler or lambda_.Handler.FROM_IMAGE,
            runtime=runtime or lambda_.Runtime.FROM_IMAGE,
            architecture=settings.bundling.architecture,
            # Ours come last, so that they win; and an image takes not even an empty list.
            layers=[*_further(scope, options.layers), *layers] or None,
            role=self.role,
            log_group=self.log_group,
            memory_size=options.memory_size,
            timeout=timeout,
            environment=options.variables,
            reserved_concurrent_executions=options.reserved_concurrency,
            description=options.description,
            **(asynchronous if warm is None else {}),
            **({} if settings.network is None else settings.network.properties),
        )
        """The Lambda function."""
        self.entry: lambda_.IFunction = self.function
        """What is to be invoked: the function, or the alias whose environments are kept warm."""
        if warm is not None:
            self.entry = lambda_.Alias(
                scope,
                "Alias",
                alias_name=WARM,
                version=self.function.current_version,
                provisioned_concurrent_executions=warm,
                **asynchronous,
            )
        self.rule = None if rule is None else rule(self.entry)
        """The rule that invokes it, if any."""
        resources = scope.node.find_all()  # One question for all of them.
        _complete(resources, traced=traced, delivery=delivery)
        in_vpc = settings.network is not None
        # What an app adds itself is for it to accept.
        app_asks = frozenset(asked for each in options.statements for asked in _wildcards(each))
        accept_among(
            resources,
            {
                logs.CfnLogGroup: LOG_GROUP,
                iam.CfnRole: of_role(traced=traced, in_vpc=in_vpc, app_asks=app_asks),
                lambda_.CfnFunction: of_function(
                    has_destination=delivery is not None,
                    has_variables=bool(options.variables),
                    image=runtime is None,
                    traced=traced,
                    in_vpc=in_vpc,
                    reserved=options.reserved_concurrency is not None,
                ),
            },
        )
        options.tag(scope)


class RuntimeFunction(PlainFunction):
    """Four resources: the function, its role with inline policies only, its log group, and its delivery.

    Args:
        scope: a construct with nothing else in it: it gets the resources.
        code: the function's own code.
        handler: a dotted name in the layer or in the code.
        runtime: the Python version; the layer must be of the same.
        layer: the runtime layer.
        settings: what all functions have in common.
        delivery: what Lambda does with an asynchronous invocation that failed.
        timeout: of the Lambda, 15 minutes at most.
        options: what it has of its own; the variables of the connection win over its own, and its role may also write
            its own log, read the connection's secret and send to the queue.
        rule: as of `PlainFunction`.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        code: lambda_.Code,
        handler: str,
        runtime: lambda_.Runtime,
        layer: lambda_.ILayerVersion,
        settings: FunctionSettings,
        delivery: Delivery,
        timeout: Duration,
        options: FunctionOptions | None = None,
        rule: MakesRule | None = None,
    ) -> None:
        given = options or FunctionOptions()
        super().__init__(
            scope,
            code=code,
            handler=handler,
            runtime=runtime,
            layers=[layer],
            settings=settings,
            delivery=delivery,
            rule=rule,
            timeout=timeout,
            options=replace(
                given,
                statements=[may_send(delivery.on_failure), *settings.mongo.statements(layer), *given.statements],
                environment={
                    **given.environment,
                    **settings.mongo.environment(),
                    "PHASELINE_DATABASE": settings.database,
                },
            ),
        )


def _may_log(log_group: logs.LogGroup) -> dict[str, Any]:
    """As JSON: no other function has this statement, so CDK would be asked for it once more."""
    return {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": log_group.log_group_arn,
    }


def _document(statements: Sequence[Mapping[str, Any]]) -> iam.PolicyDocument:
    """Asks CDK once, where a document that is made of statements would ask for each."""
    return iam.PolicyDocument.from_json({"Version": "2012-10-17", "Statement": list(statements)})


def _complete(resources: Sequence[IConstruct], *, traced: bool, delivery: Delivery | None) -> None:
    """Set what CDK has properties for that would add a policy besides the inline one."""
    rules = [each for each in resources if isinstance(each, events.CfnRule)]
    for each in resources:
        if traced and isinstance(each, lambda_.CfnFunction):
            each.tracing_config = lambda_.CfnFunction.TracingConfigProperty(mode="Active")
        if delivery is not None and isinstance(each, lambda_.CfnEventInvokeConfig):
            delivery.complete(each, rules)


def _further(scope: Construct, arns: Sequence[str]) -> list[lambda_.ILayerVersion]:
    return [
        lambda_.LayerVersion.from_layer_version_arn(scope, f"Further{number}", arn) for number, arn in enumerate(arns)
    ]


@asked_once
def _may_trace() -> iam.PolicyStatement:
    """On all resources: X-Ray knows none, and AWS forces the wildcard."""
    return iam.PolicyStatement(actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"])


@asked_once
def _wildcards(statement: iam.PolicyStatement) -> list[Wildcard]:
    """What a statement has that scanners find as they find ours."""
    services = any(action.endswith(":*") for action in statement.actions)
    return [
        *([Wildcard.RESOURCES] if "*" in statement.resources else []),
        *([Wildcard.ACTIONS] if services else []),
    ]
