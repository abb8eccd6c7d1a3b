"""The config's meaning as the oracle reads it in docs/config.md: rules, closing, failures, retries, transitions.

Written for itself, and independent of the engine: nothing here imports more of it than what an answer looks like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from phaseline_runtime.definition import Definition, OnFailure, Phase, Retry, Transition, Use, Wait
from phaseline_runtime.engine.questions import Answer
from phaseline_runtime.statuses import Status
from tests.simulation.facts import Facts

RUN, WAIT, UPSTREAM_FAILED, UPSTREAM_SKIPPED = "run", "wait", "upstream_failed", "upstream_skipped"
Seen = Mapping[str, Any]
GREATEST_SKEW = timedelta(seconds=20)
LONGEST, HEADROOM = 900.0, 10.0


def outcome(status: Status | None) -> str:
    """How a job looks to those that follow it: S succeeded, F failed, K skipped, - not ended."""
    if status is None or (status.status == "failed" and status.retry is not None):
        return "-"
    if status.status == "skipped":
        return "F" if status.reason in ("upstream_failed", "failing") else "K"
    return {"success": "S", "failed": "F", "cancelled": "F"}.get(status.status, "-")


def verdict(rule: str, found: Sequence[str]) -> str:
    """What a trigger rule says, from the sentence that describes it in Airflow's documentation."""
    if not found or rule == "always":
        return RUN
    some = set(found)
    done = "-" not in some
    unmet = UPSTREAM_FAILED if "F" in some else UPSTREAM_SKIPPED
    # What must not be among them, what has to be among them, and whether all have to be done first.
    match rule:
        case "all_success":
            return unmet if some & {"F", "K"} else RUN if done else WAIT
        case "all_failed":
            return UPSTREAM_SKIPPED if some & {"S", "K"} else RUN if done else WAIT
        case "all_skipped":
            return UPSTREAM_SKIPPED if some & {"S", "F"} else RUN if done else WAIT
        case "all_done":
            return RUN if done else WAIT
        case "all_done_min_one_success":
            return WAIT if not done else RUN if "S" in some else unmet
        case "one_success":
            return RUN if "S" in some else unmet if done else WAIT
        case "one_failed":
            return RUN if "F" in some else UPSTREAM_SKIPPED if done else WAIT
        case "one_done":
            return RUN if some & {"S", "F"} else UPSTREAM_SKIPPED if done else WAIT
        case "none_failed":
            return UPSTREAM_FAILED if "F" in some else RUN if done else WAIT
        case "none_failed_min_one_success":
            if "F" in some:
                return UPSTREAM_FAILED
            return WAIT if not done else RUN if "S" in some else UPSTREAM_SKIPPED
        case "none_skipped":
            return UPSTREAM_SKIPPED if "K" in some else RUN if done else WAIT
    raise ValueError(f"no such rule: {rule}")


def races(use: Use, phase: Phase) -> bool:
    """Whether an expression of the use reads a job of its phase that may end after it has been asked for."""
    texts = [text for text in (use.when, use.input, use.wait and use.wait.until) if text]
    read = {other.name for other in phase.jobs if other is not use and any(f".{other.name}" in text for text in texts)}
    return bool(read) and not (read <= {*use.after} and _waits_for_all(use))


def _waits_for_all(use: Use) -> bool:
    """Whether the rule is never met while a predecessor has not ended, whatever the others did."""
    others = [[other] for other in "SFK-"] if len(use.after) > 1 else [[]]
    return all(verdict(use.run_if, [*some, "-"]) != RUN for some in others)


def accepts_failure(use: Use) -> bool:
    """Whether a failed predecessor may leave the rule met: a clean-up, which a failing round still runs."""
    pairs = [["F", other] for other in "SFK"]
    return any(verdict(use.run_if, pair) == RUN for pair in pairs)


def closing(phase: Phase, facts: Facts, number: int) -> str:
    """Why a round triggers nothing new: `cancel`, `failing`, `wait_for`, or "" for an open round."""
    if facts.compensating(number):
        return ""  # What is being undone has failed or was cancelled already.
    if facts.cancelled:
        return "cancel"
    reasons = {job.reason for job in facts.jobs(number).values() if job.attempt}
    # Closing is monotone: what was recorded as given up because the round fails is not explained away by a clock.
    if "failing" in reasons:
        return "failing"
    failed = [failure[1] for failure in failures(phase, facts, number)]
    met = met_at(phase, facts.jobs(number))
    if facts.overdue or ("wait_for" not in reasons and failed and (met is None or min(failed) <= met)):
        return "failing"
    return "wait_for" if met is not None or "wait_for" in reasons else ""


def runs(job: Status | None) -> bool:
    """Whether a job is known to run."""
    return job is not None and job.status in ("started", "heartbeat")


