"""The time, and who says what time it is: the machine's clock, or whoever runs an execution in a time of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def _machine() -> datetime:
    return datetime.now(UTC)


_clock: ContextVar[Clock] = ContextVar("phaseline_clock", default=_machine)


def now() -> datetime:
    """The time as MongoDB keeps it: UTC, in milliseconds."""
    time = _clock.get()()
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


@contextmanager
def following(clock: Clock) -> Iterator[None]:
    """Let `now` say what this clock says, for what runs in here. `phaseline.testing` is what does so."""
    before = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(before)
