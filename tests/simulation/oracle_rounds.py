"""The oracle's part for rounds and executions: when they open, how they end, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from phaseline_runtime.definition import OnFailure, Phase
from tests.simulation import meaning
from tests.simulation.case import Case

End = tuple[str, str, tuple[str, ...], str | None]
"""A round's end: its status, what comes next (a phase, or `end:` with a status), what is passed over, the error."""


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
        case "paused" | "resumed":
            odd = status.status == "paused"
            if facts.ended is not None or status.number != len(facts.pauses) + 1 or (status.number % 2 == 1) != odd:
                yield f"it is number {status.number} after {len(facts.pauses)}"
        case "cancel_requested":
            if facts.ended is not None or facts.cancelled:
                yield "there is nothing to cancel"
        case _:
            end = facts.round_ends.get(status.round)
            if end is None or status.round != facts.number or facts.ended is not None or facts.paused:
                yield "its last round has not ended"
            elif (end.next or {}).get("end") != status.status or (end.next or {}).get("error") != status.error:
                yield f"the last round's end says {end.next}"


def judge_phase(case: Case) -> Iterator[str]:
    """The start of a round, its end, or its missed deadline."""
    status, facts = case.status, case.facts
    if status.status == "started":
        yield from _opened(case)
    elif status.round != facts.number or facts.ended is not None or status.round in facts.round_ends:
        yield "its round is not the open one"
    elif status.status == "overdue":
        opened = facts.rounds[status.round]
        seconds = case.phase.deadline
        assert opened.at is not None
        if seconds is None or case.at < opened.at + timedelta(seconds=seconds):
            yield f"its deadline is {seconds} s after {opened.at}"
        if status.round in facts.round_overdue:
            yield "recorded twice"
    else:
        if case.forgotten():
            yield f"its author does not know of {case.forgotten()}, by which the round before had ended"
        yield from case.missed_deadline()
        yield from _ended(case)


def _opened(case: Case) -> Iterator[str]:
    status, facts = case.status, case.facts
    if status.round != facts.number + 1:
        yield f"after round {facts.number}"
    visit = facts.seen["visits"].get(status.phase, 0) + 1
    if status.visit != visit:
        yield f"it is visit {status.visit}, and should be {visit}"
    seconds = case.phase.deadline
    if status.due != (None if seconds is None else case.at + timedelta(seconds=seconds)):
        yield f"its deadline is {status.due}"
    if status.definition is not None:
        if facts.ended is None or facts.ended.status == "success":
            yield "only what has failed or was cancelled can be redriven"
        yield from _carried(case)
        return
    end = facts.round_ends.get(facts.number)
    if facts.paused or facts.ended is not None:
        yield "an execution that is paused or has ended opens no round"
    if end is None or (end.next or {}).get("phase") != status.phase:
        yield f"the round before says {None if end is None else end.next}"


def _carried(case: Case) -> Iterator[str]:
    """A redrive keeps what has succeeded in the round that it repeats, and nothing else."""
    status, facts = case.status, case.facts
    jobs = facts.jobs(facts.number)
    kept = {name for name, job in jobs.items() if job.status == "success"}
    if set(status.carried or {}) != kept:
        yield f"it carries over {sorted(status.carried or {})}, where {sorted(kept)} have succeeded"


def _ended(case: Case) -> Iterator[str]:
    status, facts = case.status, case.facts
    phase = None if status.round == 0 else case.phase
    if phase is not None:
        jobs = facts.jobs(status.round)
        for use in phase.jobs:
            job = jobs.get(use.name)
            if job is None or job.status == "triggered" or (job.status == "failed" and job.retry is not None):
                yield f"{use.name} is not decided yet: {None if job is None else job.id}"
                return
    expected, waits = _expected_end(case, phase)
    if waits and phase is not None and any(s.status == "started" for s in facts.jobs(status.round).values()):
        yield "it does not wait for what runs"
    if _end_of(case) != expected:
        yield f"its end is {_end_of(case)}, and should be {expected}"


def _end_of(case: Case) -> End:
    status = case.status
    following = status.next or {}
    to = following["phase"] if "phase" in following else f"end:{following.get('end')}"
    error = None if status.error is None else status.error.get("type")
    if following.get("end") == "failed" and following.get("error") != status.error:
        error = f"two errors, {following.get('error')} and {status.error}"
    return (status.status, to, status.passed_over, error)


def _expected_end(case: Case, phase: Phase | None) -> tuple[End, bool]:
    """How the round ought to end, and whether it has to wait for what runs."""
    facts = case.facts
    closing = ""
    if phase is not None:
        closing = meaning.closing(phase, facts, case.status.round)
    elif facts.cancelled:
        closing = "cancel"
    if closing == "cancel":
        return ("cancelled", "end:cancelled", (), None), True
    if phase is None:
        if facts.overdue:
            return ("failed", "end:failed", (), "Phaseline.Timeout"), True
        if facts.paused:
            return ("nothing while paused", "", (), None), True
        return _led(case, None, "success", None), False
    if closing == "failing":
        known = meaning.failures(phase, facts, case.status.round)
        if not known:
            return ("nothing before it is known what has failed", "", (), None), True
        failure = meaning.deciding(known)
        return _failed(case, phase, failure[0], failure[2]), True
    if closing == "" and phase.wait_for_count is not None:
        error = "Phaseline.WaitForNotMet"
        return _failed(case, phase, meaning.first(phase.on_failure, error), error), True
    if closing == "wait_for" and meaning.met_at(phase, facts.jobs(case.status.round)) is None:
        return ("nothing before it is known what was waited for", "", (), None), True
    end = _led(case, phase, "success", None)
    return end, closing == "" or end[1].startswith("end:")


def _failed(case: Case, phase: Phase, handler: OnFailure, error: str) -> End:
    if handler.action == "to":
        return _entered(case, str(handler.to), "failed", error)
    if handler.action == "continue":
        return _led(case, phase, "failed", error)
    return ("failed", "end:failed", (), error)


FAILED_EXPRESSION: End = ("failed", "end:failed", (), "Phaseline.ExpressionFailed")


def _led(case: Case, phase: Phase | None, status: str, error: str | None) -> End:
    """The first transition whose condition holds."""
    for index, transition in enumerate(meaning.transitions(phase, case.world.definition)):
        if transition.when is not None:
            answer = case.answer(f"{case.status.round}/next/{index}", transition.when)
            if answer is None:
                return ("a choice without an answer", "", (), None)
            if answer.error is not None:
                return FAILED_EXPRESSION
            if not answer.value:
                continue
        return _entered(case, transition.to, status, error)
    raise AssertionError("the last transition has no condition")


def _entered(case: Case, to: str, status: str, error: str | None) -> End:
    """Into a phase, or past it where its condition is false."""
    passed: list[str] = []
    while to != "end":
        phase = case.world.definition.phase(to)
        if phase.when is not None:
            answer = case.answer(f"{case.status.round}/phase/{to}", phase.when)
            if answer is None:
                return ("a choice without an answer", "", (), None)
            if answer.error is not None:
                return FAILED_EXPRESSION
            if not answer.value:
                passed.append(to)
                to = meaning.following(case.world.definition, to)
                continue
        return (status, to, tuple(passed), error)
    return (status, "end:success", tuple(passed), error)
