"""What AWS allows of which resource, as far as an orchestration can come near it.

From the quota pages of AWS CloudFormation, Amazon EventBridge, AWS Lambda, Amazon SQS and IAM (November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping

STACK_RESOURCES = 500
STACK_OUTPUTS = 200
STACK_PARAMETERS = 200
TEMPLATE_BYTES = 1_000_000
"""CloudFormation's limits of one template. They cannot be raised."""

JOB_RESOURCES = 420
"""Of the 500, what is for jobs: 70 of six resources each. The rest is for what is no job, and for what an app adds to
its jobs: most grants are one more resource for each function."""

STARTS = 10
"""Of the rest, what is for schedules and events that start executions. In one stack, more take room of the jobs."""

STARTS_OF_A_STACK = 450
"""Where jobs have stacks of their own, what starts executions is in the last one: besides, it holds little."""

JOB_STACKS = 90
"""A bus for each; an account has 100 buses."""

ROLES = 1_000
"""IAM roles of an account, until it asks for more. Each function has one."""

RESERVATIONS = 900
"""Of the 1,000 concurrent invocations of an account, what its functions may reserve, until it asks for more."""

POLICY_STATEMENTS = 20
"""Statements of the policy of an SQS queue."""

MAX_RETRIES = 185
"""How often EventBridge may try to hand over an event; the event's age ends the retries earlier."""

WILDCARD_RULES = 30
"""Rules of a bus whose patterns have a `wildcard`. AWS raises it for nobody."""

ENVIRONMENT = 4_096
"""Bytes of a function's variables, as JSON has them."""

SECURITY_GROUPS = 5
"""The most security groups of a function (AWS Lambda API reference, `VpcConfig`)."""

ROLE_POLICIES = 10_240
"""Characters of all inline policies of a role, white space left out."""

RULES = 300
_FEWER_RULES: Mapping[str, int] = {"af-south-1": 100, "eu-south-1": 100}


def rules_of_a_bus(region: str) -> int:
    """How many rules a bus takes in this region, unless the account has asked for more."""
    return _FEWER_RULES.get(region, RULES)
