"""Whether an execution stands still for longer than it may (invariant 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from phaseline_runtime.statuses import Status
from tests.simulation.faults import WATCHDOG_LATE
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.world import World

PERIOD = timedelta(minutes=1)
"""How often the watchdog looks."""
SLACK = 4 * PERIOD + 2 * timedelta(seconds=WATCHDOG_LATE)
"""The watchdog's period, its lateness, and one sweep in two that dies half-way or is held up."""


def waits_too_long(world: World) -> Violation | None:
    """The violation, if nothing has happened for longer than what is pending takes and the watchdog's period."""
    document = world.document
    if document["settled"] or document["status"] == "paused":
        return None
    entries = world.history.entries
    pending = [*_pending([entry.status for entry in entries]), *_believed(world)]
    latest = max([entries[-1].at, *(due for _, due in pending)])
    if world.now - latest <= SLACK:
        return None
    waiting = ", ".join(identifier for identifier, _ in pending) or "nothing"
    what = f"nothing has happened since {entries[-1].status.id}, at {entries[-1].at:%H:%M:%S}; pending: {waiting}"
    return Violation("3 no unpaused execution stands still", what)


def _pending(statuses: list[Status]) -> Iterator[tuple[str, datetime]]:
    """What the execution may wait for: a time, an attempt that has not started or not ended, or a retry."""
    resumed = max((s.at for s in statuses if s.status == "resumed" and s.at is not None), default=None)
    for status in statuses:
        if status.kind == "phase" and status.status == "waiting" and status.due is not None:
            yield status.id, status.due
    for status in _newest(statuses):
        if status.due is not None:
            yield status.id, status.due
            if status.status == "triggered" and resumed is not None:
                yield status.id, max(status.due, resumed + timedelta(minutes=15))


def _believed(world: World) -> Iterator[tuple[str, datetime]]:
    """The attempts that are still to start, or still run, as far as the document says, and how long it waits for them.

    Where whoever recorded a start or an end died, and what tells of it is lost, nobody knows of it before the time that
    the document knows is over (docs/guarantees.md). Once it has heard of the start, that may be a shorter one.
    """
    opened = world.document["round"]
    for name, entry in opened["jobs"].items():
        if entry["status"] in ("triggered", "started") and entry["due"] is not None:
            attempt = f"{opened['number']}/{name}/{entry['attempt']}"
            world.believed[attempt] = max(entry["due"], world.believed.get(attempt, entry["due"]))
            yield name, world.believed[attempt]


def _newest(statuses: list[Status]) -> Iterable[Status]:
    """Of each job in a round, what has happened last to its newest attempt; the order of inserts does not say it."""
    found: dict[tuple[int, str | None], Status] = {}
    for status in statuses:
        kept = found.get((status.round, status.name))
        if status.kind == "job" and status.slot != "late" and (kept is None or _order(status) >= _order(kept)):
            found[status.round, status.name] = status
    return found.values()


def _order(status: Status) -> tuple[int, int, int]:
    slots = ("wait", "entry", "redelivery", "start", "heartbeat", "end")
    return (status.attempt or 0, slots.index(str(status.slot)), status.number or 0)
