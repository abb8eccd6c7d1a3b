"""The oracle's part for executions: their end, their missed deadline, and what people ask of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from phaseline_runtime.definition import Definition, Phase
from phaseline_runtime.engine.questions import Kind
from phaseline_runtime.statuses import Status
from tests.simulation import expressions
from tests.simulation.case import Case
from tests.simulation.facts import Facts
from tests.simulation.people import OTHER_INPUT, Request


def judge_execution(case: Case) -> Iterator[str]:
    """An end, a missed deadline, or what a person has asked for."""
    status, facts = case.status, case.facts
    match status.status:
        case "overdue":
            deadline = facts.started.deadline
            if deadline is None or case.at < deadline:
                yield f"its deadline is {deadline}"
            if facts.overdue or facts.ended is not None:
                yield "there is nothing to be late any more"
            if facts.compensating(facts.number) and facts.number not in facts.round_ends:
                yield "what it has done is being undone, however long that takes"
        case "paused" | "resumed":
            odd = status.status == "paused"
            if facts.ended is not None or status.number != len(facts.pauses) + 1 or (status.number % 2 == 1) != odd:
                yield f"it is number {status.number} after {len(facts.pauses)}"
        case "cancel_requested":
            if facts.ended is not None or facts.cancelled or facts.compensating(facts.number):
                yield "there is nothing to cancel"
            if bool(status.compensate) != _asked(case).changed:
                yield f"it says {status.compensate} of compensation, and was asked for otherwise"
        case _:
            end = facts.round_ends.get(status.round)
            following = (end.next if end is not None else None) or {}
            if end is None or status.round != facts.number or facts.ended is not None or facts.paused:
                yield "its last round has not ended"
            elif following.get("end") != status.status or following.get("error") != status.error:
                yield f"the last round's end says {following}"
            elif following.get("compensate"):
                yield "it has not been compensated"


def judge_opened_by_a_person(case: Case) -> Iterator[str]:
    """A redrive or a rerun: in which phase, by which definition, with what carried over and which input."""
    status, facts, request = case.status, case.facts, _asked(case)
    if facts.ended is None:
        yield "it has not ended"
        return
    follows = case.world.corrected if request.corrects else case.world.definitions[str(facts.started.definition)]
    if case.definition != follows:
        yield f"it follows {status.definition}"
    deadline = case.definition.deadline
    if status.deadline != (None if deadline is None else case.at + timedelta(seconds=deadline)):
        yield f"the execution's deadline is {status.deadline}"
    other = request.what == "rerun" and request.changed
    if status.input != (OTHER_INPUT if other else facts.started.input):
        yield f"the execution's input is {status.input}"
    yield from _redriven(case) if request.what == "redrive" else _rerun(case, request)


def _redriven(case: Case) -> Iterator[str]:
    """It keeps what has succeeded in the round that it repeats, and nothing else."""
    status, facts = case.status, case.facts
    if facts.ended is None or facts.ended.status == "success":
        yield "only what has failed or was cancelled can be redriven"
    if facts.compensating(facts.number):
        yield from _undoes_the_rest(case)
        return
    last = facts.rounds.get(facts.number)
    phase = first_phase(case.definition, facts) if last is None else last.phase
    if status.phase != phase:
        yield f"it goes on in {status.phase}, and had ended in {phase}"
    jobs = facts.jobs(facts.number)
    kept = {use.name for use in case.phase.jobs if use.name in jobs and jobs[use.name].status == "success"}
    yield from _carries(case, jobs, kept)
    if last is not None:
        yield from moved(case.world.definitions[str(facts.started.definition)], case.definition, facts)


def _undoes_the_rest(case: Case) -> Iterator[str]:
    """What is undone stays so; all else that was to be undone is undone once more, and nothing besides."""
    status, before = case.status, case.facts.rounds[case.facts.number]
    left = still_to_undo(case.facts)
    if not left:
        yield "what it had done is undone"
    if (status.phase, status.compensates, status.outcome) != (before.phase, before.compensates, before.outcome):
        yield f"it undoes {status.compensates} in {status.phase} after {status.outcome}"
    undone = {item["name"] for item in before.compensates or ()} - left.keys()
    yield from _carries(case, case.facts.jobs(case.facts.number), undone)
    yield from cannot_undo(case.definition, left)


def still_to_undo(facts: Facts) -> Mapping[str, str]:
    """The compensations in the newest round that have not succeeded, each with the job that it undoes."""
    jobs = facts.jobs(facts.number)
    items = facts.rounds[facts.number].compensates or ()
    return {item["name"]: item["undoes"] for item in items if jobs[item["name"]].status != "success"}


def cannot_undo(definition: Definition, left: Mapping[str, str]) -> Iterator[str]:
    """What of it has no compensation in this definition."""
    uses = [use for phase in definition.phases for use in phase.jobs]
    for name in {*left.values()} - {use.name for use in uses if use.compensate is not None}:
        yield f"nothing undoes {name}"


def first_phase(definition: Definition, facts: Facts) -> str | None:
    """The first phase whose condition holds; None where none does, or one that comes before it cannot be told."""
    for phase in definition.phases:
        answer = None if phase.when is None else expressions.answer(Kind.QUERY, phase.when, facts.seen)
        if answer is None or answer.value:
            return phase.name
        if answer.error is not None:
            return None
    return None


def moved(before: Definition, after: Definition, facts: Facts) -> Iterator[str]:
    """Nothing that has succeeded is to come once more in another phase, and nothing that has failed is left behind."""
    here = str(facts.rounds[facts.number].phase)
    was, comes = _places(before), _places(after)
    now_was, now = ([phase.name for phase in each.phases].index(here) for each in (before, after))
    for name in was.keys() & comes.keys():
        if before.phases[was[name]].name == after.phases[comes[name]].name == here:
            continue
        if name in facts.seen["results"] and was[name] <= now_was and comes[name] >= now:
            yield f"{name} has succeeded, and comes again"
        failed = facts.jobs(facts.number).get(name)
        if failed is not None and failed.status == "failed" and comes[name] < now:
            yield f"{name} has failed, and is left behind"


def _places(definition: Definition) -> dict[str, int]:
    """In the how manieth phase each job stands."""
    return {use.name: place for place, phase in enumerate(definition.phases) for use in phase.jobs}


def _rerun(case: Case, request: Request) -> Iterator[str]:
    """From a job, it keeps the outcome of those that are not behind it; from a phase, of none."""
    status, before = case.status, Facts(case.history.values())
    undone = max((number for number in before.rounds if before.compensating(number)), default=0)
    visits = [number for number, started in before.rounds.items() if started.phase == status.phase and number > undone]
    if not visits and request.start != case.definition.phases[0].name:
        yield f"it has never been in {status.phase}, or what was done there is undone"
        return
    if request.start == status.phase:
        yield from _carries(case, {}, set())
        return
    if request.start not in {use.name for use in case.phase.jobs}:
        yield f"it goes on in {status.phase}, where {request.start} is not"
    again = _behind(case.phase, str(request.start))
    jobs = before.jobs(max(visits))
    kept = {use.name for use in case.phase.jobs if use.name in jobs and use.name not in again}
    yield from _carries(case, jobs, {name for name in kept if jobs[name].status in ("success", "skipped")})


def _behind(phase: Phase, name: str) -> set[str]:
    found = {name}
    while more := {use.name for use in phase.jobs if found & set(use.after)} - found:
        found |= more
    return found


def _carries(case: Case, jobs: Mapping[str, Status], kept: set[str]) -> Iterator[str]:
    """It carries these jobs over, and all that is asked of them: how they had ended, why, and when."""
    carried = {
        name: (entry["status"], entry.get("reason"), entry["at"]) for name, entry in (case.status.carried or {}).items()
    }
    expected = {name: (jobs[name].status, jobs[name].reason, jobs[name].at) for name in kept}
    if carried != expected:
        yield f"it carries over {carried}, where {expected} is to be kept"


def _asked(case: Case) -> Request:
    return case.world.requests[case.entry.author]
