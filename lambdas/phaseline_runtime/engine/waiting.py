"""Waiting: until when a round or a job waits is decided once, and recorded before anything waits for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from phaseline_runtime import slots
from phaseline_runtime.definition import Phase, Use, Wait
from phaseline_runtime.engine import rounds
from phaseline_runtime.engine.questions import ExpressionFailed, Kind, Owner
from phaseline_runtime.engine.step import Step
from phaseline_runtime.statuses import Status

_SHOWN = 100
"""How much is said of what is no time, in characters."""


def holds_round(step: Step, phase: Phase) -> bool:
    """Whether the jobs of the round have to wait."""
    if phase.wait is None or step.jobs:
        return False
    return "waiting" not in step.round or step.now < step.round["waiting"] or rounds.paused(step.state)


def of_round(step: Step, phase: Phase) -> list[Status]:
    """The record of how long the round waits; none where it is there already, or where an answer is missing.

    Raises ExpressionFailed.
    """
    if phase.wait is None or "waiting" in step.round or rounds.paused(step.state):
        return []
    place = {"round": step.number, "phase": phase.name}
    cause = slots.round_start(step.execution, step.number)
    due = until(step, phase.wait, f"{step.number}/wait", Owner.STATEMACHINE)
    if due is None:
        return []
    return [
        step.status(slots.round_wait(step.execution, step.number), "phase", "waiting", due=due, cause=cause, **place)
    ]


def of_job(step: Step, use: Use) -> Status | None:
    """The record of how long a job waits. None where an answer is missing."""
    assert use.wait is not None
    due = until(step, use.wait, f"{step.number}/{use.name}/wait", Owner.ORCHESTRATOR)
    if due is None:
        return None
    slot = slots.job_wait(step.execution, step.number, use.name)
    return step.of_job(use, slot, "waiting", "wait", due=due)


def until(step: Step, wait: Wait, key: str, owner: Owner) -> datetime | None:
    """When the wait is over. None where the answer is missing. Raises ExpressionFailed."""
    if wait.seconds is not None:
        return step.now + timedelta(seconds=wait.seconds)
    answer = step.inquiry.ask(key, Kind.EXPRESSION, str(wait.until), owner)
    if answer is None:
        return None
    if answer.error is not None:
        raise ExpressionFailed(f"`wait`: {answer.error}")
    return _time(answer.value)


def _time(value: Any) -> datetime:
    shown = repr(value)[:_SHOWN]
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ExpressionFailed(f"`wait.until`: {shown} is no date and time") from None
    if not isinstance(value, datetime):
        raise ExpressionFailed(f"`wait.until`: a date, or a text such as 2026-05-31T12:00:00Z, and no {shown}")
    try:
        at = value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)
    except OverflowError:
        raise ExpressionFailed(f"`wait.until`: {shown} is not within the years 1 to 9999 in UTC") from None
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
