"""Whether an open execution stands still, or leaves undone what is due (invariant 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from phaseline_runtime.definition import Use
from phaseline_runtime.statuses import Status
from tests.simulation import meaning, undoing
from tests.simulation.facts import Facts
from tests.simulation.faults import WATCHDOG_LATE
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.world import World

PERIOD = timedelta(minutes=1)
"""How often the watchdog looks."""
SLACK = 4 * PERIOD + 2 * timedelta(seconds=WATCHDOG_LATE)
"""The watchdog's period, its lateness, and one sweep in two that dies half-way or is held up."""
MARGIN = PERIOD + timedelta(seconds=40)
"""How long the watchdog leaves alone what it has just seen or what may go on by itself, and what clocks differ by."""

Pending = tuple[str, datetime]
"""What an execution waits for, and until when."""


def looked_at(world: World) -> Violation | None:
    """The violation, if an open execution contradicts its statuses, or stands still."""
    if world.document["settled"]:
        open_still = world.document["endedAt"] is None
        what = "it has not ended, and the watchdog looks at it no more"
        return Violation("3 what is open is looked at", what) if open_still else None
    statuses = world.history.statuses
    facts = Facts(statuses.values())
    seen = Facts(statuses[key] for key in world.known | {facts.first.id})
    for what in seen.contradictions(world.document):
        return Violation("4 the document never contradicts its statuses", what)
    return None if facts.paused else _stands_still(world)


def _stands_still(world: World) -> Violation | None:
    entries = world.history.entries
    pending = [*_pending([entry.status for entry in entries]), *_believed(world)]
    latest = max([entries[-1].at, *(due for _, due in pending)])
    if world.now - latest <= SLACK:
        return None
    waiting = ", ".join(identifier for identifier, _ in pending) or "nothing"
    what = f"nothing has happened since {entries[-1].status.id}, at {entries[-1].at:%H:%M:%S}; pending: {waiting}"
    return Violation("3 no unpaused execution stands still", what)


def left_undone(world: World, known: frozenset[str], begun: datetime) -> Violation | None:
    """The violation, if a sweep of the watchdog has come to its end and left undone what was due when it began.

    What it could know is what was folded then. When it is due is read in the definition: an execution that keeps a
    later time in its documents is late, too.
    """
    statuses = world.history.statuses
    facts = Facts(statuses.values())
    seen = Facts(statuses[key] for key in known | {facts.first.id})
    for identifier, due in _due(world, seen, facts) if facts.ended is None else ():
        if begun - due > MARGIN:
            what = f"{identifier} was due at {due:%H:%M:%S}, and is undone after the sweep of {begun:%H:%M:%S}"
            return Violation("3 what is due is done by the next sweep", what)
    return None


def left_uncompleted(world: World, status: Status, request: str | None) -> Violation | None:
    """The violation, if a dead letter about this status has come to its end and nothing came of it.

    `request` is the invocation that has crashed, where one has.
    """
    statuses = world.history.statuses
    place = status.id.rpartition("/entry")[0] or status.id.rpartition("/redelivery")[0]
    start = statuses.get(f"{place}/start")
    if status.status != "triggered":
        seen = Facts(statuses[key] for key in world.known | {world.history.entries[0].status.id, status.id})
        news = status.kind != "job" or seen.jobs(status.round)[str(status.name)] is statuses[status.id]
        here = status.round >= world.document["round"]["number"] and status.id != seen.first.id
        missing = here and news and status.id not in world.known
        what = f"{status.id} has not reached the document"
    else:
        missing = start is None or (start.token == request is not None and f"{place}/end" not in statuses)
        what = f"the attempt of {status.id} is open"
    return Violation("a dead letter is completed", what) if missing else None


def _due(world: World, seen: Facts, facts: Facts) -> Iterator[Pending]:
    """What is pending by what the execution has seen, and is decided by nobody."""
    opened = seen.rounds.get(seen.number)
    if opened is None or seen.number != facts.number or seen.number in facts.round_ends:
        return
    definition = world.definitions[str(seen.started.definition)]
    compensating = seen.compensating(seen.number)
    if not compensating and not facts.overdue:
        yield from _deadlines(seen, facts, opened, definition.phase(str(opened.phase)).deadline)
    resumed = max(at for at in (seen.resumed_at, opened.at) if at is not None)
    statuses = world.history.statuses
    for name, job in seen.jobs(seen.number).items():
        if name in (opened.carried or {}):
            continue  # The definition need not know it any more.
        use = undoing.use_named(definition, name) if compensating else undoing.find(definition, name)
        runs, newest = meaning.runs(job), facts.jobs(seen.number)[name]
        if runs and meaning.runs(newest):
            job = newest  # Whoever gives an attempt up looks for signs of life first.
        slot, due = _next_slot(use, job, statuses, resumed)
        if slot is not None and slot not in statuses and (runs or not (seen.paused or facts.paused)):
            yield slot, due


def _deadlines(seen: Facts, facts: Facts, opened: Status, seconds: float | None) -> Iterator[Pending]:
    """Those of the execution and of the visit of a phase; a pause stops neither."""
    if seen.started.deadline is not None:
        yield "the execution's deadline", seen.started.deadline
    if seconds is not None and opened.round not in facts.round_overdue:
        assert opened.at is not None
        yield f"the deadline of round {opened.round}", opened.at + timedelta(seconds=seconds)


def _next_slot(use: Use, job: Status, statuses: Mapping[str, Status], resumed: datetime) -> tuple[str | None, datetime]:
    """The slot that has to be decided next for a job of which this is the newest status, and when at the latest."""
    place = f"{job.execution}/{job.round}/{job.name}"
    attempt = f"{place}/{job.attempt}"
    assert job.at is not None
    if meaning.runs(job):
        started = statuses[f"{attempt}/start"].at
        assert started is not None
        return f"{attempt}/end", meaning.give_up_at(use, started, job.at)
    if job.status == "triggered":
        triggered = statuses[f"{attempt}/entry"].at
        assert triggered is not None
        return f"{attempt}/start", max(triggered, resumed) + timedelta(seconds=use.start_timeout)
    if job.status == "waiting" and job.due is not None:
        return f"{place}/1/entry", max(job.due, resumed)
    if job.status == "failed" and job.retry is not None:
        return f"{place}/{job.retry['attempt']}/entry", max(job.retry["at"], resumed)
    return None, job.at


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
