"""What a job may ask about the attempt it runs in: `phaseline_runtime.current()`."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Current:
    """The attempt that is running.

    `idempotency_key` is the same for every attempt of the job in this round, so that a retry that repeats a request
    to another system is recognised there.
    """

    execution: str
    state_machine: str
    phase: str
    round: int
    name: str
    job: str
    attempt: int

    @property
    def idempotency_key(self) -> str:
        """A key for requests to other systems: execution, round and name."""
        return f"{self.execution}/{self.round}/{self.name}"


_current: ContextVar[Current] = ContextVar("phaseline_current")


def current() -> Current:
    """The attempt that is running. Raises RuntimeError outside of a job."""
    try:
        return _current.get()
    except LookupError:
        raise RuntimeError("phaseline_runtime.current() is for use inside a job that Phaseline runs") from None


def enter(attempt: Current) -> None:
    """Set the attempt for what runs from here on; the runner alone calls it."""
    _current.set(attempt)
