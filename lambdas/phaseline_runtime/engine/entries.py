"""The jobs of the open round: which are triggered, skipped, sent again, tried again or given up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from phaseline_runtime import slots
from phaseline_runtime.definition import Phase, Use
from phaseline_runtime.engine import rounds, waiting
from phaseline_runtime.engine.questions import Answer, ExpressionFailed, Kind, Owner
from phaseline_runtime.engine.retrying import with_retry
from phaseline_runtime.engine.rounds import REASONS, Closing
from phaseline_runtime.engine.rules import Verdict, judge
from phaseline_runtime.engine.step import REDELIVER_AFTER, Step
from phaseline_runtime.errors import EXPRESSION_FAILED, INPUT_TOO_LARGE, NOT_STARTED, TIMEOUT
from phaseline_runtime.statuses import Status


def decide(step: Step, phase: Phase) -> list[Status]:
    """What ought to be decided about the jobs of the round now."""
    return list(_Entries(step, phase).decided())


class _Entries:
    def __init__(self, step: Step, phase: Phase) -> None:
        self.step = step
        self.phase = phase
        self.closing = rounds.closing(phase, step.state)
        self.paused = rounds.paused(step.state)
        self.skipped = set[str]()
        """What this very list skips, and the round does not know of yet."""

    def decided(self) -> Iterator[Status]:
        for use in self.phase.jobs:
            status = self._of(use, self.step.jobs.get(use.name))
            if status is not None:
                yield status
                if status.status == "skipped":
                    self.skipped.add(use.name)
                if self._may_close(use, status):
                    return  # What stands behind it is to be judged by a round that knows of it.

    def _may_close(self, use: Use, status: Status) -> bool:
        """Whether the round may be closing once this status is in it."""
        if status.status == "failed":
            return status.retry is None
        return use.name in self.phase.wait_for_jobs and status.status != "triggered"

    def _of(self, use: Use, entry: Mapping[str, Any] | None) -> Status | None:
        if entry is None:
            return self._first(use)
        if entry["status"] == "waiting":
            return self._waited(use, entry)
        if rounds.retrying(entry):
            return self._again(use, entry)
        if rounds.unstarted(entry):
            return self._unstarted(use, entry)
        if rounds.running(entry):
            return self._running(use, entry)
        return None

    # The first entry.

    def _first(self, use: Use) -> Status | None:
        over = self._closed(use)
        if over is not None:
            return over
        if self.skipped.intersection(use.after):
            return None  # One more skip may be what decides how this one is to be judged.
        after = [rounds.outcome(self.step.jobs.get(name)) for name in use.after]
        match judge(use.run_if, after):
            case Verdict.RUN:
                return None if self.paused else self._trigger(use)
            case Verdict.UPSTREAM_FAILED:
                return self._skip(use, "upstream_failed")
            case Verdict.UPSTREAM_SKIPPED:
                return self._skip(use, "upstream_skipped")
        return None

    def _trigger(self, use: Use) -> Status | None:
        condition = Answer(True) if use.when is None else self._condition(use, use.when)
        # The input is asked for along with the condition: one round trip for both.
        given = None if use.wait is not None else self._input(use)
        if condition is None:
            return None
        if condition.error is not None:
            return self._expression_failed(use, f"`when`: {condition.error}")
        if not condition.value:
            return self._skip(use, "when")
        if use.wait is not None:
            return self._wait(use)
        return self._with_input(use, given)

    def _condition(self, use: Use, when: str) -> Answer | None:
        key = f"{self.step.number}/{use.name}/when"
        return self.step.inquiry.ask(key, Kind.QUERY, when, Owner.ORCHESTRATOR)

    def _wait(self, use: Use) -> Status | None:
        try:
            return waiting.of_job(self.step, use)
        except ExpressionFailed as failure:
            return self._expression_failed(use, str(failure))

    def _waited(self, use: Use, entry: Mapping[str, Any]) -> Status | None:
        over = self._closed(use)
        if over is not None:
            return over
        if self.paused or self.step.now < entry["due"]:
            return None
        return self._with_input(use, self._input(use))

    def _with_input(self, use: Use, given: Answer | None) -> Status | None:
        if given is None:
            return None
        if given.error is not None:
            return self._expression_failed(use, f"`input`: {given.error}")
        if use.filtered and given.large:
            message = "the job has a `filter`, so its input has to fit into an event: 8 KB; pass less, or a reference"
            return self._failed(use, {"type": INPUT_TOO_LARGE, "message": message})
        return self.step.triggered(use, 1, given.value)

    def _input(self, use: Use) -> Answer | None:
        """The input of the first attempt. None where it has to be asked for."""
        kind, text = Kind.EXPRESSION, use.input
        if text is None and use.undoes is not None:
            kind, text = Kind.EFFECT_OF, f"{self.step.execution}/{use.undoes}"
        elif text is None and use.filtered:
            text = '"$input"'  # Only the store can tell how large it is.
        if text is None:
            return Answer(self.step.state["input"])
        until = None if use.undoes is None else int(use.undoes.partition("/")[0])
        key = f"{self.step.number}/{use.name}/input"
        return self.step.inquiry.ask(key, kind, text, Owner.ORCHESTRATOR, until=until)

    def _skip(self, use: Use, reason: str) -> Status:
        slot = slots.entry(self.step.execution, self.step.number, use.name)
        return self.step.of_job(use, slot, "skipped", "entry", reason=reason)

    def _expression_failed(self, use: Use, message: str) -> Status:
        return self._failed(use, {"type": EXPRESSION_FAILED, "message": message})

    def _failed(self, use: Use, error: Mapping[str, Any]) -> Status:
        """The failure of a job that cannot even be triggered."""
        slot = slots.entry(self.step.execution, self.step.number, use.name)
        return self.step.of_job(use, slot, "failed", "entry", error=error)

    def _closed(self, use: Use) -> Status | None:
        """The entry of a job that a closing round does not trigger any more; None where it may be triggered."""
        if self.closing is Closing.CANCELLED:
            slot = slots.entry(self.step.execution, self.step.number, use.name)
            return self.step.of_job(use, slot, "cancelled", "entry", reason=REASONS[self.closing])
        return self._skip(use, REASONS[self.closing]) if self._gives_up(use) else None

    def _gives_up(self, use: Use) -> bool:
        """A closing round triggers nothing, but for what a failing round allows."""
        if self.closing is Closing.FAILING:
            return not rounds.accepts_failure(use)
        return self.closing is not Closing.OPEN

    # The attempt after a failure.

    def _again(self, use: Use, entry: Mapping[str, Any]) -> Status | None:
        retry = entry["retry"]
        attempt = retry["attempt"]
        cause = self.step.slot_of(use.name)
        if self._gives_up(use):
            slot = slots.entry(self.step.execution, self.step.number, use.name, attempt)
            reason = REASONS[self.closing]
            return self.step.of_job(use, slot, "cancelled", "entry", attempt=attempt, reason=reason, cause=cause)
        if self.paused or self.step.now < retry["at"]:
            return None
        given = self._same_input(use, attempt)
        if given is None:
            return None
        return self.step.triggered(use, attempt, given[0], used=tuple(retry["used"]), cause=cause)

    def _same_input(self, use: Use, attempt: int) -> tuple[Any] | None:
        """The input of the first attempt, which stands in its `triggered` and nowhere else."""
        first = slots.entry(self.step.execution, self.step.number, use.name)
        key = f"{self.step.number}/{use.name}/{attempt}/again"
        answer = self.step.inquiry.ask(key, Kind.INPUT_OF, first, Owner.ORCHESTRATOR)
        return None if answer is None else (answer.value,)

    # A triggered attempt that nobody is known to have started.

    def _unstarted(self, use: Use, entry: Mapping[str, Any]) -> Status | None:
        attempt = entry["attempt"]
        slot = slots.attempt_start(self.step.execution, self.step.number, use.name, attempt)
        if self._gives_up(use):
            reason = REASONS[self.closing]
            return self.step.of_job(use, slot, "cancelled", "start", attempt=attempt, reason=reason)
        if self.paused:
            return None
        start_by, due = entry["startBy"], entry["due"]
        resumed = self.step.state.get("pause", {}).get("at")
        if resumed is not None and resumed > entry["at"]:
            # After a pause the time that an attempt may take to start begins anew.
            start_by = resumed + timedelta(seconds=use.start_timeout)
            due += resumed - entry["at"]
        if self.step.now >= start_by:
            return self._not_started(use, entry, slot)
        if self.step.now >= due:
            return self._redelivered(use, entry, start_by)
        return None

    def _not_started(self, use: Use, entry: Mapping[str, Any], slot: str) -> Status:
        message = (
            f"nobody has started the attempt within {use.start_timeout:g} s: "
            "is the job's rule enabled, and does its filter match the input?"
        )
        error = {"type": NOT_STARTED, "message": message}
        attempt = entry["attempt"]
        cause = self.step.slot_of(use.name)
        failed = self.step.of_job(use, slot, "failed", "start", attempt=attempt, error=error, cause=cause)
        return with_retry(failed, use, entry.get("used", ()))

    def _redelivered(self, use: Use, entry: Mapping[str, Any], start_by: datetime) -> Status | None:
        attempt, number = entry["attempt"], entry["number"] + 1
        given = self._same_input(use, attempt)
        if given is None:
            return None
        slot = slots.redelivery(self.step.execution, self.step.number, use.name, attempt, number)
        return self.step.of_job(
            use,
            slot,
            "triggered",
            "redelivery",
            attempt=attempt,
            number=number,
            input=given[0],
            definition=self.step.state["definition"],
            used=tuple(entry.get("used", ())),
            start_by=start_by,
            due=min(self.step.now + REDELIVER_AFTER * 2**number, start_by),
            cause=self.step.slot_of(use.name),
        )

    # A started attempt.

    def _running(self, use: Use, entry: Mapping[str, Any]) -> Status | None:
        if self.step.now < entry["due"]:
            return None
        attempt = entry["attempt"]
        silent = "" if use.heartbeat is None else f", or gave no sign of life for {use.heartbeat:g} s"
        message = f"the attempt has not ended within its timeout of {use.timeout:g} s{silent}"
        slot = slots.attempt_end(self.step.execution, self.step.number, use.name, attempt)
        failed = self.step.of_job(
            use,
            slot,
            "failed",
            "end",
            attempt=attempt,
            error={"type": TIMEOUT, "message": message},
            cause=self.step.slot_of(use.name),
        )
        return with_retry(failed, use, entry.get("used", ()))
