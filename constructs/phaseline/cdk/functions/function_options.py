"""What one function has of its own, beside what all functions have in common (`FunctionSettings`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Tags
from aws_cdk import aws_iam as iam
from constructs import IConstruct

from phaseline.cdk.functions.mongo_connection import may_read_secret
from phaseline.config import Job
from phaseline.config.models import DEFAULT_MEMORY


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionOptions:
    """Of one function: how large it is, what it may do, how often it runs at once."""

    memory_size: int = DEFAULT_MEMORY
    """In MB."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables that hold the name or ARN of a secret each, which the function may read. Its value stands nowhere."""
    layers: Sequence[str] = ()
    """The ARNs of layers besides the runtime layer."""
    statements: Sequence[iam.PolicyStatement] = ()
    """What the role may do besides."""
    reserved_concurrency: int | None = None
    """How many run at once at most; None sets no bound, and reserves nothing."""
    provisioned_concurrency: int | None = None
    """How many environments are kept warm, behind an alias; None keeps none."""
    traced: bool | None = None
    """Whether X-Ray records each run by itself; None as all functions of the orchestration."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of everything that belongs to the function."""
    description: str | None = None
    """Shown in the console."""

    @classmethod
    def of(cls, job: Job) -> FunctionOptions:
        """What the config says of a job's function."""
        return cls(
            memory_size=job.memory,
            environment=job.environment,
            secrets=job.secrets,
            layers=job.layers,
            statements=[
                iam.PolicyStatement(
                    actions=list(each.actions), resources=list(each.resources), conditions=each.conditions
                )
                for each in job.policy
            ],
            reserved_concurrency=job.reserved_concurrency,
            provisioned_concurrency=job.provisioned_concurrency,
            traced=job.traced,
            tags=job.tags,
            description=job.description,
        )

    @property
    def variables(self) -> dict[str, str]:
        """All variables."""
        return {**self.environment, **self.secrets}

    def tag(self, *constructs: IConstruct) -> None:
        """Put the tags on all that is in these constructs."""
        for construct in constructs:
            for key, value in self.tags.items():
                Tags.of(construct).add(key, value)

    def grants(self, scope: IConstruct) -> list[iam.PolicyStatement]:
        """All that the role needs for it."""
        if not self.secrets:
            return [*self.statements]
        return [*self.statements, may_read_secret(scope, *dict.fromkeys(self.secrets.values()))]
