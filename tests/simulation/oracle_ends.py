"""The oracle's part for how a round ends, and what comes next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from phaseline_runtime.definition import OnFailure, Phase
from phaseline_runtime.engine.questions import Kind
from phaseline_runtime.statuses import Status
from tests.simulation import meaning, undoing
from tests.simulation.case import Case


@dataclass(frozen=True, slots=True)
class End:
    """The end of a round.

    `to` is the phase that comes next, or `end:` with a status; `error` what the round has failed with, and `fault`
    what the execution fails with, both by their type and the job that has failed.
    """

    status: str
    to: str = ""
    passed_over: tuple[str, ...] = ()
    error: str | None = None
    fault: str | None = None
    waits: bool = True
    """Whether it has to wait for what runs in the round."""

    @property
    def ends_badly(self) -> bool:
        """Whether the execution fails."""
        return self.to == "end:failed"


def end_of(status: Status) -> End:
    """The end that a status says."""
    following = status.next or {}
    to = following["phase"] if "phase" in following else f"end:{following.get('end')}"
    return End(status.status, to, status.passed_over, _told(status.error), _told(following.get("error")))


def expected_end(case: Case, phase: Phase | None) -> End:
    """How the round ought to end by what its author knew."""
    facts, number = case.facts, case.status.round
    closing = meaning.closing(phase, facts, number) if phase is not None else "cancel" if facts.cancelled else ""
    if closing == "cancel":
        return End("cancelled", "end:cancelled")
    if phase is None:
        if facts.overdue:
            return failing("Phaseline.Timeout")
        return End("nothing while paused") if facts.paused else _led(case, None, End("success", waits=False))
    if meaning.waits(phase, facts, number, case.at):
        return _while_waiting(case, phase)
    if closing == "failing":
        known = meaning.failures(phase, facts, number)
        if not known:
            return End("nothing before it is known what has failed")
        handler, _, error, job = meaning.deciding(known)
        return _failed(case, phase, handler, _of_job(error, job))
    if closing == "" and phase.wait_for_count is not None:
        error = "Phaseline.WaitForNotMet"
        return _failed(case, phase, meaning.first(phase.on_failure, error), error)
    if closing == "wait_for" and meaning.met_at(phase, facts.jobs(number)) is None:
        return End("nothing before it is known what was waited for")
    end = _led(case, phase, End("success"))
    return replace(end, waits=closing == "" or end.to.startswith("end:"))


def failing(error: str) -> End:
    """The end of a round with which the execution fails."""
    return End("failed", "end:failed", (), error, error)


def fault_of_compensation(case: Case, end: End) -> str | None:
    """What is wrong with what is to be undone before the execution ends, in the order in which it is to be."""
    status, facts = case.status, case.facts
    recorded = (status.next or {}).get("compensate")
    undoes = end.ends_badly or (end.to == "end:cancelled" and facts.undoes_when_cancelled)
    if not undoes or status.round == 0:
        return None if recorded is None else "there is nothing to be undone before that"
    counted = case.entry.answered.get("successes", frozenset())
    effects = undoing.effects(case.definition, [case.history[key] for key in counted])
    known = {(s.name, s.round, s.attempt) for s in facts.statuses if s.kind == "job" and s.status == "success"}
    if not effects >= undoing.effects(case.definition, facts.statuses) - _undone(case):
        return f"it was not asked after all of {sorted(known)}"
    if not effects:
        return None if recorded is None else "there is nothing to be undone"
    return "; ".join(undoing.faults_of_plan(case.definition, recorded or (), effects)) or None


def _undone(case: Case) -> set[Any]:
    since = max((s.round for s in case.history.values() if s.phase == undoing.PHASE), default=0)
    return {(s.name, s.round, s.attempt) for s in case.history.values() if s.status == "success" and s.round <= since}


def _while_waiting(case: Case, phase: Phase) -> End:
    """Nothing but that its time cannot be told ends a round that waits."""
    assert phase.wait is not None
    number = case.status.round
    if case.facts.paused or number in case.facts.round_waits or phase.wait.until is None:
        return End("nothing while it waits")
    answer = case.answer(f"{number}/wait", phase.wait.until, Kind.EXPRESSION)
    due = meaning.until(phase.wait, answer, case.at)
    return failing("Phaseline.ExpressionFailed") if isinstance(due, str) else End("nothing while it waits")


def _failed(case: Case, phase: Phase, handler: OnFailure, error: str) -> End:
    if handler.action == "to":
        return _entered(case, str(handler.to), End("failed", error=error))
    if handler.action == "continue":
        return _led(case, phase, End("failed", error=error))
    return failing(error)


def _led(case: Case, phase: Phase | None, end: End) -> End:
    """The first transition whose condition holds, unless the phase ends the execution."""
    if phase is not None and phase.fail is not None:
        return replace(end, to="end:failed", fault=phase.fail.error)
    if phase is not None and phase.succeed:
        return replace(end, to="end:success")
    for index, transition in enumerate(meaning.transitions(phase, case.definition)):
        if transition.when is not None:
            answer = case.answer(f"{case.status.round}/next/{index}", transition.when)
            if answer is None:
                return End("a choice without an answer")
            if answer.error is not None:
                return failing("Phaseline.ExpressionFailed")
            if not answer.value:
                continue
        return _entered(case, transition.to, end)
    raise AssertionError("the last transition has no condition")


def _entered(case: Case, to: str, end: End) -> End:
    """Into a phase, or past it where its condition is false."""
    passed: list[str] = []
    while to != "end":
        phase = case.definition.phase(to)
        if phase.when is not None:
            answer = case.answer(f"{case.status.round}/phase/{to}", phase.when)
            if answer is None:
                return End("a choice without an answer")
            if answer.error is not None:
                return failing("Phaseline.ExpressionFailed")
            if not answer.value:
                passed.append(to)
                to = meaning.following(case.definition, to)
                continue
        return replace(end, to=to, passed_over=tuple(passed))
    return replace(end, to="end:success", passed_over=tuple(passed))


def _told(error: Any) -> str | None:
    return None if error is None else _of_job(str(error.get("type")), error.get("job"))


def _of_job(error: str, job: str | None) -> str:
    return error if job is None else f"{error} of {job}"
