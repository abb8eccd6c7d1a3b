"""One open round: which entries are to be decided, whether it is closing, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from phaseline_runtime.definition import Action, OnFailure, Phase, Use
from phaseline_runtime.engine.rules import ACCEPTS_FAILURE, Outcome

COUNTS_AS_FAILED = frozenset({"upstream_failed", "failing"})
"""Reasons of a skip that followers see as a failure."""


class Closing(Enum):
    """Why a round triggers nothing new."""

    OPEN = auto()
    """It is not closing."""
    MET = auto()
    """Its `wait_for` is met."""
    FAILING = auto()
    """A job has failed whose `on_failure` is `fail` or `to`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed job of a failing round and what it asks for."""

    use: Use
    at: datetime


def outcome(entry: Mapping[str, Any] | None) -> Outcome:
    """How a job of the round looks to its followers."""
    if entry is None:
        return Outcome.PENDING
    match entry["status"]:
        case "success":
            return Outcome.SUCCESS
        case "failed" | "cancelled":
            return Outcome.FAILED
        case "skipped":
            return Outcome.FAILED if entry.get("reason") in COUNTS_AS_FAILED else Outcome.SKIPPED
        case _:
            return Outcome.PENDING


def unstarted(entry: Mapping[str, Any]) -> bool:
    """Whether the attempt is triggered and nobody is known to have decided its start slot."""
    return bool(entry["status"] == "triggered")


def running(entry: Mapping[str, Any]) -> bool:
    """Whether the attempt is known to have started and not to have ended."""
    return bool(entry["status"] == "started")


def accepts_failure(use: Use) -> bool:
    """Whether a failing round may trigger this job."""
    return use.run_if in ACCEPTS_FAILURE


def failures(phase: Phase, jobs: Mapping[str, Mapping[str, Any]]) -> list[Failure]:
    """The failures that make the round failing, in the order in which the jobs are written."""
    return [
        Failure(use, jobs[use.name]["at"])
        for use in phase.jobs
        if use.name in jobs and jobs[use.name]["status"] == "failed" and use.on_failure.action is not Action.CONTINUE
    ]


def closing(phase: Phase, jobs: Mapping[str, Mapping[str, Any]]) -> Closing:
    """Whether the round is closing, and by what: of `wait_for` and a failure, what happened first by its time.

    A failure at the same moment as the last end that was waited for is among what was waited for: it decides.
    """
    failed_at = min((failure.at for failure in failures(phase, jobs)), default=None)
    met_at = _met_at(phase, jobs)
    if failed_at is not None and (met_at is None or failed_at <= met_at):
        return Closing.FAILING
    return Closing.OPEN if met_at is None else Closing.MET


def deciding_failure(phase: Phase, jobs: Mapping[str, Mapping[str, Any]]) -> tuple[Use, OnFailure]:
    """Of the failures known: one that fails the execution before one that leads elsewhere, then the first written."""
    known = failures(phase, jobs)
    chosen = next((item for item in known if item.use.on_failure.action is Action.FAIL), known[0])
    return chosen.use, chosen.use.on_failure


def _met_at(phase: Phase, jobs: Mapping[str, Mapping[str, Any]]) -> datetime | None:
    """When `wait_for` was met: at the last end of the jobs listed, or at the success that made the number full."""
    if phase.wait_for_jobs:
        entries = [jobs.get(name) for name in phase.wait_for_jobs]
        ended = [entry["at"] for entry in entries if entry is not None and outcome(entry) is not Outcome.PENDING]
        return max(ended) if len(ended) == len(entries) else None
    if phase.wait_for_count is not None:
        successes = sorted(entry["at"] for entry in jobs.values() if entry["status"] == "success")
        return successes[phase.wait_for_count - 1] if len(successes) >= phase.wait_for_count else None
    return None
