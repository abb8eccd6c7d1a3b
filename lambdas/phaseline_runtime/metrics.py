"""Metrics: what has happened, as one log line that CloudWatch reads figures from (embedded metric format).

No call is made for it. A fact that is a status is counted by whoever inserted that status, and by nobody who finds it
there; so it is counted once, however many look at it. Only Lambdas have a meter that writes.
Dimensions are bounded: the database, and beside it the state machine or the job. The execution's id is a plain field.

Source of the format: Amazon CloudWatch, "Specification: Embedded metric format".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from phaseline_runtime.definition import Use
from phaseline_runtime.statuses import Status

NAMESPACE = "Phaseline"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its unit, and by what it is told apart besides the database."""

    unit: str
    by: str | None = None


METRICS: Mapping[str, Metric] = {
    "ExecutionsStarted": Metric("Count", "StateMachine"),
    "ExecutionsSucceeded": Metric("Count", "StateMachine"),
    "ExecutionsFailed": Metric("Count", "StateMachine"),
    "ExecutionsCancelled": Metric("Count", "StateMachine"),
    "TimeToStart": Metric("Milliseconds", "Job"),
    "JobDuration": Metric("Milliseconds", "Job"),
    "AttemptsFailed": Metric("Count", "Job"),
    "Retries": Metric("Count", "Job"),
    "Redeliveries": Metric("Count", "Job"),
    "Repairs": Metric("Count"),
    "RepairsFailed": Metric("Count"),
    "DeadLetters": Metric("Count"),
    "DeadLettersFailed": Metric("Count"),
}
"""All metrics by name."""

_ENDED = {"success": "ExecutionsSucceeded", "failed": "ExecutionsFailed", "cancelled": "ExecutionsCancelled"}


class Meter:
    """Writes a line for what it is told of; without `write`, as outside of Lambda, it says nothing.

    Args:
        database: the database, by which environments are told apart.
        write: takes a line.
    """

    def __init__(self, database: str = "", write: Callable[[str], None] | None = None) -> None:
        self._database = database
        self._write = write

    def count(self, statuses: Iterable[Status]) -> None:
        """Count what has just been inserted."""
        for status in statuses:
            name = metric_of(status)
            if name is not None:
                self._of_status(status, name, 1)

    def attempt_started(self, triggered: Status, started: Status, use: Use) -> None:
        """How long an attempt has waited for its start, from its `triggered`, or from a resume after that.

        `triggered` may be a copy that was sent later; all have the same `start_by`.
        """
        if triggered.start_by is not None and started.at is not None:
            waited = started.at.timestamp() - (triggered.start_by.timestamp() - use.start_timeout)
            self._of_status(started, "TimeToStart", _milliseconds(waited))

    def attempt_ended(self, started: Status, ended: Status) -> None:
        """How long an attempt has taken, whichever way it has ended."""
        if started.at is not None and ended.at is not None:
            self._of_status(ended, "JobDuration", _milliseconds(ended.at.timestamp() - started.at.timestamp()))

    def totals(self, values: Mapping[str, float], at: datetime) -> None:
        """Figures that belong to no state machine and no job, with their zeros: 0 is an answer, too."""
        self._say(values, None, {}, at)

    def _of_status(self, status: Status, name: str, value: float) -> None:
        fields = {"StateMachine": status.state_machine, "execution": status.execution, "status": status.id}
        if status.job is not None:
            fields["Job"] = status.job
        self._say({name: value}, METRICS[name].by, fields, status.at or datetime.now(UTC))

    def _say(self, values: Mapping[str, float], by: str | None, fields: Mapping[str, str], at: datetime) -> None:
        """One line: the figures, what they are told apart by, and what a query of the log may want besides."""
        if self._write is None:
            return
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [["Database"], *([["Database", by]] if by else [])],
            "Metrics": [{"Name": name, "Unit": METRICS[name].unit} for name in values],
        }
        document: dict[str, Any] = {
            "_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]},
            "Database": self._database,
            **fields,
            **values,
        }
        self._write(json.dumps(document))


def metric_of(status: Status) -> str | None:
    """The metric in which a status counts; None for one that counts in none."""
    if status.kind == "execution":
        return _ENDED.get(status.status)
    if status.kind == "phase":
        # The start of an execution is often inserted by a program that is no Lambda; the end of round 0, by which its
        # first phase is chosen, follows it at once, and only once.
        return "ExecutionsStarted" if status.round == 0 else None
    if status.status == "failed":
        return "AttemptsFailed"
    if status.slot == "redelivery":
        return "Redeliveries"
    return "Retries" if status.status == "triggered" and (status.attempt or 1) > 1 else None


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))  # Clocks differ.
