"""What `load` returns: the config as CDK, command line and compiler use it, every default filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from phaseline.config.faults import ConfigError, Fault
from phaseline.config.reading.job_kinds import DEFAULT_RUNTIME, JobKind
from phaseline_runtime.definition import Definition

DEFAULT_MEMORY = 256
DEFAULT_TIMEOUT = 30
DEFAULT_START_TIMEOUT = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a job has that does not say otherwise."""

    runtime: str = DEFAULT_RUNTIME
    """The Lambda runtime."""
    memory: int = DEFAULT_MEMORY
    """In MB."""
    architecture: str | None = None
    """`arm64` or `x86_64`; None leaves it to the construct."""
    traced: bool | None = None
    """Whether X-Ray records each run by itself; None leaves it to the construct."""
    timeout: int = DEFAULT_TIMEOUT
    """Of an attempt, in seconds."""
    start_timeout: int = DEFAULT_START_TIMEOUT
    """How long an attempt may take to start, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a job's function may do besides what every job may: one statement of its role."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Any] | None = None
    """As IAM has them: `{StringEquals: {…}}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A declared job. What is said of its function holds for one that is made from the config (`kind.owned`)."""

    name: str
    kind: JobKind = JobKind.PYTHON
    code: Path | None = None
    """The folder of the handler (or the archive of code that is not Python), absolute, where there is any."""
    image: str | None = None
    """The folder of a Dockerfile, absolute, or an image in Amazon ECR."""
    function_arn: str | None = None
    """The ARN of an existing function."""
    handler: str | None = None
    """Of code: `module.function` in Python; None for an image and for existing functions."""
    runtime: str = DEFAULT_RUNTIME
    """The Lambda runtime, of code."""
    memory: int = DEFAULT_MEMORY
    """In MB."""
    timeout: int = DEFAULT_TIMEOUT
    """Of an attempt, in seconds: the longest of its uses."""
    start_timeout: int = DEFAULT_START_TIMEOUT
    """How long Lambda keeps an event of it, in seconds: the longest of its uses."""
    filter: Mapping[str, Any] | None = None
    """An EventBridge pattern for the job's input; None accepts every input."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the Lambda function."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variables that hold the name or ARN of a secret each, which the function may read."""
    layers: tuple[str, ...] = ()
    """The ARNs of layers besides the runtime's own."""
    architecture: str | None = None
    """`arm64` or `x86_64`; None leaves it to the construct."""
    policy: tuple[Statement, ...] = ()
    """What the function may do besides."""
    reserved_concurrency: int | None = None
    """How many attempts may run at once; None sets no bound."""
    provisioned_concurrency: int | None = None
    """How many environments are kept warm; None keeps none."""
    traced: bool | None = None
    """Whether X-Ray records each run by itself; None leaves it to the construct."""
    tags: Mapping[str, str] = field(default_factory=dict)
    mongo: tuple[str, ...] = ()
    """The collections that its transactions write, as `database.collection`: its user needs readWrite on them."""
    description: str | None = None

    @property
    def source(self) -> str:
        """Where its work comes from: two jobs of one source do the same."""
        match self.kind:
            case JobKind.IMAGE:
                return str(self.image)
            case JobKind.EXISTING:
                return str(self.function_arn)
            case JobKind.GIVEN:
                return f"functions[{self.name}]"
        return f"{self.code}:{self.handler}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What starts executions by itself."""

    kind: Literal["schedule", "event"]
    key: str
    """A short hash of machine and content: it stays the same when other starts come and go."""
    expression: str | None = None
    """Of a schedule: `rate(…)` or `cron(…)`."""
    timezone: str | None = None
    """Of a schedule: an IANA zone; None is UTC."""
    bus: str | None = None
    """Of an event: the name of the bus; None is the account's default bus."""
    pattern: Mapping[str, Any] | None = None
    """Of an event: the EventBridge pattern."""
    input: Any = None
    """The execution's input, as it is."""
    has_input: bool = False
    """Whether there is an input; without one, an event's `detail` is the input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateMachine:
    """A state machine as compiled, and what starts it."""

    name: str
    definition: Definition
    starts: Sequence[Start] = ()
    description: str | None = None
    retention: int | None = None
    """How long an execution is kept from its end, in seconds; None is for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A channel of notifications_job and the statuses that it gets."""

    to: str
    """`log`, `webhook` or `slack`."""
    events: Sequence[str]
    """`execution.failed`, `job.*`, `*`."""
    url: str | None = None
    url_secret: str | None = None
    """The name of a secret that holds the URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A valid config file."""

    path: Path
    """The file, absolute."""
    defaults: Defaults
    jobs: Mapping[str, Job]
    state_machines: Mapping[str, StateMachine]
    notifications: Sequence[Notification] = ()
    warnings: Sequence[Fault] = ()
    """What is allowed, and probably not meant."""
    open: Sequence[Fault] = ()
    """Each `${NAME}`, where it was loaded without `values`: it can be drawn, and neither deployed nor run."""

    def require_values(self) -> None:
        """Raise ConfigError where something is open: where it stands, a key would have no meaning, or another one."""
        if self.open:
            raise ConfigError(self.open, self.warnings)
