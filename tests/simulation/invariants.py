"""The invariants that a finished simulation is held against, each by its name (docs/guarantees.md, in short).

What decisions mean is judged by `oracle`; whether the execution stands still, by `waiting`, while it runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from phaseline_runtime.engine.fold import fold, new_execution
from phaseline_runtime.engine.wake import FIELDS
from phaseline_runtime.statuses import Status
from tests.simulation import calm, undoing
from tests.simulation.facts import Facts
from tests.simulation.history import Entry
from tests.simulation.lambdas import EXECUTION
from tests.simulation.user_code import COUNTER, EFFECTS
from tests.simulation.violation import Violation
from tests.simulation.world import World

FINAL = ("success", "failed", "cancelled")
WITHOUT_CAUSE = ("started", "paused", "resumed", "cancel_requested")
"""Statuses of an execution that people bring about."""
UNAWARE = ("paused", "resumed", "cancel_requested", "overdue")
"""What may still be recorded of an execution by somebody who does not know yet that it has ended."""


def check(world: World) -> list[Violation]:
    """Everything that is wrong with what has happened."""
    found = list(world.broken)
    for name, invariant in INVARIANTS.items():
        found += [Violation(name, what) for what in invariant(world)]
    return found


def _started_once(world: World) -> Iterator[str]:
    for (name, round_number, attempt), times in world.begun.items():
        if times > 1:
            yield f"the handler of {name}, round {round_number}, attempt {attempt} was started {times} times"
    for attempt_of, calls in world.transactional.items():
        if len(calls) > 1:
            yield f"the transactional handler of {attempt_of} was started by {sorted(calls)}"


def _started_after_claim(world: World) -> Iterator[str]:
    starts = {(s.name, s.round, s.attempt) for s in _all(world) if s.slot == "start" and s.status == "started"}
    for place in world.begun:
        if place not in starts:
            yield f"the handler of {place} was started without a claim"


def _triggered_once(world: World) -> Iterator[str]:
    seen: set[tuple[Any, ...]] = set()
    for status in _all(world):
        place = (status.phase, status.name, status.round, status.attempt, status.slot)
        if status.slot not in ("entry", "wait") and status.status != "waiting":
            continue
        if place in seen:
            yield f"{place} was decided twice"
        seen.add(place)


def _ends_are_recorded(world: World) -> Iterator[str]:
    """What has run to its end says so: in the slot of the end, or as late where somebody else has that."""
    said = {(e.status.id, e.author) for e in world.history.entries}
    for start in _all(world):
        if start.slot == "start" and start.status == "started" and start.token in world.returned:
            place = start.id.rpartition("/")[0]
            if not {(f"{place}/{slot}", start.token) for slot in ("end", "late")} & said:
                yield f"the end of what {start.token} has run is recorded nowhere"


def _beats_are_recorded(world: World) -> Iterator[str]:
    """Each sign of life is, so that nobody is given up for a silence that was none."""
    recorded = Counter(e.author for e in world.history.entries if e.status.slot == "heartbeat")
    for call, times in world.beaten.items():
        if recorded[call] < times:
            yield f"{call} has given {times} signs of life, of which {recorded[call]} are recorded"


def _comes_to_an_end(world: World) -> Iterator[str]:
    document = world.document
    if not world.broken and document["status"] != "paused" and not document["settled"]:
        yield f"it has stopped as {document['status']}, settled: {document['settled']}"


def _equals_its_fold(world: World) -> Iterator[str]:
    document = world.document
    if not world.document["settled"]:
        return
    first, *others = _all(world)
    rebuilt = world.stored(fold(new_execution(first), others))
    for key in sorted({*document, *rebuilt} - set(FIELDS)):
        if document.get(key) != rebuilt.get(key):
            yield f"{key} is {document.get(key)}, and {rebuilt.get(key)} by its statuses"


def _says_what_has_happened(world: World) -> Iterator[str]:
    """The same, without the fold: by what the statuses say to whoever reads them plainly."""
    if world.document["settled"]:
        yield from Facts(_all(world)).contradictions(world.document)


def _rounds_in_order(world: World) -> Iterator[str]:
    """A round's start, its end and the next round's start each stand behind what they follow."""
    order, statuses = world.history.order, world.history.statuses
    numbers = sorted(s.round for s in statuses.values() if s.kind == "phase" and s.status == "started")
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"rounds were opened: {numbers}"
    for number in numbers:
        before = f"{EXECUTION}/{number - 1}/end"
        if before not in order or order[before] > order[f"{EXECUTION}/{number}/start"]:
            yield f"round {number} was opened before round {number - 1} had ended"


def _visits_counted(world: World) -> Iterator[str]:
    """The visits of a phase are numbered 1, 2, 3 … as its rounds are opened."""
    visits: dict[str | None, int] = {}
    for status in _all(world):
        if status.kind == "phase" and status.status == "started":
            visits[status.phase] = visits.get(status.phase, 0) + 1
            if status.visit != visits[status.phase]:
                yield f"{status.id} is visit {status.visit} of {status.phase}, and should be {visits[status.phase]}"


def _causes(world: World) -> Iterator[str]:
    order = world.history.order
    for identifier, position in order.items():
        status = world.history.entries[position].status
        if status.cause is None:
            if status.kind != "execution" or status.status not in WITHOUT_CAUSE:
                yield f"{identifier} has no cause"
        elif order.get(status.cause, position) >= position:
            yield f"{identifier} stands before its cause {status.cause}"


def _never_changed(world: World) -> Iterator[str]:
    for status in _all(world):
        if world.stored_status(status.id) != status:
            yield f"{status.id} was changed"


def _one_definition(world: World) -> Iterator[str]:
    """An attempt follows the definition that its life of the execution began with."""
    follows: dict[int, str | None] = {}
    for status in _all(world):
        if status.kind != "job" and status.definition is not None:
            follows[status.round] = status.definition
        elif status.definition is not None and status.definition != _frozen(follows, status.round):
            yield f"{status.id} follows another definition"


def _frozen(follows: Mapping[int, str | None], number: int) -> str | None:
    """The definition of a round: that of the newest which a person has opened up to there."""
    return follows[max(begin for begin in follows if begin <= number)]


def _nothing_after_the_end(world: World) -> Iterator[str]:
    """After an end, nothing happens but what `wait_for` left behind, until somebody opens a higher round."""
    ended: Entry | None = None
    for entry in world.history.entries:
        status = entry.status
        if status.kind == "execution" and status.status in FINAL and status.id.startswith(f"{EXECUTION}/end/"):
            if ended is not None:
                yield f"{status.id} ends what {ended.status.id} had ended"
            ended = entry
        elif ended is None:
            continue
        elif status.kind == "phase" and status.status == "started" and status.definition is not None:
            ended = None
        elif status.status in UNAWARE and ended.status.id not in entry.known:
            continue  # Its author did not know of the end, and it changes nothing any more.
        elif ended.status.id not in entry.known and _leads_to_what_is_decided(world, status):
            continue  # Just as well: what it leads to is decided, the start, the entry or the end of the attempt.
        elif status.kind != "job" or status.slot == "entry" or status.slot == "redelivery":
            yield f"{status.id} ({status.status}) after {ended.status.id}"
        elif status.round == ended.status.round and status.slot != "late":
            yield f"{status.id} ({status.status}) in the last round, after {ended.status.id}"


def _leads_to_what_is_decided(world: World, status: Status) -> bool:
    """Whether it is a redelivery, a wait or a sign of life that comes too late, so that it changes nothing any more."""
    place = f"{EXECUTION}/{status.round}/{status.name}"
    if status.slot == "redelivery":
        decided = f"{place}/{status.attempt}/start"
    elif status.slot == "heartbeat":
        decided = f"{place}/{status.attempt}/end"
    elif status.status == "waiting":
        decided = f"{place}/1/entry" if status.kind == "job" else f"{EXECUTION}/{status.round}/end"
    else:
        return False
    order = world.history.order
    return order.get(decided, order[status.id]) < order[status.id]


def _ends_are_whole(world: World) -> Iterator[str]:
    """Everything that was begun has an end: entries, attempts, retries, rounds."""
    statuses = world.history.statuses
    if world.broken or not world.document["settled"]:
        return
    for status in statuses.values():
        if status.kind == "phase" and status.status == "started":
            yield from _whole_round(world, statuses, status)
        elif status.kind == "job" and status.slot in ("start", "end") and status.status == "failed" and status.retry:
            following = f"{EXECUTION}/{status.round}/{status.name}/{status.retry['attempt']}/entry"
            if following not in statuses and not _left_behind(statuses, status):
                yield f"{status.id} was to be tried again and was not"
        elif status.kind == "job" and status.status == "triggered" and status.slot == "entry":
            place = status.id.rpartition("/")[0]
            if f"{place}/start" not in statuses:
                yield f"{status.id} came to nothing"
            elif statuses[f"{place}/start"].status == "started" and f"{place}/end" not in statuses:
                # What `wait_for` has left behind in an earlier round and died there is given up without a word.
                yield from () if _left_behind(statuses, status) else [f"{place}/start never ended"]


def _left_behind(statuses: Mapping[str, Status], status: Status) -> bool:
    return f"{EXECUTION}/{status.round + 1}/start" in statuses


def _whole_round(world: World, statuses: Mapping[str, Status], started: Status) -> Iterator[str]:
    if f"{EXECUTION}/{started.round}/end" not in statuses:
        yield f"round {started.round} has no end"
        return
    carried = started.carried or {}
    follows = {s.round: s.definition for s in statuses.values() if s.kind != "job" and s.definition is not None}
    definition = world.definitions[str(_frozen(follows, started.round))]
    compensates = started.phase == undoing.PHASE
    phase = undoing.phase_of(definition, started) if compensates else definition.phase(str(started.phase))
    for use in phase.jobs if not _waited_in_vain(statuses, started) else ():
        if use.name not in carried and f"{EXECUTION}/{started.round}/{use.name}/1/entry" not in statuses:
            yield f"{use.name} in round {started.round} was never decided"


def _waited_in_vain(statuses: Mapping[str, Status], started: Status) -> bool:
    """Whether it could not be told until when the round was to wait: then it has ended before its jobs."""
    error = statuses[f"{EXECUTION}/{started.round}/end"].error or {}
    began = any(s.kind == "job" and s.round == started.round for s in statuses.values())
    return error.get("type") == "Phaseline.ExpressionFailed" and not began


def _effects_once(world: World) -> Iterator[str]:
    """The effect of a transactional job is there exactly where its success is; the counter has counted each once."""
    effects = set(world.database[EFFECTS].documents)
    for place in sorted(effects & world.spoiled):
        yield f"{place} has an effect although an error has left its transaction"
    succeeded = {f"{s.name}/{s.round}/{s.attempt}" for s in _all(world) if s.kind == "job" and s.status == "success"}
    for place in sorted(effects ^ (succeeded & world.transactional.keys())):
        yield f"{place} has {'an effect without a success' if place in effects else 'a success without its effect'}"
    counter = world.database[COUNTER].get("all") or {"count": 0}
    if counter["count"] != len(effects):
        yield f"{counter['count']} effects were counted, and there are {len(effects)}"


def _told_rightly(world: World) -> Iterator[str]:
    """Whoever asks is told to stop exactly where the execution is being stopped; a compensation is wanted just then."""
    for told in world.told:
        statuses = _all(world)[: told.statuses]
        seen = [status for status in statuses if status.id in told.known or status is statuses[0]]
        name = told.place[0]
        if told.unwanted and (name.startswith("undo-") or not _is_being_stopped(statuses)):
            yield f"{told.place} was told that nobody wants it any more"
        elif not told.unwanted and not name.startswith("undo-") and _is_being_stopped(seen):
            yield f"{told.place} was told to go on, and nobody wants it any more"


def _is_being_stopped(statuses: Iterable[Status]) -> bool:
    facts = Facts(statuses)
    return facts.cancelled or facts.overdue or facts.ended is not None


def _redrives_go_on(world: World) -> Iterator[str]:
    """A round that a person opens goes on, whatever pause the execution had ended in."""
    paused = False
    entries = world.history.entries
    for entry, following in zip(entries, [*entries[1:], None], strict=True):
        status = entry.status
        if status.status in ("paused", "resumed"):
            paused = status.status == "paused"
        opened = status.kind == "phase" and status.definition is not None
        goes_on = following is not None and (following.author, following.status.status) == (entry.author, "resumed")
        if opened and paused and not goes_on:
            yield f"{status.id} was opened, and is paused"


def _all(world: World) -> list[Status]:
    return [entry.status for entry in world.history.entries]


INVARIANTS: Mapping[str, Callable[[World], Iterator[str]]] = {
    "1 a handler is started at most once": _started_once,
    "1 a handler is started after its claim": _started_after_claim,
    "an end is recorded, late or not": _ends_are_recorded,
    "a sign of life is recorded": _beats_are_recorded,
    "2 triggered at most once per round and attempt": _triggered_once,
    "3 it comes to an end": _comes_to_an_end,
    "4 the settled document equals its fold": _equals_its_fold,
    "4 the settled document says what has happened": _says_what_has_happened,
    "5 a status is never changed": _never_changed,
    "6 the frozen definition decides": _one_definition,
    "7 what has ended stays ended": _nothing_after_the_end,
    "an effect is there exactly with its success": _effects_once,
    "who asks is told to stop when nobody wants it": _told_rightly,
    "a redrive goes on": _redrives_go_on,
    "rounds open and end in their order": _rounds_in_order,
    "visits are counted": _visits_counted,
    "a cause stands before what it causes": _causes,
    "what was begun has an end": _ends_are_whole,
    "all comes at its time while all is well": calm.all_in_time,
    "nothing is repaired while all is well": calm.nothing_is_repaired,
}
