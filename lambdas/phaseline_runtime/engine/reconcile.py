"""The reconciler: which statuses ought to exist and do not yet?

Given the definition, the folded state and answers, it goes to the fixpoint and lists the statuses in causal order.
Every caller does the same: fold, ask, insert. What loses its slot to another status makes the rest of the list stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from phaseline_runtime import slots
from phaseline_runtime.definition import Action, Definition, Phase, Use
from phaseline_runtime.engine import rounds
from phaseline_runtime.engine.fold import fold
from phaseline_runtime.engine.questions import Answers, Inquiry, Kind, Owner, Question
from phaseline_runtime.engine.rounds import Closing
from phaseline_runtime.engine.rules import Verdict, judge
from phaseline_runtime.engine.transitions import Choice, ExpressionFailed, choose_first, choose_next, enter
from phaseline_runtime.errors import EXPRESSION_FAILED, WAIT_FOR_NOT_MET
from phaseline_runtime.statuses import Status


def owner(status: Status) -> Owner:
    """Whose part a status is: the entries of jobs are the orchestrator's, the rest is the state machine's."""
    return Owner.ORCHESTRATOR if status.slot == "entry" else Owner.STATEMACHINE


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
    """What ought to exist for this execution. Pure: the same arguments give the same plan."""
    planned: list[Status] = []
    state: Mapping[str, Any] = document
    inquiry = Inquiry(answers)
    if _start_unknown(state):
        return Plan(state=state, read=slots.round_start(state["_id"], state["round"]["number"]))
    while True:
        inquiry.open.clear()
        found = [replace(status, at=now) for status in _Step(definition, state, inquiry).statuses()]
        if not found:
            return Plan(tuple(planned), tuple(inquiry.open.values()), state)
        planned += found
        state = fold(state, found)


def _start_unknown(state: Mapping[str, Any]) -> bool:
    """A job's status can open a round before its start is folded; `visits` would be behind."""
    return state["round"]["number"] > 0 and "visit" not in state["round"]


