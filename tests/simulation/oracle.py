"""The oracle: judges every decision in a history by what its author knew, from the words of the docs, not the engine.

For each status it asks: given the statuses that its author had folded, and those that it had listed before, was this
one allowed, was it necessary, and are its particulars right? What the reconciler decides about jobs is judged here,
rounds in `oracle_rounds`, what runners record in `oracle_runner`, what people bring about in `oracle_requests` and what
they are answered in `oracle_answers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import bson

from phaseline_runtime.definition import Phase, Use
from phaseline_runtime.engine.questions import Answer, Kind
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.connection import CODEC
from tests.simulation import meaning, undoing
from tests.simulation.case import Case
from tests.simulation.oracle_answers import judge_answers
from tests.simulation.oracle_requests import judge_execution
from tests.simulation.oracle_rounds import judge_phase
from tests.simulation.oracle_runner import by_runner, judge_retry, judge_runner
from tests.simulation.violation import Violation
from tests.simulation.world import World

_CARRIED = 8 * 1024
"""The largest input in bytes that an event carries."""


def judge(world: World) -> Iterator[Violation]:
    """Everything in a world's history that ought not to be as it is."""
    for entry in world.history.entries[1:]:
        case = Case(world, entry)
        for what in _judge(case):
            yield Violation(f"oracle: {case.status.kind} {case.status.status}", f"{case.status.id}: {what}")
    yield from judge_answers(world)


def _judge(case: Case) -> Iterator[str]:
    status = case.status
    if status.kind == "execution":
        yield from judge_execution(case)
    elif status.kind == "phase":
        yield from judge_phase(case)
    elif by_runner(case):
        yield from judge_runner(case)
    else:
        yield from _of_engine(case)


def _of_engine(case: Case) -> Iterator[str]:
    """What the reconciler decides about a job."""
    status, facts = case.status, case.facts
    if status.round != facts.number or facts.ended is not None or status.round in facts.round_ends:
        yield "its round is not the open one"
        return
    if case.forgotten():
        yield f"its author does not know of {case.forgotten()}, by which the round before had ended"
    yield from case.missed_deadline()
    phase = case.phase
    use = next(use for use in phase.jobs if use.name == status.name)
    closing = meaning.closing(phase, facts, status.round)
    given_up = closing != "" and not (closing == "failing" and meaning.accepts_failure(use))
    newest = facts.jobs(status.round).get(use.name)
    if status.slot == "wait" or (status.slot == "entry" and status.attempt == 1):
        # What reads a job that it does not wait for may be asked for before that has failed, or after: either is right.
        cases = [case, Case(case.world, case.entry, asked_early=True)] if meaning.races(use, phase) else [case]
        found = [list(_first_entry(each, phase, use, closing, given_up, newest)) for each in cases]
        yield from min(found, key=len)
    elif status.slot == "entry":
        yield from _next_entry(case, use, closing, given_up, newest)
    elif status.slot == "redelivery":
        yield from _redelivery(case, given_up, newest)
    elif status.slot == "start":
        yield from _not_started(case, use, closing, given_up, newest)
    else:
        yield from _timed_out(case, use, newest)


def _timed_out(case: Case, use: Use, newest: Status | None) -> Iterator[str]:
    if newest is None or not meaning.runs(newest) or newest.due is None or case.at < newest.due:
        yield "a timeout before its time"
        return
    signs = [key for key in list(case.history)[: case.entry.since] if key.startswith(f"{case.slot}/heartbeat/")]
    if not case.entry.known.issuperset(signs):
        yield f"given up without a look at {signs[-1]}"
    yield from judge_retry(case, use)


def _first_entry(
    case: Case, phase: Phase, use: Use, closing: str, given_up: bool, newest: Status | None
) -> Iterator[str]:
    status, facts = case.status, case.facts
    jobs = facts.jobs(status.round)
    expected: set[tuple[str, str | None]] = set()
    waited = newest is not None and newest.status == "waiting"
    if newest is not None and not (waited and status.slot == "entry"):
        yield f"decided already: {newest.id}"
    verdict = meaning.verdict(use.run_if, [meaning.outcome(jobs.get(name)) for name in use.after])
    if meaning.waits(phase, facts, status.round, case.at):
        expected = set()
    elif closing == "cancel":
        expected = {("cancelled", "cancel")}
    elif given_up:
        expected = {("skipped", closing)}
    elif newest is not None and waited:
        assert newest.due is not None
        expected = set() if facts.paused or case.at < newest.due else _by_input(case, use)
    elif verdict in (meaning.UPSTREAM_FAILED, meaning.UPSTREAM_SKIPPED):
        expected = {("skipped", verdict)}
    elif verdict != meaning.WAIT and not facts.paused:
        expected = _by_condition(case, use)
    if (status.status, status.reason) not in expected:
        yield f"{status.status} ({status.reason}), where its rule {use.run_if} and the round allow {expected}"
    elif status.status == "triggered":
        if status.input != _input(case, use):
            yield f"its input is {status.input}"
        yield from _trigger(case, use)
    elif status.status == "waiting":
        assert use.wait is not None
        if status.due != meaning.until(use.wait, _until(case, use), case.at):
            yield f"it waits until {status.due}"
    elif status.status == "failed" and (status.error or {}).get("type") != _fault_of_entry(case, use):
        yield f"its error is {status.error}"


def _fault_of_entry(case: Case, use: Use) -> str:
    """Why a job cannot even be triggered: its input is too large for its `filter`, or an expression has failed."""
    asked = None if use.when is None else case.answer(f"{case.status.round}/{use.name}/when", use.when)
    if asked is not None and asked.error is not None:
        return "Phaseline.ExpressionFailed"  # The input is of no interest.
    return "Phaseline.InputTooLarge" if _too_large(case, use) else "Phaseline.ExpressionFailed"


