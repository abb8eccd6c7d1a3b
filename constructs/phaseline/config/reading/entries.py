"""The file as read, each value with its place, before anything has been checked against anything else.

Whatever was at fault is None here, or its default: the checks have to live with that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from phaseline.config.reading.failures import FailureEntry
from phaseline.config.reading.positions import Node
from phaseline.config.reading.records import Fields
from phaseline.config.reading.shapes import Word
from phaseline_runtime.definition import Retry


@dataclass(frozen=True, slots=True)
class AttemptEntry:
    """How a place says that attempts are made; None where it says nothing."""

    retry: Sequence[Retry] | None = None
    timeout: int | None = None
    start_timeout: int | None = None
    heartbeat: int | None = None
    fields: Fields | None = None
    """The record in which it stands."""

    @classmethod
    def of(cls, fields: Fields | None) -> AttemptEntry:
        """What stands in a record, if there is one."""
        if fields is None:
            return cls()
        retry, timeout, start_timeout, heartbeat = map(fields.get, ("retry", "timeout", "start_timeout", "heartbeat"))
        return cls(retry, timeout, start_timeout, heartbeat, fields)


@dataclass(frozen=True, slots=True)
class JobEntry:
    """A declared job."""

    fields: Fields
    on_failure: FailureEntry | None

    @property
    def node(self) -> Node:
        """Where it stands."""
        return self.fields.node


@dataclass(frozen=True, slots=True)
class WaitEntry:
    """A `wait`: seconds, or an expression that gives the time until which to wait."""

    node: Node
    seconds: int | None = None
    until: Node | None = None


@dataclass(frozen=True, slots=True)
class CompensateEntry:
    """A `compensate`: the job that undoes, and its input where it has one of its own."""

    node: Node
    job: Word | None
    input: Node | None = None


@dataclass(frozen=True, slots=True)
class UseEntry:
    """A job as used in a phase."""

    node: Node
    job: Word | None
    after: Sequence[Word]
    run_if: Word | None
    when: Node | None
    input: Node | None
    on_failure: FailureEntry | None
    attempt: AttemptEntry
    wait: WaitEntry | None = None
    compensate: CompensateEntry | None = None
    readable: bool = True
    """Whether its `after` was: what derives from a faulty one would be noise."""

    @property
    def rule(self) -> str:
        """Its trigger rule."""
        return "all_success" if self.run_if is None else self.run_if.text


@dataclass(frozen=True, slots=True)
class TransitionEntry:
    """One entry of a `next`."""

    node: Node
    to: Word | None
    when: Node | None
    always: bool


@dataclass(frozen=True, slots=True)
class WaitForEntry:
    """A `wait_for`: names, or a number of successes."""

    node: Node
    names: Sequence[Word] = ()
    count: int | None = None


@dataclass(frozen=True, slots=True)
class FailEntry:
    """A `fail`: the error with which the phase ends its execution."""

    node: Node
    error: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class PhaseEntry:
    """A phase."""

    node: Node
    jobs: dict[str, UseEntry]
    when: Node | None
    next: Sequence[TransitionEntry]
    wait_for: WaitForEntry | None
    on_failure: FailureEntry | None
    attempt: AttemptEntry
    deadline: int | None
    wait: WaitEntry | None = None
    fail: FailEntry | None = None
    succeed: bool = False

    @property
    def ends(self) -> str | None:
        """The key by which it ends the execution, `fail` or `succeed`; the first where both stand there."""
        return next((key for key in self.node.mapping if key in ("fail", "succeed")), None)


@dataclass(frozen=True, slots=True)
class StartEntry:
    """One entry of a machine's `start`."""

    node: Node
    schedule: str | None
    timezone: str | None
    is_event: bool
    bus: str | None
    pattern: Node | None
    input: Node | None
    has_input: bool
    whole: bool = True
    """Whether everything that it says could be read: one of which a part is missing is not compared with others."""

    @property
    def meaning(self) -> dict[str, Any]:
        """Everything that tells it from another."""
        meaning: dict[str, Any] = {"schedule": self.schedule, "timezone": self.timezone, "bus": self.bus}
        meaning["pattern"] = None if self.pattern is None else self.pattern.plain()
        if self.has_input:
            meaning["input"] = None if self.input is None else self.input.plain()
        return meaning


@dataclass(frozen=True, slots=True)
class MachineEntry:
    """A state machine."""

    node: Node
    phases: dict[str, PhaseEntry]
    starts: Sequence[StartEntry]
    input_schema: Node | None
    on_failure: FailureEntry | None
    description: str | None
    attempt: AttemptEntry
    deadline: int | None
    retention: int | None


@dataclass(frozen=True, slots=True)
class NotificationEntry:
    """A channel."""

    node: Node
    to: Word | None
    url: str | None
    url_secret: str | None
    events: Sequence[Word]


@dataclass(frozen=True, slots=True)
class FileEntry:
    """The whole file. `jobs` is None where that section could not be read."""

    node: Node
    defaults: Fields | None
    jobs: dict[str, JobEntry] | None
    machines: dict[str, MachineEntry]
    notifications: Sequence[NotificationEntry]