def waits(phase: Phase, facts: Facts, number: int, at: datetime) -> bool:
    """Whether the jobs of a round have to wait: until its time has come, while nothing closes it.

    A round that goes on in the midst of its phase, with what a redrive has carried over, does not begin with waiting.
    """
    if phase.wait is None or facts.jobs(number) or closing(phase, facts, number):
        return False
    waiting = facts.round_waits.get(number)
    return facts.paused or waiting is None or waiting.due is None or at < waiting.due


def until(wait: Wait, answer: Answer | None, at: datetime) -> datetime | str | None:
    """When a wait that begins now is over; None where the answer is missing, and what is wrong with a bad one."""
    if wait.seconds is not None:
        return at + timedelta(seconds=wait.seconds)
    if answer is None:
        return None
    if answer.error is not None:
        return answer.error
    try:
        found = answer.value if isinstance(answer.value, datetime) else datetime.fromisoformat(answer.value)
    except (TypeError, ValueError):
        return "no time"
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def met_at(phase: Phase, jobs: Mapping[str, Status]) -> datetime | None:
    """When the round's `wait_for` was met, by the times of what ended."""
    if phase.wait_for_jobs:
        ends = [jobs[name].at for name in phase.wait_for_jobs if outcome(jobs.get(name)) != "-"]
        return max(at for at in ends if at is not None) if len(ends) == len(phase.wait_for_jobs) else None
    if phase.wait_for_count is not None:
        times = sorted(s.at for s in jobs.values() if s.status == "success" and s.at is not None)
        return times[phase.wait_for_count - 1] if len(times) >= phase.wait_for_count else None
    return None


Failure = tuple[OnFailure, datetime, str, str | None]
"""What it asks for, when it happened, its error's type, and the job that failed."""


def failures(phase: Phase, facts: Facts, number: int) -> list[Failure]:
    """What makes a round failing: a missed deadline, or a job that has failed for good and is not to be gone past."""
    found: list[Failure] = []
    for status in facts.statuses:
        at = status.at
        assert at is not None
        if status.status == "overdue" and status.kind == "execution" and facts.overdue:
            if status.round >= facts.life_begin:
                found.append((OnFailure(), at, "Phaseline.Timeout", None))
        elif status.status == "overdue" and status.kind == "phase" and status.round == number:
            found.append((first(phase.on_failure, "Phaseline.Timeout"), at, "Phaseline.Timeout", None))
    jobs = facts.jobs(number)
    for use in phase.jobs:
        failed = jobs.get(use.name)
        if failed is not None and failed.status == "failed" and failed.retry is None:
            error = str((failed.error or {}).get("type"))
            handler = first(use.on_failure, error)
            if handler.action != "continue":
                assert failed.at is not None
                found.append((handler, failed.at, error, use.name))
    return found


def deciding(found: Sequence[Failure]) -> Failure:
    """`fail` beats `to`, `to` beats `continue`; among equals a deadline comes before a job, and jobs as written."""
    return next(each for action in ("fail", "to", "continue") for each in found if each[0].action == action)


def first(handlers: Sequence[OnFailure], error: str) -> OnFailure:
    """The handler that an error falls to; none means `fail`."""
    return next((item for item in handlers if "Phaseline.ALL" in item.errors or error in item.errors), OnFailure())


def give_up_at(use: Use, started: datetime, seen: datetime) -> datetime:
    """When Lambda's own timeout has passed, or the heartbeat's silence, and the skew of clocks with it."""
    allowed = started + timedelta(seconds=min(use.timeout + HEADROOM, LONGEST))
    silent = allowed if use.heartbeat is None else seen + timedelta(seconds=use.heartbeat)
    return min(allowed, silent) + GREATEST_SKEW


def retry_policy(use: Use, error: str) -> Retry | None:
    """The policy that an error falls to."""
    covering = (p for p in use.retry if ("Phaseline.ALL" in p.errors or error in p.errors) and error not in p.never)
    return next(covering, None)


def retry(use: Use, failed: Status, before: Sequence[Status]) -> tuple[timedelta, timedelta] | None:
    """Between which delays the next attempt is due after this failure, or None where there is to be none.

    `before` are the failures of the earlier attempts.
    """
    policy = retry_policy(use, _type(failed))
    if policy is None:
        return None
    used = sum(1 for each in before if retry_policy(use, _type(each)) is policy)
    if used >= policy.max_attempts:
        return None
    seconds = policy.interval * policy.backoff_rate**used
    seconds = min(seconds, policy.max_delay) if policy.max_delay is not None else seconds
    delay = timedelta(milliseconds=round(seconds * 1000))
    return (timedelta(0), delay) if policy.jitter else (delay, delay)


def _type(failed: Status) -> str:
    return str((failed.error or {}).get("type"))


def following(definition: Definition, name: str) -> str:
    """The phase written after this one, or `end`."""
    names = [phase.name for phase in definition.phases]
    return [*names, "end"][names.index(name) + 1]


def transitions(phase: Phase | None, definition: Definition) -> list[Transition]:
    """The ways out of a phase, in their order; before the first phase there is one way in."""
    if phase is None:
        return [Transition(definition.phases[0].name)]
    return [*phase.next, Transition(following(definition, phase.name))]
