"""Ctrl-C at a moment when something must not be left half-done: tidying up, or remembering what was just started."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let the body run to its end; a Ctrl-C meanwhile counts right after it, as KeyboardInterrupt.

    A process that the body starts does not inherit this. Outside of the main thread, where Ctrl-C does not arrive, it
    does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: came.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
    if came.is_set():
        raise KeyboardInterrupt