class _Step:
    """One step from one state: the statuses that derive from it directly."""

    def __init__(self, definition: Definition, state: Mapping[str, Any], inquiry: Inquiry) -> None:
        self.definition = definition
        self.state = state
        self.inquiry = inquiry
        self.execution: str = state["_id"]
        self.round: Mapping[str, Any] = state["round"]
        self.number: int = self.round["number"]
        self.jobs: Mapping[str, Mapping[str, Any]] = self.round["jobs"]

    def statuses(self) -> list[Status]:
        if self.state["status"] != "running":
            return []
        end = self.round.get("end")
        if end is not None:
            return [self._after_round(end["next"])]
        if self.number == 0:
            return self._end_round(None, "success", lambda: choose_first(self.definition, self.inquiry))
        phase = self.definition.phase(self.round["phase"])
        return self._entries(phase) or self._round_over(phase)

    # What a recorded end of the round leads to.

    def _after_round(self, following: Mapping[str, Any]) -> Status:
        cause = slots.round_end(self.execution, self.number)
        if "end" in following:
            return self._status(
                slots.execution_end(self.execution, self.number),
                "execution",
                following["end"],
                round=self.number,
                error=following.get("error"),
                cause=cause,
            )
        name = following["phase"]
        return self._status(
            slots.round_start(self.execution, self.number + 1),
            "phase",
            "started",
            round=self.number + 1,
            phase=name,
            visit=self.state["visits"].get(name, 0) + 1,
            cause=cause,
        )

    # The entries of the open round.

    def _entries(self, phase: Phase) -> list[Status]:
        closing = rounds.closing(phase, self.jobs)
        decided = []
        for use in phase.jobs:
            entry = self.jobs.get(use.name)
            if entry is None:
                status = self._entry(use, closing)
            elif rounds.unstarted(entry) and self._gives_up(use, closing):
                status = self._give_up(use, entry, closing)
            else:
                continue
            if status is not None:
                decided.append(status)
        return decided

    def _entry(self, use: Use, closing: Closing) -> Status | None:
        if closing is Closing.MET:
            return self._skip(use, "wait_for")
        if closing is Closing.FAILING and not rounds.accepts_failure(use):
            return self._skip(use, "failing")
        verdict = judge(use.run_if, [rounds.outcome(self.jobs.get(name)) for name in use.after])
        if verdict is Verdict.WAIT:
            return None
        if verdict is Verdict.RUN:
            return self._trigger(use)
        return self._skip(use, "upstream_failed" if verdict is Verdict.UPSTREAM_FAILED else "upstream_skipped")

    def _trigger(self, use: Use) -> Status | None:
        if use.when is not None:
            answer = self.inquiry.ask(f"{self.number}/{use.name}/when", Kind.QUERY, use.when, Owner.ORCHESTRATOR)
            # The input is asked for along with the condition: one round trip for both.
            given = self._input(use)
            if answer is None:
                return None
            if answer.error is not None:
                return self._expression_failed(use, f"`when`: {answer.error}")
            if not answer.value:
                return self._skip(use, "when")
        else:
            given = self._input(use)
        if given is None:
            return None
        value, error = given
        if error is not None:
            return self._expression_failed(use, f"`input`: {error}")
        slot = slots.entry(self.execution, self.number, use.name)
        # The definition goes along, so that the runner needs no look at the execution.
        return self._of_job(use, slot, "triggered", "entry", input=value, definition=self.state["definition"])

    def _input(self, use: Use) -> tuple[Any, str | None] | None:
        if use.input is None:
            return self.state["input"], None
        answer = self.inquiry.ask(f"{self.number}/{use.name}/input", Kind.EXPRESSION, use.input, Owner.ORCHESTRATOR)
        return None if answer is None else (answer.value, answer.error)

    def _skip(self, use: Use, reason: str) -> Status:
        return self._of_job(use, slots.entry(self.execution, self.number, use.name), "skipped", "entry", reason=reason)

    def _expression_failed(self, use: Use, message: str) -> Status:
        error = {"type": EXPRESSION_FAILED, "message": message}
        return self._of_job(use, slots.entry(self.execution, self.number, use.name), "failed", "entry", error=error)

    def _gives_up(self, use: Use, closing: Closing) -> bool:
        """A closing round leaves nothing triggered that has not started, but for what a failing round allows."""
        return closing is Closing.MET or (closing is Closing.FAILING and not rounds.accepts_failure(use))

    def _give_up(self, use: Use, entry: Mapping[str, Any], closing: Closing) -> Status:
        attempt = entry["attempt"]
        reason = "wait_for" if closing is Closing.MET else "failing"
        slot = slots.attempt_start(self.execution, self.number, use.name, attempt)
        return self._of_job(use, slot, "cancelled", "start", attempt=attempt, reason=reason)

    # The end of the open round.

    def _round_over(self, phase: Phase) -> list[Status]:
        entries = [self.jobs.get(use.name) for use in phase.jobs]
        if any(entry is None or rounds.unstarted(entry) for entry in entries):
            return []
        all_ended = not any(entry is not None and rounds.running(entry) for entry in entries)
        closing = rounds.closing(phase, self.jobs)
        if closing is Closing.FAILING:
            return self._fail_round(phase) if all_ended else []
        if closing is Closing.OPEN:
            if not all_ended:
                return []
            if phase.wait_for_count is not None:
                return self._wait_for_not_met(phase)
        return self._end_round(
            phase,
            "success",
            lambda: choose_next(self.definition, phase, self.number, self.inquiry),
            only_running_left=not all_ended,
        )

    def _fail_round(self, phase: Phase) -> list[Status]:
        use, on_failure = rounds.deciding_failure(phase, self.jobs)
        error = {**self.state["errors"].get(use.name, {}), "job": use.name}
        if on_failure.action is Action.TO:
            return self._end_round(phase, "failed", lambda: self._go_to(on_failure.to), error=error)
        return self._end_round(phase, "failed", lambda: Choice({"end": "failed", "error": error}), error=error)

    def _wait_for_not_met(self, phase: Phase) -> list[Status]:
        succeeded = sum(1 for entry in self.jobs.values() if entry["status"] == "success")
        message = f"phase {phase.name} waits for {phase.wait_for_count} successes and had {succeeded}"
        error = {"type": WAIT_FOR_NOT_MET, "message": message}
        on_failure = phase.on_failure
        if on_failure.action is Action.TO:
            return self._end_round(phase, "failed", lambda: self._go_to(on_failure.to), error=error)
        if on_failure.action is Action.CONTINUE:
            following = lambda: choose_next(self.definition, phase, self.number, self.inquiry)  # noqa: E731
            return self._end_round(phase, "failed", following, error=error)
        return self._end_round(phase, "failed", lambda: Choice({"end": "failed", "error": error}), error=error)

    def _go_to(self, name: str | None) -> Choice | None:
        return enter(self.definition, str(name), self.number, self.inquiry)

    def _end_round(
        self,
        phase: Phase | None,
        status: str,
        choose: Any,
        *,
        error: Mapping[str, Any] | None = None,
        only_running_left: bool = False,
    ) -> list[Status]:
        try:
            choice: Choice | None = choose()
        except ExpressionFailed as failure:
            error = {"type": EXPRESSION_FAILED, "message": str(failure)}
            status, choice = "failed", Choice({"end": "failed", "error": error})
        if choice is None or (only_running_left and choice.ends):
            return []  # Answers are missing, or this is the last round: it waits for what still runs.
        end = self._status(
            slots.round_end(self.execution, self.number),
            "phase",
            status,
            round=self.number,
            phase=None if phase is None else phase.name,
            next=choice.next,
            passed_over=choice.passed_over,
            error=error,
            cause=self._last_ended(),
        )
        return [end]

    # Making statuses.

    def _of_job(self, use: Use, slot_id: str, status: str, slot: str, *, attempt: int = 1, **values: Any) -> Status:
        return self._status(
            slot_id,
            "job",
            status,
            round=self.number,
            phase=self.round["phase"],
            name=use.name,
            job=use.job,
            attempt=attempt,
            slot=slot,
            cause=self._last_ended(use.after),
            **values,
        )

    def _status(self, slot_id: str, kind: str, status: str, **values: Any) -> Status:
        return Status(
            id=slot_id,
            kind=kind,
            status=status,
            execution=self.execution,
            state_machine=self.state["stateMachine"],
            **values,
        )

    def _last_ended(self, names: tuple[str, ...] | None = None) -> str:
        """The id of the newest status among these jobs of the round (all by default), or of what opened it."""
        known = {name: entry for name, entry in self.jobs.items() if names is None or name in names}
        if not known:
            if self.number == 0:
                return slots.execution_started(self.execution)
            return slots.round_start(self.execution, self.number)
        name = max(sorted(known), key=lambda item: known[item]["at"])
        entry = known[name]
        make = {"entry": slots.entry, "start": slots.attempt_start, "end": slots.attempt_end}[entry["slot"]]
        return make(self.execution, self.number, name, entry["attempt"])
