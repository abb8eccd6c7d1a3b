"""The reconciler: which statuses ought to exist and do not yet?

Given the definition, the folded state and answers, it goes to the fixpoint and lists the statuses in causal order.
Every caller does the same: fold, ask, insert. What loses its slot to another status makes the rest of the list stale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from phaseline_runtime import slots
from phaseline_runtime.definition import COMPENSATION, Action, Definition, OnFailure, Phase
from phaseline_runtime.engine import compensation, entries, rounds, waiting
from phaseline_runtime.engine.fold import fold
from phaseline_runtime.engine.questions import Answers, ExpressionFailed, Inquiry, Owner, Question
from phaseline_runtime.engine.rounds import Closing
from phaseline_runtime.engine.step import Step
from phaseline_runtime.engine.transitions import Choice, choose_first, choose_next, enter
from phaseline_runtime.errors import EXPRESSION_FAILED, WAIT_FOR_NOT_MET
from phaseline_runtime.statuses import Status

Choose = Callable[[], Choice | None]


def owner(status: Status) -> Owner:
    """Whose part a status is: the entries of jobs are the orchestrator's, the rest is the state machine's.

    An expression is asked for by whoever inserts what follows from it, its failure too: nobody else would.
    """
    begins = status.slot in ("wait", "entry", "redelivery")
    return Owner.ORCHESTRATOR if begins else Owner.STATEMACHINE


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer of the reconciler.

    `statuses` ought to exist, in causal order. `questions` have to be answered for more. `state` is the document as
    it will be once the statuses are folded. `read` names a status that exists and was not folded: fold it first.
    """

    statuses: tuple[Status, ...] = ()
    questions: tuple[Question, ...] = ()
    state: Mapping[str, Any] | None = None
    read: str | None = None


def reconcile(definition: Definition, document: Mapping[str, Any], answers: Answers, now: datetime) -> Plan:
    """What ought to exist for this execution at this time. Pure: the same arguments give the same plan."""
    planned: list[Status] = []
    state: Mapping[str, Any] = document
    inquiry = Inquiry(answers)
    if _start_unknown(state):
        return Plan(state=state, read=slots.round_start(state["_id"], state["round"]["number"]))
    while True:
        inquiry.open.clear()
        found = _Next(Step(definition, state, inquiry, now)).statuses()
        if not found:
            return Plan(tuple(planned), tuple(inquiry.open.values()), state)
        planned += found
        state = fold(state, found)


def _start_unknown(state: Mapping[str, Any]) -> bool:
    """A job's status can open a round before its start is folded; `visits` would be behind."""
    return state["round"]["number"] > 0 and "visit" not in state["round"]


