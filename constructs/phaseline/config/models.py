"""What `load` returns: the config as CDK, command line and compiler use it, every default filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from phaseline.config.faults import Fault
from phaseline_runtime.definition import Definition

DEFAULT_RUNTIME = "python3.13"
DEFAULT_MEMORY = 256
DEFAULT_TIMEOUT = 30
DEFAULT_START_TIMEOUT = 900
DEFAULT_HANDLER = "handler.handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a job has that does not say otherwise."""

    runtime: str = DEFAULT_RUNTIME
    """The Lambda runtime."""
    memory: int = DEFAULT_MEMORY
    """In MB."""
    timeout: int = DEFAULT_TIMEOUT
    """Of an attempt, in seconds."""
    start_timeout: int = DEFAULT_START_TIMEOUT
    """How long an attempt may take to start, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A declared job: one Lambda function."""

    name: str
    code: Path
    """The folder of the handler, absolute."""
    handler: str = DEFAULT_HANDLER
    """`module.function` in the folder."""
    runtime: str = DEFAULT_RUNTIME
    """The Lambda runtime."""
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
    mongo: tuple[str, ...] = ()
    """The collections that its transactions write, as `database.collection`: its user needs readWrite on them."""
    description: str | None = None


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
