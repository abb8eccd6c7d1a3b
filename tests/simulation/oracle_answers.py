"""The oracle's part for what people are answered: whether a request makes sense for the execution as it is."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.facts import Facts
from tests.simulation.oracle_requests import cannot_undo, first_phase, moved, still_to_undo
from tests.simulation.people import Request
from tests.simulation.violation import Violation
from tests.simulation.world import World

GRANTED, NOTHING, REFUSED = "granted", "nothing to do", "refused"


def judge_answers(world: World) -> Iterator[Violation]:
    """Every answer that ought to have been another one."""
    for answered in world.answers:
        entries = world.history.entries[: answered.statuses]
        mine = any(entry.author == answered.person for entry in entries)
        found = REFUSED if answered.refused is not None else GRANTED if mine else NOTHING
        before = [entry.status for entry in entries if entry.author != answered.person]
        facts = Facts(status for status in before if status.id in answered.known or status is before[0])
        request = world.requests[answered.person]
        expected = _expected(world, request, facts, Facts(before))
        if found != expected:
            what = f"{answered.person}: {found} ({answered.refused}), and should be {expected}"
            yield Violation("oracle: answer", what)


def _expected(world: World, request: Request, facts: Facts, everything: Facts) -> str:
    ended, compensating = facts.ended, facts.compensating(facts.number)
    paused = bool(facts.pauses) and facts.pauses[-1].status == "paused"
    match request.what:
        case "cancel":
            if ended is not None or (compensating and not facts.cancelled):
                return REFUSED
            asks_for_more = request.changed and not facts.undoes_when_cancelled
            return GRANTED if not facts.cancelled else REFUSED if asks_for_more else NOTHING
        case "pause":
            return REFUSED if ended is not None else NOTHING if paused else GRANTED
        case "resume":
            return REFUSED if ended is not None else GRANTED if paused else NOTHING
        case "redrive":
            fits = ended is not None and ended.status != "success"
            return GRANTED if fits and _leads_on(world, request, facts) else REFUSED
        case _:
            return GRANTED if ended is not None and _has_been(world, request, facts, everything) else REFUSED


def _leads_on(world: World, request: Request, facts: Facts) -> bool:
    """Whether a redrive has a phase to go on in, and a corrected definition fits what has happened."""
    before = world.definitions[str(facts.started.definition)]
    after = world.corrected if request.corrects else before
    last = facts.rounds.get(facts.number)
    if facts.compensating(facts.number):
        left = still_to_undo(facts)
        return bool(left) and not any(cannot_undo(after, left))
    if last is None:
        return first_phase(after, facts) is not None
    return last.phase in {phase.name for phase in after.phases} and not any(moved(before, after, facts))


def _has_been(world: World, request: Request, facts: Facts, everything: Facts) -> bool:
    """Whether a rerun begins where something was done that is not undone, or at the beginning."""
    definition = world.definitions[str(facts.started.definition)]
    if request.start == definition.phases[0].name:
        return True
    names = {name: phase.name for phase in definition.phases for name in (phase.name, *(u.name for u in phase.jobs))}
    undone = max((number for number in everything.rounds if everything.compensating(number)), default=0)
    visited = {started.phase for number, started in everything.rounds.items() if number > undone}
    return request.start in names and names[request.start] in visited
