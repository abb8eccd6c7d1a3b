"""What a job may ask and say about the attempt it runs in: `phaseline_runtime.current()` and `heartbeat()`."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


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
    beat: Callable[[Any], None] = field(default=lambda _: None, repr=False, compare=False)
    """Records a sign of life; call `heartbeat` instead."""
    is_cancelled: Callable[[], bool] = field(default=lambda: False, repr=False, compare=False)
    """Asks the database; read `cancelled` instead."""

    @property
    def idempotency_key(self) -> str:
        """A key for requests to other systems: execution, round and name."""
        return f"{self.execution}/{self.round}/{self.name}"

    @property
    def cancelled(self) -> bool:
        """Whether the execution is being stopped: a long job may tidy up and return. Asked at most once a second."""
        return self.is_cancelled()


_current: ContextVar[Current] = ContextVar("phaseline_current")


def current() -> Current:
    """The attempt that is running. Raises RuntimeError outside of a job."""
    try:
        return _current.get()
    except LookupError:
        raise RuntimeError("phaseline_runtime.current() is for use inside a job that Phaseline runs") from None


def heartbeat(progress: Any = None) -> None:
    """Say that the attempt is alive, and how far it is: anything that MongoDB stores.

    A job whose use has `heartbeat: 30s` times out unless it does so more often than that. At most one a second is
    recorded, so it may stand in a loop. Raises RuntimeError outside of a job.
    """
    current().beat(progress)


def enter(attempt: Current) -> None:
    """Set the attempt for what runs from here on; the runner alone calls it."""
    _current.set(attempt)
