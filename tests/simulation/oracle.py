"""The oracle: judges every decision in a history by what its author knew, from DESIGN's words, not the engine's code.

For each status it asks: given the statuses that its author had folded, and those that it had listed before, was this
one allowed, was it necessary, and are its particulars right? Jobs are judged here, rounds in `oracle_rounds`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from phaseline_runtime.definition import Phase, Use
from phaseline_runtime.engine.questions import Answer
from phaseline_runtime.statuses import Status
from tests.simulation import meaning
from tests.simulation.case import Case
from tests.simulation.oracle_rounds import judge_execution, judge_phase
from tests.simulation.violation import Violation
from tests.simulation.world import World

GREATEST_SKEW = timedelta(seconds=20)
LONGEST, HEADROOM = 900.0, 10.0


def judge(world: World) -> Iterator[Violation]:
    """Everything in a world's history that ought not to be as it is."""
    for entry in world.history.entries[1:]:
        case = Case(world, entry)
        for what in _judge(case):
            yield Violation(f"oracle: {case.status.kind} {case.status.status}", f"{case.status.id}: {what}")


def _judge(case: Case) -> Iterator[str]:
    status = case.status
    if status.kind == "execution":
        yield from judge_execution(case)
    elif status.kind == "phase":
        yield from judge_phase(case)
    elif (
        status.slot == "late"
        or status.status in ("started", "success")
        or (status.slot == "end" and (_claim_of(case).token == case.entry.author or _is_crash(case)))
    ):
        yield from _of_runner(case)
    else:
        yield from _of_engine(case)


def _of_engine(case: Case) -> Iterator[str]:
    """What the reconciler decides about a job."""
    status, facts = case.status, case.facts
    if (status.error or {}).get("type") == "Phaseline.Unavailable":
        yield from _unavailable(case)
        return
    if status.round != facts.number or facts.ended is not None or status.round in facts.round_ends:
        yield "its round is not the open one"
        return
    if case.forgotten():
        yield f"its author does not know of {case.forgotten()}, by which the round before had ended"
    yield from case.missed_deadline()
    phase = case.phase
    use = case.world.definition.use(phase.name, str(status.name))
    closing = meaning.closing(phase, facts, status.round)
    given_up = closing != "" and not (closing == "failing" and meaning.accepts_failure(use))
    newest = facts.jobs(status.round).get(use.name)
    if status.slot == "entry" and status.attempt == 1:
        yield from _first_entry(case, phase, use, closing, given_up, newest)
    elif status.slot == "entry":
        yield from _next_entry(case, use, closing, given_up, newest)
    elif status.slot == "redelivery":
        yield from _redelivery(case, given_up, newest)
    elif status.slot == "start":
        yield from _not_started(case, use, closing, given_up, newest)
    elif newest is None or newest.status != "started" or newest.due is None or case.at < newest.due:
        yield "a timeout before its time"
    else:
        yield from _retry(case, use)


def _first_entry(
    case: Case, phase: Phase, use: Use, closing: str, given_up: bool, newest: Status | None
) -> Iterator[str]:
    status, facts = case.status, case.facts
    jobs = facts.jobs(status.round)
    expected: set[tuple[str, str | None]] = set()
    if newest is not None:
        yield f"decided already: {newest.id}"
    verdict = meaning.verdict(use.run_if, [meaning.outcome(jobs.get(name)) for name in use.after])
    if closing == "cancel":
        expected = {("cancelled", "cancel")}
    elif given_up:
        expected = {("skipped", closing)}
    elif verdict in (meaning.UPSTREAM_FAILED, meaning.UPSTREAM_SKIPPED):
        expected = {("skipped", verdict)}
    elif verdict != meaning.WAIT and not facts.paused:
        expected = _by_condition(case, use)
    if (status.status, status.reason) not in expected:
        yield f"{status.status} ({status.reason}), where its rule {use.run_if} and the round allow {expected}"
    elif status.status == "triggered":
        if use.input is None:
            right = status.input == facts.started.input
        else:
            right = Answer(status.input) == case.answer(f"{status.round}/{use.name}/input", use.input)
        if not right:
            yield f"its input is {status.input}"
        yield from _trigger(case, use)


