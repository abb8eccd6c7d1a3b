"""One invocation of a job's Lambda, in virtual time.

It runs in a thread of its own, and only while the timeline waits for it: where the handler sleeps, everything else that
is to happen meanwhile happens first. So parallel jobs overlap as in production, and one thread runs at a time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, copy_context
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from phaseline.testing.mocks import MockCrash
from phaseline.testing.timeline import Timeline
from phaseline_runtime.errors import UserError

PATIENCE = 60.0
"""Real seconds that a handler may run without an end or a sleep: more, and it hangs."""

_FOREVER = 10 * 365 * 86_400.0
_current: ContextVar[Sandbox] = ContextVar("phaseline_sandbox")


class Sandbox:
    """Runs `body`, which sleeps by `sleep`, until `limit`: then it is interrupted with this error.

    Args:
        name: The job, for messages.
        timeline: Whose time passes.
        limit: When the handler is interrupted, and how.
        active: What has to hold around whatever runs: the job's own modules and variables.
        ended: Called once the body has ended, with whether it has crashed.
    """

    def __init__(
        self,
        name: str,
        timeline: Timeline,
        limit: tuple[datetime, type[BaseException]],
        active: Callable[[], AbstractContextManager[None]],
        ended: Callable[[bool], None],
    ) -> None:
        self.name = name
        self._timeline = timeline
        self._limit, self._interrupt = limit
        self._active = active
        self._ended = ended
        self._turn, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread: threading.Thread | None = None
        self._sleeping = threading.Lock()
        self._wake_at: datetime | None = None
        self._error: BaseException | None = None
        self._gone = False

    @property
    def sleeps(self) -> bool:
        """Whether it has begun and has not ended."""
        return self._wake_at is not None

    def start(self, body: Callable[[], None]) -> None:
        """Run the body until it sleeps or ends."""
        context = copy_context()
        context.run(_current.set, self)
        self._thread = threading.Thread(
            target=context.run, args=(self._run, body), name=f"job {self.name}", daemon=True
        )
        self._thread.start()
        self._go_on()

    def kill(self) -> None:
        """End the thread, wherever it sleeps; nothing of what it does then counts."""
        self._gone = True
        if self.sleeps:
            self._turn.release()
            self._back.acquire(timeout=PATIENCE)

    @property
    def waits_for_this_thread(self) -> bool:
        """Whether nothing else of the handler goes on while this thread sleeps.

        So it is in its own, and in those of `asyncio.to_thread`, which the handler's loop awaits. In one that the
        handler has started beside itself, a sleep must not hand over what the handler has not ended.
        """
        this = threading.current_thread()
        return this is self._thread or this.name.startswith("asyncio_")

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass, for one thread after the other."""
        with self._sleeping:
            if self._gone:
                raise MockCrash
            wake_at = self._timeline.now + timedelta(seconds=min(max(seconds, 0.0), _FOREVER))
            interrupted = wake_at > self._limit
            self._wake_at = min(wake_at, self._limit)
            self._back.release()
            self._turn.acquire()
            self._wake_at = None
        if self._gone:
            raise MockCrash
        if interrupted:
            raise self._interrupt

    def _run(self, body: Callable[[], None]) -> None:
        self._turn.acquire()
        try:
            body()
        except MockCrash:
            self._gone = True
        except BaseException as error:
            self._error = error
        finally:
            self._back.release()

    def _go_on(self) -> None:
        with self._active(), virtual_sleep():
            self._turn.release()
            if not self._back.acquire(timeout=PATIENCE):
                raise UserError(
                    f"job {self.name} has run for {PATIENCE:g} s of real time and has not ended: it waits for "
                    "something that is not here; mock it"
                )
        if self._wake_at is not None:
            self._timeline.at(self._wake_at, self._go_on)
        elif self._error is not None:
            raise self._error
        else:
            self._ended(self._gone)


def sleep(seconds: float) -> None:
    """`time.sleep` that passes in virtual time inside a sandbox, and is the real one everywhere else."""
    sandbox = _whose_turn_it_is()
    if sandbox is None:
        _real_sleep(seconds)
    else:
        sandbox.sleep(seconds)


def _whose_turn_it_is() -> Sandbox | None:
    """The sandbox whose handler stands still while this thread sleeps."""
    sandbox = _current.get(None)
    return sandbox if sandbox is not None and sandbox.waits_for_this_thread else None


async def _async_sleep(delay: float, result: Any = None) -> Any:
    sandbox = _whose_turn_it_is()
    if sandbox is None:
        return await _real_async_sleep(delay, result)
    sandbox.sleep(delay)
    return result


_real_sleep, _real_async_sleep = time.sleep, asyncio.sleep


@contextmanager
def virtual_sleep() -> Iterator[None]:
    """Put the functions above in the place of `time.sleep` and `asyncio.sleep`, for what runs in here."""
    with mock.patch.object(time, "sleep", sleep), mock.patch.object(asyncio, "sleep", _async_sleep):
        yield
