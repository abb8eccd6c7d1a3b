"""Holds the templates against CloudFormation's limits of one, once they are written: what no count beforehand knows.

How many jobs fit is decided before any construct is made. What else an app and its config bring, large patterns,
variables, outputs, is seen here, before a deploy would fail by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
)

from phaseline.cdk.basics.quotas import STACK_OUTPUTS, STACK_PARAMETERS, STACK_RESOURCES, TEMPLATE_BYTES

_REMEDY = "Give `job_stacks` more stacks (docs/scale.md), or make what is no job in a stack of its own."
_LIMITS: Mapping[str, int] = {
    "Resources": STACK_RESOURCES,
    "Outputs": STACK_OUTPUTS,
    "Parameters": STACK_PARAMETERS,
}


@jsii.implements(IPolicyValidationPlugin)
class TemplateLimits:
    """A plugin of CDK's: it reports what is beyond a limit, and the synth fails by it."""

    @property
    def name(self) -> str:
        """Shown with each violation."""
        return "Phaseline"

    @property
    def rule_ids(self) -> list[str]:
        """The rules' names."""
        return ["template-limits"]

    @property
    def version(self) -> str:
        """Of the rules."""
        return "1.0.0"

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Called by CDK, at the end of a synth."""
        violations = [
            PolicyViolation(
                rule_name="template-limits",
                description=fault,
                fix=_REMEDY,
                violating_resources=[
                    PolicyViolatingResource(resource_logical_id="Template", template_path=path, locations=[])
                ],
            )
            for path in context.template_paths
            for fault in beyond(Path(path).read_bytes())
        ]
        return PolicyValidationPluginReport(success=not violations, violations=violations)


def beyond(template: bytes) -> Iterator[str]:
    """What of this template is beyond a limit."""
    content: Mapping[str, Any] = json.loads(template)
    for part, limit in _LIMITS.items():
        count = len(content.get(part, {}))
        if count > limit:
            yield f"{part}: got {count}; CloudFormation allows {limit} in a stack"
    if len(template) > TEMPLATE_BYTES:
        yield f"template: has {len(template)} bytes; CloudFormation allows {TEMPLATE_BYTES}"