def _by_condition(case: Case, use: Use) -> set[tuple[str, str | None]]:
    place = f"{case.status.round}/{use.name}"
    if use.when is not None:
        answer = case.answer(f"{place}/when", use.when)
        if answer is None or answer.error is not None:
            return set() if answer is None else {("failed", None)}
        if not answer.value:
            return {("skipped", "when")}
    if use.input is not None:
        answer = case.answer(f"{place}/input", use.input)
        if answer is None or answer.error is not None:
            return set() if answer is None else {("failed", None)}
    return {("triggered", None)}


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
    if status.start_by != case.at + timedelta(seconds=use.start_timeout):
        yield f"it has to start by {status.start_by}"
    if status.job != use.job:
        yield f"it triggers {status.job}"


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
    use = case.world.definition.use(str(status.phase), str(status.name))
    entry = case.history[f"{status.execution}/{status.round}/{status.name}/{status.attempt}/entry"]
    if status.start_by != _latest(entry.at, facts.resumed_at) + timedelta(seconds=use.start_timeout):
        yield f"it has to start by {status.start_by}"


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
    entry = case.history[f"{status.execution}/{status.round}/{use.name}/{status.attempt}/entry"]
    since = _latest(entry.at, facts.resumed_at)
    if facts.paused or case.at < since + timedelta(seconds=use.start_timeout):
        yield f"given up at {case.at}, where it has {use.start_timeout} s from {since}"
    yield from _retry(case, use)


def _unavailable(case: Case) -> Iterator[str]:
    """Lambda says that an invocation came to nothing before it had claimed its attempt."""
    status = case.status
    if case.entry.kind != "crash record" or case.history[str(status.cause)].status != "triggered":
        yield "Lambda has said nothing of it"
    yield from _retry(case, case.world.definition.use(str(status.phase), str(status.name)))


def _latest(*times: datetime | None) -> datetime:
    return max(time for time in times if time is not None)


def _retry(case: Case, use: Use) -> Iterator[str]:
    """The delay and the count of a failure's retry, from the failures of the earlier attempts alone."""
    status = case.status
    earlier = [s for s in case.history.values() if (s.round, s.name) == (status.round, use.name) and s.slot != "late"]
    before = [s for s in earlier if s.status == "failed" and (s.attempt or 0) < (status.attempt or 0)]
    expected = meaning.retry(use, status, before)
    if expected is None or status.retry is None:
        if expected is not None or status.retry is not None:
            yield f"its retry is {status.retry}, where the policies say {expected}"
        return
    low, high = expected
    at: datetime = status.retry["at"]
    if status.retry["attempt"] != (status.attempt or 1) + 1 or not low <= at - case.at <= high:
        yield f"its retry is {status.retry}, where the policies say {expected}"


def _is_end_by_runner(case: Case) -> bool:
    return case.status.slot == "end" and (_claim_of(case).token == case.entry.author or _is_crash(case))


def _is_crash(case: Case) -> bool:
    return case.entry.kind == "crash record" and (case.status.error or {}).get("type") == "Phaseline.Crashed"


def _claim_of(case: Case) -> Status:
    status = case.status
    return case.history[f"{status.execution}/{status.round}/{status.name}/{status.attempt}/start"]


def _of_runner(case: Case) -> Iterator[str]:
    """What the runner records: a claim of something triggered, and the end of what it has claimed."""
    status = case.status
    place = f"{status.execution}/{status.round}/{status.name}/{status.attempt}"
    use = case.world.definition.use(str(status.phase), str(status.name))
    if status.slot == "start":
        if case.history[str(status.cause)].status != "triggered":
            yield "nobody has triggered it"
        span = timedelta(seconds=min(use.timeout + HEADROOM, LONGEST)) + GREATEST_SKEW
        if status.due is None or status.due - case.at < span:
            yield f"given up at {status.due}, before Lambda's own timeout and the skew of clocks have passed"
        return
    claim = case.history.get(f"{place}/start")
    if claim is None or claim.status != "started" or status.cause != claim.id:
        yield "nobody has started it"
    elif not _is_crash(case) and claim.token != case.entry.author:
        yield f"recorded by {case.entry.author}, and claimed by {claim.token}"
    elif status.slot == "late":
        if f"{place}/end" not in case.history:
            yield "it is not late: there is no end"
    elif status.status == "failed":
        yield from _retry(case, use)
