"""The outputs of a stack by which the command line finds what is deployed, under names that it knows."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnOutput, Stack

from phaseline_runtime.errors import UserError


def add_outputs(stack: Stack, values: Mapping[str, str]) -> None:
    """Add them. Raises UserError where the stack has them already: the command line knows one orchestration in it."""
    if any(stack.node.try_find_child(name) is not None for name in values):
        raise UserError(
            f"stack {stack.stack_name}: add_outputs() was called before, and the command line knows one orchestration "
            "in a stack: give each a stack of its own, or call it for one of them"
        )
    for name, value in values.items():
        CfnOutput(stack, name, value=value)
