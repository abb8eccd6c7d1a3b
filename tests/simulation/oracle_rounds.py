"""The oracle's part for rounds: when they open, how long they wait, and whether they may end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from phaseline_runtime.engine.questions import Kind
from tests.simulation import meaning, undoing
from tests.simulation.case import Case
from tests.simulation.oracle_ends import end_of, expected_end, fault_of_compensation
from tests.simulation.oracle_requests import judge_opened_by_a_person


def judge_phase(case: Case) -> Iterator[str]:
    """The start of a round, its wait, its missed deadline, or its end."""
    status, facts = case.status, case.facts
    if status.status == "started":
        yield from _opened(case)
    elif status.round != facts.number or facts.ended is not None or status.round in facts.round_ends:
        yield "its round is not the open one"
    elif status.status == "overdue":
        due = _deadline(case, facts.rounds[status.round].at)
        if due is None or case.at < due:
            yield f"its deadline is {due}"
        if status.round in facts.round_overdue:
            yield "recorded twice"
    else:
        if case.forgotten():
            yield f"its author does not know of {case.forgotten()}, by which the round before had ended"
        yield from case.missed_deadline()
        yield from _waiting(case) if status.status == "waiting" else _ended(case)


def _deadline(case: Case, at: datetime | None) -> datetime | None:
    seconds = case.phase.deadline
    assert at is not None
    return None if seconds is None else at + timedelta(seconds=seconds)


def _opened(case: Case) -> Iterator[str]:
    status, facts = case.status, case.facts
    if status.round != facts.number + 1:
        yield f"after round {facts.number}"
    visit = facts.seen["visits"].get(status.phase, 0) + 1
    if status.visit != visit:
        yield f"it is visit {status.visit}, and should be {visit}"
    if status.phase != undoing.PHASE and status.due != _deadline(case, case.at):
        yield f"its deadline is {status.due}"
    if status.definition is not None:
        yield from judge_opened_by_a_person(case)
        return
    end = facts.round_ends.get(facts.number)
    following = (end.next if end is not None else None) or {}
    if facts.paused or facts.ended is not None:
        yield "an execution that is paused or has ended opens no round"
    if (status.phase == undoing.PHASE) != bool(following.get("compensate")):
        yield f"the round before says {following}"
    elif status.phase != undoing.PHASE:
        if following.get("phase") != status.phase:
            yield f"the round before says {following}"
    elif status.compensates != following["compensate"] or status.outcome != {
        "status": following["end"],
        **({"error": following["error"]} if "error" in following else {}),
    }:
        yield f"it undoes {status.compensates} after {status.outcome}, where the round before says {following}"


def _waiting(case: Case) -> Iterator[str]:
    status, facts = case.status, case.facts
    wait = case.phase.wait
    if wait is None or status.round in facts.round_waits or facts.paused:
        yield "there is nothing to wait for"
    elif not meaning.waits(case.phase, facts, status.round, case.at):
        yield "its round has begun, or closes"
    else:
        answer = case.answer(f"{status.round}/wait", wait.until, Kind.EXPRESSION) if wait.until else None
        if status.due != meaning.until(wait, answer, case.at):
            yield f"it waits until {status.due}"


def _ended(case: Case) -> Iterator[str]:
    status, facts = case.status, case.facts
    phase = None if status.round == 0 else case.phase
    if facts.compensating(status.round):
        yield from _undecided(case) or _compensated(case)
        return
    expected = expected_end(case, phase)
    if expected.error != "Phaseline.ExpressionFailed" or facts.jobs(status.round):
        yield from _undecided(case)
    if expected.waits and any(meaning.runs(job) for job in facts.jobs(status.round).values()):
        yield "it does not wait for what runs"
    if end_of(status) != replace(expected, waits=True):
        yield f"its end is {end_of(status)}, and should be {expected}"
    fault = fault_of_compensation(case, expected)
    if fault is not None:
        yield fault


def _undecided(case: Case) -> list[str]:
    """The first job that it is open what becomes of."""
    jobs = case.facts.jobs(case.status.round)
    for use in case.phase.jobs if case.status.round else ():
        job = jobs.get(use.name)
        if job is None or job.status in ("triggered", "waiting") or (job.status == "failed" and job.retry is not None):
            return [f"{use.name} is not decided yet: {None if job is None else job.id}"]
    return []


def _compensated(case: Case) -> Iterator[str]:
    status, facts = case.status, case.facts
    jobs = facts.jobs(status.round)
    if any(meaning.runs(job) for job in jobs.values()):
        yield "it does not wait for what runs"
    ends_as, error = undoing.ending(facts.rounds[status.round], jobs)
    if status.next != {"end": ends_as, "error": error}:
        yield f"it says {status.next}, and should say {ends_as}, {error}"
    if status.status != ("failed" if error["notUndone"] else "success"):
        yield f"it ends as {status.status}"
