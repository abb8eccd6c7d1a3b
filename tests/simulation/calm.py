"""What holds in a seed in which nothing goes wrong and nobody asks for anything: all comes at its time by itself.

What events and wake-ups do, the watchdog would do as well, only later: a history in which they are missing is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from phaseline_runtime.statuses import Status
from tests.simulation.lambdas import EXECUTION
from tests.simulation.world import World

_SOON = timedelta(minutes=15)
"""What is due later than that, no wake-up is sent for."""
_AT_ITS_TIME = timedelta(seconds=3)
"""How late a wake-up may be: it comes at a whole second, and what it wakes takes its time."""


def nothing_is_repaired(world: World) -> Iterator[str]:
    """The watchdog has nothing to make good."""
    if _is_calm(world) and world.repaired:
        yield f"{world.repaired} statuses were taken for lost"


def all_in_time(world: World) -> Iterator[str]:
    """A retry, a wait and the deadline of a phase come at their time, and not at the next sweep."""
    for entry in world.history.entries if _is_calm(world) else ():
        status, due = entry.status, entry.status.due
        follows = _followers(world, status)
        if due is None or not follows or due - entry.at > _SOON or world.now < due:
            continue
        first = min(world.history.order.get(slot, len(world.history.entries)) for slot in follows)
        came = world.history.entries[first].at if first < len(world.history.entries) else world.now
        if came > max(due, entry.at) + _AT_ITS_TIME:
            yield f"{status.id} says {due:%H:%M:%S}, and what follows has come at {came:%H:%M:%S}"


def _followers(world: World, status: Status) -> set[str]:
    """The slots of which one is decided when that is due which the status says."""
    place = f"{EXECUTION}/{status.round}"
    if status.kind == "phase" and status.status == "waiting":
        jobs = {s.id for s in _statuses(world) if s.kind == "job" and s.round == status.round}
        return {*jobs, f"{place}/end", f"{place}/overdue"}
    if status.kind == "phase" and status.status == "started":
        return {f"{place}/end", f"{place}/overdue"}
    if status.status == "waiting":
        return {f"{place}/{status.name}/1/entry"}
    if status.retry is not None:
        return {f"{place}/{status.name}/{status.retry['attempt']}/entry", f"{place}/end"}
    return set()


def _statuses(world: World) -> Iterable[Status]:
    return (entry.status for entry in world.history.entries)


def _is_calm(world: World) -> bool:
    uses = world.definition.uses
    filtered = any(use.filtered or (use.compensate is not None and use.compensate.filtered) for use in uses)
    return not world.faults.happened and not filtered