def _too_large(case: Case, use: Use) -> bool:
    """Whether an event cannot carry an input into which the job's rule has to look."""
    return use.filtered and len(bson.encode({"": _input(case, use)}, codec_options=CODEC)) > _CARRIED


def _by_condition(case: Case, use: Use) -> set[tuple[str, str | None]]:
    if use.when is not None:
        answer = case.answer(f"{case.status.round}/{use.name}/when", use.when)
        if answer is None or answer.error is not None:
            return set() if answer is None else {("failed", None)}
        if not answer.value:
            return {("skipped", "when")}
    if use.wait is not None:
        due = meaning.until(use.wait, _until(case, use), case.at)
        return set() if due is None else {("failed", None)} if isinstance(due, str) else {("waiting", None)}
    return _by_input(case, use)


def _by_input(case: Case, use: Use) -> set[tuple[str, str | None]]:
    if use.input is not None:
        answer = _given(case, use)
        if answer is None or answer.error is not None:
            return set() if answer is None else {("failed", None)}
    return {("failed", None)} if _too_large(case, use) else {("triggered", None)}


def _until(case: Case, use: Use) -> Answer | None:
    assert use.wait is not None
    if use.wait.until is None:
        return None
    return case.answer(f"{case.status.round}/{use.name}/wait", use.wait.until, Kind.EXPRESSION)


def _given(case: Case, use: Use) -> Answer | None:
    """The value of an `input`: what undoes a job sees the results up to the round of that job."""
    status = case.status
    until = None
    if status.phase == undoing.PHASE:
        until = undoing.item_of(case.facts.rounds[status.round], use.name)["round"]
    return case.answer(f"{status.round}/{use.name}/input", str(use.input), Kind.EXPRESSION, until=until)


def _input(case: Case, use: Use) -> object:
    """What an attempt is given that is triggered for the first time."""
    status = case.status
    if use.input is not None:
        answer = _given(case, use)
        return None if answer is None else answer.value
    if status.phase == undoing.PHASE:
        return undoing.given(case.facts.rounds[status.round], use.name, case.history)
    return case.facts.started.input


def _next_entry(case: Case, use: Use, closing: str, given_up: bool, newest: Status | None) -> Iterator[str]:
    status, facts = case.status, case.facts
    if newest is None or newest.retry is None or newest.retry["attempt"] != status.attempt:
        yield "no failure before it asks for this attempt"
        return
    if given_up:
        if (status.status, status.reason) != ("cancelled", closing):
            yield f"{status.status} ({status.reason}) in a round that is closing by {closing}"
        return
    if status.status != "triggered":
        yield f"{status.status} ({status.reason}), and nothing speaks against it"
        return
    if facts.paused or case.at < newest.retry["at"]:
        yield "triggered before its time"
    first = case.history[f"{status.execution}/{status.round}/{use.name}/1/entry"]
    if status.input != first.input:
        yield f"its input is {status.input}, and that of the first attempt {first.input}"
    yield from _trigger(case, use)


def _trigger(case: Case, use: Use) -> Iterator[str]:
    status = case.status
    start_by = case.at + timedelta(seconds=use.start_timeout)
    if status.start_by != start_by:
        yield f"it has to start by {status.start_by}"
    if status.due != min(start_by, case.at + timedelta(minutes=1)):
        yield f"it is sent again at {status.due}"
    if status.job != use.job or status.definition != case.facts.started.definition:
        yield f"it triggers {status.job} of {status.definition}"


def _redelivery(case: Case, given_up: bool, newest: Status | None) -> Iterator[str]:
    status, facts = case.status, case.facts
    if newest is None or newest.status != "triggered" or newest.attempt != status.attempt:
        yield "there is nothing to send again"
        return
    if given_up or facts.paused:
        yield "sent again in a round that starts nothing"
    if (newest.number or 0) + 1 != status.number:
        yield f"it is number {status.number} after {newest.number}"
    if newest.due is None or case.at < newest.due:
        yield "sent again too early"
    if (status.input, status.job, status.definition) != (newest.input, newest.job, newest.definition):
        yield "it is no copy of what was triggered"
    entry = case.history[f"{case.slot}/entry"]
    start_by = _latest(entry.at, facts.resumed_at) + timedelta(seconds=case.use_of_attempt.start_timeout)
    if status.start_by != start_by:
        yield f"it has to start by {status.start_by}"
    if status.due != min(start_by, case.at + timedelta(minutes=2 ** (status.number or 0))):
        yield f"it is sent again at {status.due}"


def _not_started(case: Case, use: Use, closing: str, given_up: bool, newest: Status | None) -> Iterator[str]:
    status, facts = case.status, case.facts
    if newest is None or newest.status != "triggered" or newest.attempt != status.attempt:
        yield "no attempt waits to be started"
        return
    if given_up:
        if (status.status, status.reason) != ("cancelled", closing):
            yield f"{status.status} ({status.reason}) in a round that is closing by {closing}"
        return
    if status.status != "failed" or (status.error or {}).get("type") != "Phaseline.NotStarted":
        yield f"{status.status} ({status.reason}), and nothing speaks against it"
        return
    entry = case.history[f"{case.slot}/entry"]
    since = _latest(entry.at, facts.resumed_at)
    if facts.paused or case.at < since + timedelta(seconds=use.start_timeout):
        yield f"given up at {case.at}, where it has {use.start_timeout} s from {since}"
    yield from judge_retry(case, use)


def _latest(*times: datetime | None) -> datetime:
    return max(time for time in times if time is not None)
