"""Whether an execution stands still for longer than it may (DESIGN, invariant 3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from phaseline_runtime.statuses import Status
from tests.simulation.faults import WATCHDOG_LATE
from tests.simulation.stand_ins import PERIOD
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.world import World

SLACK = 4 * PERIOD + 2 * timedelta(seconds=WATCHDOG_LATE)
"""The watchdog's period, its lateness, and one sweep in two that dies half-way or is held up."""


def waits_too_long(world: World) -> Violation | None:
    """The violation, if nothing has happened for longer than what is pending takes and the watchdog's period."""
    document = world.document
    if document["settled"] or document["status"] == "paused":
        return None
    entries = world.history.entries
    pending = list(_pending([entry.status for entry in entries]))
    latest = max([entries[-1].at, *(due for _, due in pending)])
    if world.now - latest <= SLACK:
        return None
    waiting = ", ".join(identifier for identifier, _ in pending) or "nothing"
    what = f"nothing has happened since {entries[-1].status.id}, at {entries[-1].at:%H:%M:%S}; pending: {waiting}"
    return Violation("3 no unpaused execution stands still", what)


def _pending(statuses: list[Status]) -> Iterator[tuple[str, datetime]]:
    """What the execution may wait for: an attempt that has not started or not ended, a retry, a deadline."""
    resumed = max((s.at for s in statuses if s.status == "resumed" and s.at is not None), default=None)
    newest = {(s.round, s.name): s for s in statuses if s.kind == "job" and s.slot != "late"}
    for status in newest.values():
        if status.due is not None:
            yield status.id, status.due
            if status.status == "triggered" and resumed is not None:
                yield status.id, max(status.due, resumed + timedelta(minutes=15))
