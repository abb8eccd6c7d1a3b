"""Waiting for what comes about by itself, for as long as a busy machine may need."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(holds: Callable[[], Found], *, timeout: float = 300, every: float = 0.1) -> Found:
    """What this returns as soon as that is true. An AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (found := holds()):
        assert time.monotonic() < deadline, f"it has not come about within {timeout} s"
        time.sleep(every)
    return found
