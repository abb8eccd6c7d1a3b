"""When an attempt that has started is given up: after what Lambda allows it, or after its silence. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from phaseline_runtime.definition import Use

HEADROOM = 10
"""Seconds by which a function's own timeout is longer than its job's, so that the runner can record a timeout."""
LONGEST = 900
"""Seconds that Lambda lets a function run at most."""
SKEW = timedelta(seconds=20)
"""By how much clocks may differ."""


def give_up_at(use: Use, started: datetime, seen: datetime) -> datetime:
    """When an attempt is given up that has not ended, and was last seen alive at `seen`.

    That is after what Lambda allows it, or after its `heartbeat`, and after as much as clocks may differ.
    """
    allowed = started + timedelta(seconds=min(use.timeout + HEADROOM, LONGEST)) + SKEW
    if use.heartbeat is None:
        return allowed
    return min(allowed, seen + timedelta(seconds=use.heartbeat) + SKEW)
