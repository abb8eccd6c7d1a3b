"""The runtime layers of one stack: one for each Python version and processor that its functions run on.

Never one for several stacks: an ARN that another stack imports cannot change, and a layer's does with each release.
"""

from __future__ import annotations

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from phaseline.cdk.basics.asked_once import name_of
from phaseline.cdk.functions.bundling import Bundling
from phaseline.cdk.functions.runtime_layer import RuntimeLayer


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

    def of(self, runtime: lambda_.Runtime, architecture: lambda_.Architecture | None = None) -> RuntimeLayer:
        """The layer for this Python version and processor, by default that of the bundling."""
        usual = name_of(self._bundling.architecture)
        other = None if architecture is None or name_of(architecture) == usual else name_of(architecture)
        id = f"Layer-{name_of(runtime)}" if other is None else f"Layer-{name_of(runtime)}-{other}"
        if id not in self._made:
            bundling = self._bundling if architecture is None else self._bundling.on(architecture)
            self._made[id] = RuntimeLayer(self._scope, id, runtime=runtime, bundling=bundling)
        return self._made[id]
