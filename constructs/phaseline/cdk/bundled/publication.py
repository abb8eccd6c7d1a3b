"""Publishes the definitions at the end of a deploy: from then on, a start takes the new ones.

Last of all, so that no execution can start on a definition whose jobs do not listen yet.
"""

from __future__ import annotations

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IDependable

from phaseline.cdk.basics.accepted_findings import WAITING, accept
from phaseline.cdk.functions.runtime_function import FunctionSettings


class Publication(Construct):
    """A custom resource that calls migrations_job when anything changed that it has to see to.

    Args:
        function: migrations_job.
        layer: the ARN of its runtime layer; a new one may bring new indexes.
        settings: which database it is; another one has to be prepared.
        definitions: the hash of definitions.json.
        after: what has to exist before.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        function: lambda_.IFunction,
        layer: str,
        settings: FunctionSettings,
        definitions: str,
        after: list[IDependable],
    ) -> None:
        super().__init__(scope, id)
        self.resource = CustomResource(
            self,
            "Resource",
            service_token=function.function_arn,
            resource_type="Custom::PhaselinePublication",
            # Without it CloudFormation waits for an hour where the function could not answer.
            service_timeout=Duration.minutes(16),
            properties={
                "definitions": definitions,
                "version": layer,
                "database": settings.database,
                "connection": settings.mongo.identity,
            },
        )
        """The custom resource: what depends on it comes after the publication."""
        # All of the function: its log group and a policy that an app has added to its role too.
        self.resource.node.add_dependency(function, *after)
        if isinstance(function, lambda_.Function):  # Of another stack there is nothing to wait for.
            accept(self.resource, WAITING)
