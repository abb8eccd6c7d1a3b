"""One open round: which entries are to be decided, whether it is closing, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from phaseline_runtime.definition import COMPENSATION, Action, OnFailure, Phase, Use
from phaseline_runtime.engine.rules import ACCEPTS_FAILURE, Outcome
from phaseline_runtime.errors import TIMEOUT

Document = Mapping[str, Any]

COUNTS_AS_FAILED = frozenset({"upstream_failed", "failing"})
"""Reasons of a skip that followers see as a failure."""


class Closing(Enum):
    """Why a round triggers nothing new."""

    OPEN = auto()
    """It is not closing."""
    MET = auto()
    """Its `wait_for` is met."""
    FAILING = auto()
    """A job has failed whose `on_failure` is `fail` or `to`, or a deadline has passed."""
    CANCELLED = auto()
    """Somebody has asked to cancel the execution."""


REASONS = {Closing.MET: "wait_for", Closing.FAILING: "failing", Closing.CANCELLED: "cancel"}
"""The reason of what a closing round gives up."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that makes a round failing: what it asks for, the error, and when it happened."""

    on_failure: OnFailure
    error: Mapping[str, Any]
    at: datetime


def outcome(entry: Document | None) -> Outcome:
    """How a job of the round looks to its followers."""
    if entry is None or retrying(entry):
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


def undecided(entry: Document | None) -> bool:
    """Whether it is still open what becomes of a job: its entry, the start of its attempt, or its next attempt."""
    return entry is None or entry["status"] == "waiting" or unstarted(entry) or retrying(entry)


def unstarted(entry: Document) -> bool:
    """Whether the attempt is triggered and nobody is known to have decided its start slot."""
    return bool(entry["status"] == "triggered")


def running(entry: Document) -> bool:
    """Whether the attempt is known to have started and not to have ended."""
    return bool(entry["status"] == "started")


def retrying(entry: Document) -> bool:
    """Whether the attempt has failed and the next one is not decided yet."""
    return entry["status"] == "failed" and "retry" in entry


def accepts_failure(use: Use) -> bool:
    """Whether a failing round may trigger this job."""
    return use.run_if in ACCEPTS_FAILURE


def life(document: Document) -> int:
    """Which life of the execution this is: 0 for the first, then one more than the round that ended the one before.

    One more, because the first life can end in round 0: a request to cancel it must not hold for the second.
    """
    end = document.get("end")
    return 0 if end is None else int(end["round"]) + 1


def cancelled(document: Document) -> bool:
    """Whether somebody has asked to cancel this life of the execution."""
    return "cancel" in document and document["cancel"]["number"] == life(document)


def overdue(document: Document) -> datetime | None:
    """When it was recorded that this life of the execution has passed its deadline."""
    found = document.get("overdue")
    return None if found is None or found["number"] != life(document) else found["at"]


def missed_deadline(document: Document) -> dict[str, Any]:
    """The error of an execution that has passed its deadline."""
    message = f"the execution has passed its deadline of {document['deadline']:%Y-%m-%d %H:%M:%S} UTC"
    return {"type": TIMEOUT, "message": message}


def paused(document: Document) -> bool:
    """Whether nothing new may happen: a pause, unless the execution is being stopped for good."""
    return document["status"] == "paused" and not cancelled(document) and overdue(document) is None


def failures(phase: Phase, document: Document) -> list[Failure]:
    """What makes the round failing: deadlines first, then the jobs in the order in which they are written."""
    found = []
    execution_overdue = overdue(document)
    if execution_overdue is not None:
        found.append(Failure(OnFailure(), missed_deadline(document), execution_overdue))
    if "overdue" in document["round"]:
        message = f"phase {phase.name} has passed its deadline of {phase.deadline:g} s"
        error = {"type": TIMEOUT, "message": message}
        found.append(Failure(phase.failure(TIMEOUT), error, document["round"]["overdue"]))
    jobs = document["round"]["jobs"]
    for use in phase.jobs:
        entry = jobs.get(use.name)
        if entry is None or entry["status"] != "failed" or retrying(entry):
            continue
        on_failure = use.failure(entry.get("error"))
        if on_failure.action is not Action.CONTINUE:
            error = {**document["errors"].get(use.name, {}), "job": use.name}
            found.append(Failure(on_failure, error, entry["at"]))
    return found


def closing(phase: Phase, document: Document) -> Closing:
    """Whether the round is closing, and by what: of `wait_for` and a failure, what happened first by its time.

    A failure at the same moment as the last end that was waited for is among what was waited for: it decides. Once
    something was given up because of the one or the other, that is recorded, and no clock that differs changes it.
    """
    if phase.name == COMPENSATION:
        return Closing.OPEN  # The execution has failed already: nothing can stop it once more.
    if cancelled(document):
        return Closing.CANCELLED
    jobs = document["round"]["jobs"]
    recorded = {entry.get("reason") for entry in jobs.values() if entry["attempt"] > 0}  # 0: carried over.
    if overdue(document) is not None or REASONS[Closing.FAILING] in recorded:
        return Closing.FAILING
    if REASONS[Closing.MET] in recorded:
        return Closing.MET
    failed_at = min((failure.at for failure in failures(phase, document)), default=None)
    met = met_at(phase, jobs)
    if failed_at is not None and (met is None or failed_at <= met):
        return Closing.FAILING
    return Closing.OPEN if met is None else Closing.MET


def deciding_failure(phase: Phase, document: Document) -> Failure:
    """Of the failures known: one that fails the execution before one that leads elsewhere, then the first written."""
    known = failures(phase, document)
    return min(known, key=lambda item: _WEIGHT[item.on_failure.action])


_WEIGHT = {Action.FAIL: 0, Action.TO: 1, Action.CONTINUE: 2}


def met_at(phase: Phase, jobs: Mapping[str, Document]) -> datetime | None:
    """When `wait_for` was met: at the last end of the jobs listed, or at the success that made the number full."""
    if phase.wait_for_jobs:
        entries = [jobs.get(name) for name in phase.wait_for_jobs]
        ended = [entry["at"] for entry in entries if entry is not None and outcome(entry) is not Outcome.PENDING]
        return max(ended) if len(ended) == len(entries) else None
    if phase.wait_for_count is not None:
        successes = sorted(entry["at"] for entry in jobs.values() if entry["status"] == "success")
        return successes[phase.wait_for_count - 1] if len(successes) >= phase.wait_for_count else None
    return None
