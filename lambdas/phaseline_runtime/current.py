"""What a job may ask and say about its attempt: `current()`, `heartbeat()` and `transaction()`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession


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
    begin: Callable[[], ClientSession] | None = field(default=None, repr=False, compare=False)
    """Begins the attempt's transaction; use `transaction` instead."""
    spoil: Callable[[BaseException], None] = field(default=lambda _: None, repr=False, compare=False)
    """Marks the attempt's transaction as broken."""
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


_current: ContextVar[list[Current]] = ContextVar("phaseline_current")
"""The attempt that is running, and nothing once its handler has returned: a thread of it may outlive that."""


def current() -> Current:
    """The attempt that is running. Raises RuntimeError outside of a job, and once its handler has returned."""
    try:
        [attempt] = _current.get()
    except LookupError:
        raise RuntimeError("phaseline_runtime.current() is for use inside a job that Phaseline runs") from None
    except ValueError:
        raise RuntimeError(
            "phaseline_runtime.current(): the handler has returned, and with that its attempt is over: "
            "wait in the handler for the threads that it starts"
        ) from None
    return attempt


def heartbeat(progress: Any = None) -> None:
    """Say that the attempt is alive, and how far it is: anything that MongoDB stores, up to 1 MB.

    A job whose use has `heartbeat: 30s` times out unless it does so more often than that. At most one a second is
    recorded, so it may stand in a loop. Raises RuntimeError outside of a job.
    """
    current().beat(progress)


@contextmanager
def transaction() -> Iterator[ClientSession]:
    """The attempt's transaction: what is written with this session commits together with the job's `success`.

    It is one for the whole attempt, and commits after the handler has returned; an error that leaves the block takes
    everything back, whether the handler catches it or not. A conflict with another transaction fails the attempt as
    `Phaseline.TransactionConflict`, which is tried again at once unless a `retry` says otherwise. Raises RuntimeError
    outside of a job.

    Example:
        ```python
        with phaseline_runtime.transaction() as session:
            session.client.shop.orders.insert_one(order, session=session)
        ```
    """
    attempt = current()
    if attempt.begin is None:
        raise RuntimeError("phaseline_runtime.transaction() is for use inside a job that Phaseline runs")
    try:
        yield attempt.begin()
    except BaseException as error:
        attempt.spoil(error)
        raise


@contextmanager
def running(attempt: Current) -> Iterator[None]:
    """Make this the current attempt of what runs in here; the runner alone does so."""
    kept = [attempt]
    before = _current.set(kept)
    try:
        yield
    finally:
        kept.clear()
        _current.reset(before)
