"""Holds the templates against the limits of CloudFormation and IAM, once they are written: what nothing before knows.

How many jobs fit is decided before any construct is made. What else an app and its config bring, large patterns,
variables, outputs, tags of the whole stack, is seen here, before a deploy would fail by it.
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
from phaseline.cdk.stacks.role_tags import alike, too_many

_REMEDY = "Give `job_stacks` more stacks (docs/scale.md), or make what is no job in a stack of its own."
_ONE_SPELLING = (
    "Spell the key in one way: in the config's `tags`, and where the stack or the app is tagged (`Tags.of`)."
)
_FEWER_TAGS = "Leave some out: of the config's `tags`, or where the stack or the app is tagged (`Tags.of`)."
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
        return ["template-limits", "role-tags"]

    @property
    def version(self) -> str:
        """Of the rules."""
        return "1.0.0"

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Called by CDK, at the end of a synth."""
        violations = [each for path in context.template_paths for each in _violations(path)]
        return PolicyValidationPluginReport(success=not violations, violations=violations)


def _violations(path: str) -> Iterator[PolicyViolation]:
    template = Path(path).read_bytes()
    for fault in beyond(template):
        yield _violation("template-limits", fault, _REMEDY, path, "Template")
    if b'"Tags"' in template:
        content = json.loads(template)
        for tags in alike(content):
            yield _violation("role-tags", str(tags), _ONE_SPELLING, path, tags.resources[0])
        if (crowd := too_many(content)) is not None:
            yield _violation("role-tags", str(crowd), _FEWER_TAGS, path, crowd.resources[0])


def _violation(rule: str, fault: str, remedy: str, path: str, resource: str) -> PolicyViolation:
    return PolicyViolation(
        rule_name=rule,
        description=fault,
        fix=remedy,
        violating_resources=[PolicyViolatingResource(resource_logical_id=resource, template_path=path, locations=[])],
    )


def beyond(template: bytes) -> Iterator[str]:
    """What of this template is beyond a limit."""
    content: Mapping[str, Any] = json.loads(template)
    for part, limit in _LIMITS.items():
        count = len(content.get(part, {}))
        if count > limit:
            yield f"{part}: got {count}; CloudFormation allows {limit} in a stack"
    if len(template) > TEMPLATE_BYTES:
        yield f"template: has {len(template)} bytes; CloudFormation allows {TEMPLATE_BYTES}"
