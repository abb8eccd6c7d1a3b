"""A limit in time for what runs inside of it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SOON = 1e-3


@contextmanager
def time_limit(seconds: float, exceeded: type[BaseException]) -> Iterator[None]:
    """Raise `exceeded` in what runs in here after so many seconds; a limit around this one holds on.

    Only the main thread can be interrupted, which is where Lambda calls handlers: in another one there is no limit.
    """
    around, _ = signal.getitimer(signal.ITIMER_REAL)
    if threading.current_thread() is not threading.main_thread() or 0 < around <= seconds:
        yield
        return

    def interrupt(*_: Any) -> None:
        raise exceeded

    begun = time.monotonic()
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if around:
            signal.setitimer(signal.ITIMER_REAL, max(around - (time.monotonic() - begun), _SOON))
