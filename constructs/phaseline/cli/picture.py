"""What has happened in an execution, read from its statuses alone: rounds, their jobs, times and outputs.

Pure: no terminal and no database. Whatever is drawn or printed of an execution comes from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from phaseline_runtime.statuses import Status

_RANK = {"entry": 0, "start": 1, "end": 2}


@dataclass(slots=True)
class JobPicture:
    """One job of a round, as its newest attempt stands."""

    name: str
    job: str
    status: str
    attempt: int = 1
    reason: str | None = None
    triggered: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    output: Any = None
    error: Mapping[str, Any] | None = None
    rank: tuple[int, int] = (0, -1)

    @property
    def seconds(self) -> float | None:
        """How long its handler took, if it has started and ended."""
        return None if self.started is None or self.ended is None else (self.ended - self.started).total_seconds()


@dataclass(slots=True)
class RoundPicture:
    """One visit of a phase."""

    number: int
    phase: str
    visit: int = 1
    status: str = "running"
    started: datetime | None = None
    ended: datetime | None = None
    error: Mapping[str, Any] | None = None
    passed_over: tuple[str, ...] = ()
    """Phases that did not follow this round because their `when` was false."""
    jobs: dict[str, JobPicture] = field(default_factory=dict)


@dataclass(slots=True)
class Picture:
    """One execution. Round 0, the choice of the first phase, is no round here: of it, only `passed_over` is kept."""

    id: str
    machine: str
    status: str = "running"
    started: datetime | None = None
    ended: datetime | None = None
    started_by: str | None = None
    input: Any = None
    error: Mapping[str, Any] | None = None
    passed_over: tuple[str, ...] = ()
    """Phases before the first round whose `when` was false."""
    rounds: list[RoundPicture] = field(default_factory=list)


def picture(statuses: Iterable[Status]) -> Picture:
    """The picture of one execution. Raises ValueError where there is no status."""
    ordered = sorted(statuses, key=lambda status: (status.at is None, status.at, status.round))
    if not ordered:
        raise ValueError("an execution without statuses has no picture")
    drawn = Picture(ordered[0].execution, ordered[0].state_machine)
    rounds: dict[int, RoundPicture] = {}
    newest = max(status.round for status in ordered)
    for status in ordered:
        if status.kind == "execution":
            # An end counts until a later round has started (a redrive).
            if status.status == "started" or status.round == newest:
                _add_execution(drawn, status)
        elif status.kind == "phase" and status.round == 0:
            drawn.passed_over = status.passed_over
        else:
            here = rounds.setdefault(status.round, RoundPicture(status.round, str(status.phase)))
            if status.kind == "phase":
                _add_phase(here, status)
            else:
                _add_job(here, status)
    drawn.rounds = [rounds[number] for number in sorted(rounds)]
    return drawn


def _add_execution(drawn: Picture, status: Status) -> None:
    if status.status == "started":
        drawn.started, drawn.started_by, drawn.input = status.at, status.started_by, status.input
    elif status.status in ("success", "failed", "cancelled"):
        drawn.status, drawn.ended, drawn.error = status.status, status.at, status.error


def _add_phase(here: RoundPicture, status: Status) -> None:
    if status.status == "started":
        here.started, here.visit = status.at, status.visit or 1
    else:
        here.status, here.ended, here.error = status.status, status.at, status.error
        here.passed_over = status.passed_over


def _add_job(here: RoundPicture, status: Status) -> None:
    name = str(status.name)
    drawn = here.jobs.setdefault(name, JobPicture(name, str(status.job), status.status))
    attempt = status.attempt or 1
    if attempt > drawn.attempt:
        drawn.triggered = drawn.started = drawn.ended = None
        drawn.attempt = attempt
    elif attempt < drawn.attempt:
        return
    if status.status == "triggered":
        drawn.triggered = drawn.triggered or status.at
    elif status.status == "started":
        drawn.started = status.at
    else:
        drawn.ended = status.at
    rank = (attempt, _RANK.get(str(status.slot), 0))
    if rank > drawn.rank:
        drawn.rank, drawn.status, drawn.reason = rank, status.status, status.reason
        drawn.output, drawn.error = status.output, status.error
