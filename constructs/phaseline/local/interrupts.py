"""The end of a command from outside at a moment when something must not be left half-done, or running by itself."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

ENDINGS = (signal.SIGTERM, signal.SIGHUP)
"""What ends a command but Ctrl-C: a machine that gives it up, and a terminal that is closed."""


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


@contextlib.contextmanager
def interrupted_by_any_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP be a KeyboardInterrupt like Ctrl-C, so that the body ends what it has started.

    What is ignored (`nohup`) stays so. Outside of the main thread it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # Once is enough: tidying up is not to be interrupted by it.
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in ENDINGS}
    ours = [number for number, handler in before.items() if handler == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
