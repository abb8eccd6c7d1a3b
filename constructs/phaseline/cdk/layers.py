"""The runtime layers of one stack: one for each Python version that its functions run on.

Never one for several stacks: an ARN that another stack imports cannot change, and a layer's does with each release.
"""

from __future__ import annotations

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from phaseline.cdk.bundling import Bundling
from phaseline.cdk.runtime_layer import RuntimeLayer


class Layers:
    """Makes each layer when it is first asked for.

    Args:
        scope: where they are made.
        bundling: for which machine.
    """

    def __init__(self, scope: Construct, bundling: Bundling) -> None:
        self._scope = scope
        self._bundling = bundling
        self._made: dict[str, RuntimeLayer] = {}

    def of(self, runtime: lambda_.Runtime) -> RuntimeLayer:
        """The layer for this Python version."""
        if runtime.name not in self._made:
            self._made[runtime.name] = RuntimeLayer(
                self._scope, f"Layer-{runtime.name}", runtime=runtime, bundling=self._bundling
            )
        return self._made[runtime.name]
