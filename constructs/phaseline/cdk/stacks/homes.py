"""Where the parts of an orchestration are made: all in one stack, or the jobs in stacks of their own.

Whoever makes a job or the publication asks for its home and does not know which of the two it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from phaseline.cdk.bus.dead_letters import DeadLetters, DeadLettersElsewhere
from phaseline.cdk.bus.status_bus import StatusBus
from phaseline.cdk.functions.layers import Layers


@dataclass(frozen=True, slots=True)
class JobHome:
    """Where a job is made."""

    scope: Construct
    bus: StatusBus
    """The bus on which its `triggered` statuses arrive."""
    layers: Layers
    stack: str
    """The name of the stack."""


@dataclass(frozen=True, slots=True)
class PublicationHome:
    """Where the publication and the starts are made, which come after all jobs."""

    scope: Construct
    bus: StatusBus
    """The status bus, in whichever stack."""
    dead_letters: DeadLetters | DeadLettersElsewhere
    starter: Callable[[], lambda_.IFunction]
    """Asked for where anything starts: a stack reads nothing that it does not use."""
    migrations: lambda_.IFunction
    layer: str
    """The ARN of the bundled Lambdas' layer."""


@dataclass(frozen=True, slots=True)
class Homes:
    """The homes of what may be in other stacks than the orchestration."""

    jobs: Mapping[str, JobHome]
    """By the jobs' names."""
    publication: PublicationHome