class _Next:
    """The statuses that derive from one state directly."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def statuses(self) -> list[Status]:
        state = self.step.state
        if state["status"] not in ("running", "paused"):
            return []
        end = self.step.round.get("end")
        if end is not None:
            return self._execution_overdue() if rounds.paused(state) else [self._after_round(end["next"])]
        if self.step.round.get("phase") == COMPENSATION:
            return self._compensate()
        # That a deadline has passed is recorded before anything derives from it: clocks differ, records do not.
        overdue = self._execution_overdue() or self._round_overdue()
        if overdue:
            return overdue
        if self.step.number == 0:
            return self._before_the_first()
        phase = self.step.definition.phase(self.step.round["phase"])
        if rounds.closing(phase, state) is Closing.OPEN and waiting.holds_round(self.step, phase):
            try:
                return waiting.of_round(self.step, phase)
            except ExpressionFailed as failure:
                error = {"type": EXPRESSION_FAILED, "message": str(failure)}
                return self._fail_execution(phase, error)
        return entries.decide(self.step, phase) or self._round_over(phase)

    def _round_overdue(self) -> list[Status]:
        """That the open round has passed its deadline, where nobody has recorded it yet."""
        step = self.step
        due = step.round.get("due")
        if due is None or step.now < due or "overdue" in step.round:
            return []
        slot = slots.round_overdue(step.execution, step.number)
        phase = step.round["phase"]
        return [step.status(slot, "phase", "overdue", round=step.number, phase=phase, cause=step.last_ended())]

    def _execution_overdue(self) -> list[Status]:
        """That the execution has passed its deadline, likewise. A deadline holds while it is paused, too."""
        step, state = self.step, self.step.state
        if state["deadline"] is None or step.now < state["deadline"] or rounds.overdue(state) is not None:
            return []
        life = rounds.life(state)
        slot = slots.execution_overdue(step.execution, life)
        cause = step.last_ended()
        return [step.status(slot, "execution", "overdue", round=step.number, number=life, cause=cause)]

    def _compensate(self) -> list[Status]:
        opened = self.step.round
        found = entries.decide(self.step, compensation.phase(self.step.definition, opened))
        if found or not compensation.all_ended(opened):
            return found
        following = compensation.ending(opened)
        status = "success" if not following["error"]["notUndone"] else "failed"
        return self._end_round(Phase(COMPENSATION, ()), status, lambda: Choice(following))

    # What a recorded end of the round leads to.

    def _after_round(self, following: Mapping[str, Any]) -> Status:
        step = self.step
        if following.get("compensate"):
            outcome = {"status": following["end"]}
            if "error" in following:
                outcome["error"] = following["error"]
            return self._next_round(COMPENSATION, compensates=following["compensate"], outcome=outcome)
        if "end" in following:
            return step.status(
                slots.execution_end(step.execution, step.number),
                "execution",
                following["end"],
                round=step.number,
                error=following.get("error"),
                cause=slots.round_end(step.execution, step.number),
            )
        seconds = step.definition.phase(following["phase"]).deadline
        due = None if seconds is None else step.now + timedelta(seconds=seconds)
        return self._next_round(following["phase"], due=due)

    def _next_round(self, phase: str, **values: Any) -> Status:
        """The start of the round after this one, which visits this phase."""
        step = self.step
        return step.status(
            slots.round_start(step.execution, step.number + 1),
            "phase",
            "started",
            round=step.number + 1,
            phase=phase,
            visit=step.state["visits"].get(phase, 0) + 1,
            cause=slots.round_end(step.execution, step.number),
            **values,
        )

    # The end of the open round.

    def _before_the_first(self) -> list[Status]:
        state = self.step.state
        if rounds.cancelled(state):
            return self._cancel_round(None)
        if rounds.overdue(state) is not None:
            return self._fail_execution(None, rounds.missed_deadline(state))
        if rounds.paused(state):
            return []
        return self._end_round(None, "success", lambda: choose_first(self.step.definition, self.step.inquiry))

    def _round_over(self, phase: Phase) -> list[Status]:
        known = [self.step.jobs.get(use.name) for use in phase.jobs]
        if any(rounds.undecided(entry) for entry in known):
            return []
        all_ended = not any(entry is not None and rounds.running(entry) for entry in known)
        match rounds.closing(phase, self.step.state):
            case Closing.CANCELLED:
                return self._cancel_round(phase) if all_ended else []
            case Closing.FAILING:
                # What was given up can be known before what had failed: that is on its way.
                failed = rounds.failures(phase, self.step.state)
                return self._fail_round(phase) if all_ended and failed else []
            case Closing.MET if rounds.met_at(phase, self.step.jobs) is None:
                return []
            case Closing.OPEN if not all_ended:
                return []
            case Closing.OPEN if phase.wait_for_count is not None:
                return self._wait_for_not_met(phase)
        return self._end_round(phase, "success", self._choose_next(phase), only_running_left=not all_ended)

    def _cancel_round(self, phase: Phase | None) -> list[Status]:
        return self._end_round(phase, "cancelled", lambda: Choice({"end": "cancelled"}))

    def _fail_round(self, phase: Phase) -> list[Status]:
        failure = rounds.deciding_failure(phase, self.step.state)
        return self._after_failure(phase, failure.on_failure, failure.error)

    def _wait_for_not_met(self, phase: Phase) -> list[Status]:
        succeeded = sum(1 for entry in self.step.jobs.values() if entry["status"] == "success")
        message = f"phase {phase.name} waits for {phase.wait_for_count} successes and had {succeeded}"
        error = {"type": WAIT_FOR_NOT_MET, "message": message}
        return self._after_failure(phase, phase.failure(WAIT_FOR_NOT_MET), error)

    def _after_failure(self, phase: Phase, on_failure: OnFailure, error: Mapping[str, Any]) -> list[Status]:
        match on_failure.action:
            case Action.TO:
                step, to = self.step, str(on_failure.to)
                return self._end_round(
                    phase, "failed", lambda: enter(step.definition, to, step.number, step.inquiry), error=error
                )
            case Action.CONTINUE:
                return self._end_round(phase, "failed", self._choose_next(phase), error=error)
            case Action.FAIL:
                return self._fail_execution(phase, error)

    def _fail_execution(self, phase: Phase | None, error: Mapping[str, Any]) -> list[Status]:
        return self._end_round(phase, "failed", lambda: Choice({"end": "failed", "error": error}), error=error)

    def _choose_next(self, phase: Phase) -> Choose:
        if phase.fail is not None:
            error = {"type": phase.fail.error, "message": phase.fail.cause}
            return lambda: Choice({"end": "failed", "error": error})
        if phase.succeed:
            return lambda: Choice({"end": "success"})
        return lambda: choose_next(self.step.definition, phase, self.step.number, self.step.inquiry)

    def _end_round(
        self,
        phase: Phase | None,
        status: str,
        choose: Choose,
        *,
        error: Mapping[str, Any] | None = None,
        only_running_left: bool = False,
    ) -> list[Status]:
        try:
            choice = choose()
        except ExpressionFailed as failure:
            error = {"type": EXPRESSION_FAILED, "message": str(failure)}
            status, choice = "failed", Choice({"end": "failed", "error": error})
        if choice is None or (only_running_left and choice.ends):
            return []  # Answers are missing, or this is the last round: it waits for what still runs.
        following = compensation.ahead(self.step, choice.next)
        if following is None:
            return []
        end = self.step.status(
            slots.round_end(self.step.execution, self.step.number),
            "phase",
            status,
            round=self.step.number,
            phase=None if phase is None else phase.name,
            next=following,
            passed_over=choice.passed_over,
            error=error,
            cause=self.step.last_ended(),
        )
        return [end]
