"""The oracle's part for what runners record of attempts, and dead_letters_job in their place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from phaseline_runtime.definition import Use
from phaseline_runtime.statuses import Status
from tests.simulation import meaning
from tests.simulation.case import Case

LONGEST_TRANSACTION = timedelta(seconds=60)


def by_runner(case: Case) -> bool:
    """Whether a job's status is a runner's, or stands for what a runner could not record."""
    status = case.status
    if status.slot in ("late", "heartbeat") or status.status in ("started", "success") or _unavailable(case):
        return True
    return status.slot == "end" and (_claim_of(case).token == case.entry.author or _is_crash(case))


def judge_runner(case: Case) -> Iterator[str]:
    """A claim of something triggered, signs of life, the end of what was claimed."""
    status = case.status
    use = case.use_of_attempt
    if _unavailable(case):
        if case.entry.kind != "dead letter" or case.history[str(status.cause)].status != "triggered":
            yield "Lambda has said nothing of it"
        yield from judge_retry(case, use)
        return
    if status.slot == "start":
        if case.history[str(status.cause)].status != "triggered":
            yield "nobody has triggered it"
        if status.due != meaning.give_up_at(use, case.at, case.at):
            yield f"given up at {status.due}"
        return
    claim = case.history.get(f"{case.slot}/start")
    if claim is None or claim.status != "started" or status.cause != claim.id:
        yield "nobody has started it"
    elif claim.token != (_crashed(case) if _is_crash(case) else case.entry.author):
        yield f"recorded by {case.entry.author}, and claimed by {claim.token}"
    elif status.slot == "heartbeat":
        assert claim.at is not None
        if status.due != meaning.give_up_at(use, claim.at, case.at):
            yield f"given up at {status.due}"
        if (status.number or 0) > 1 and f"{case.slot}/heartbeat/{(status.number or 0) - 1}" not in case.history:
            yield "the sign of life before it is missing"
    elif status.slot == "late":
        yield from _late(case)
    elif status.status == "failed":
        yield from _broken_transaction(case, case.inserted(claim.id))
        yield from judge_retry(case, use)


def _late(case: Case) -> Iterator[str]:
    """What comes too late says how it has ended, and that nothing follows from it."""
    status = case.status
    if f"{case.slot}/end" not in case.history:
        yield "it is not late: there is no end"
    if status.retry is not None or status.due is not None:
        yield f"something is to follow: {status.retry}, {status.due}"
    transactional = case.entry.author in case.world.transactional.get(_effect(case), ())
    succeeded = "rolled_back" if transactional else "success"
    if status.reason != ("failed" if status.error is not None else succeeded):
        yield f"it says that it was {status.reason}"


def _broken_transaction(case: Case, claimed: datetime) -> Iterator[str]:
    """A transaction that was open for longer than MongoDB allows has met nobody; it is not tried again at once."""
    error = (case.status.error or {}).get("type")
    opened = case.world.opened.get(_effect(case))
    if error == "Phaseline.TransactionTooLong" and case.entry.at - claimed < LONGEST_TRANSACTION:
        yield "its transaction was not open for so long"
    long = opened is not None and case.at - opened > LONGEST_TRANSACTION + meaning.GREATEST_SKEW
    if error == "Phaseline.TransactionConflict" and long:
        yield f"its transaction was open since {opened}"


def _effect(case: Case) -> str:
    """What the world calls the effect of an attempt."""
    return f"{case.status.name}/{case.status.round}/{case.status.attempt}"


def judge_retry(case: Case, use: Use) -> Iterator[str]:
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


def _unavailable(case: Case) -> bool:
    """Lambda says that an invocation came to nothing before it had claimed its attempt."""
    return (case.status.error or {}).get("type") == "Phaseline.Unavailable"


def _is_crash(case: Case) -> bool:
    return case.entry.kind == "dead letter" and (case.status.error or {}).get("type") == "Phaseline.Crashed"


def _crashed(case: Case) -> str:
    """The invocation whose crash a dead letter tells of."""
    return case.entry.author.removeprefix("dead letter/").replace("/again", "")


def _claim_of(case: Case) -> Status:
    return case.history[f"{case.slot}/start"]
