"""What the further stacks have to know of the first: parameters of Systems Manager, which they read when they deploy.

Exports would do for less, but CloudFormation refuses to change one that is imported: a new release of the layer, or
another bus, could never be deployed. A parameter is read anew at each deploy.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk import aws_ssm as ssm
from constructs import Construct


class SharedValues(Construct):
    """One parameter for each value.

    Args:
        values: by name; the parameters are named `/phaseline/STACK/NAME`.
    """

    def __init__(self, scope: Construct, id: str, *, values: Mapping[str, str]) -> None:
        super().__init__(scope, id)
        self._prefix = f"/phaseline/{Stack.of(self).stack_name}"
        for name, value in values.items():
            ssm.StringParameter(self, name, parameter_name=f"{self._prefix}/{name}", string_value=value)

    def read(self, stack: Stack, name: str) -> str:
        """The value of this name, in another stack."""
        return ssm.StringParameter.value_for_string_parameter(stack, f"{self._prefix}/{name}")
