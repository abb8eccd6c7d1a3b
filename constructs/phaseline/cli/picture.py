"""What has happened in an execution, read from its statuses alone: rounds, their jobs, times and outputs.

Pure: no terminal and no database. Whatever is drawn or printed of an execution comes from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from phaseline.cli.picture_of_job import JobPicture
from phaseline_runtime.statuses import ENDED, Status


@dataclass(slots=True)
class RoundPicture:
    """One visit of a phase, or the round in which an execution undoes what it has done."""

    number: int
    phase: str
    visit: int = 1
    status: str = "running"
    started: datetime | None = None
    ended: datetime | None = None
    error: Mapping[str, Any] | None = None
    until: datetime | None = None
    """Until when it waits before its jobs."""
    overdue: datetime | None = None
    """When it was recorded that it has passed its deadline."""
    asked: Status | None = None
    """Its start, where somebody has asked for it: a redrive or a rerun."""
    compensates: Sequence[Mapping[str, Any]] = ()
    """What it undoes: `{name, undoes, round}` for each compensation."""
    passed_over: tuple[str, ...] = ()
    """Phases that did not follow this round because their `when` was false."""
    jobs: dict[str, JobPicture] = field(default_factory=dict)

    @property
    def undone(self) -> list[str]:
        """Of a round of compensation: the jobs whose effect is undone, each with its round."""
        return [_undoes(item) for item in self.compensates if self._has_undone(item)]

    @property
    def not_undone(self) -> list[str]:
        """The others: their compensation has failed, or has not ended yet."""
        return [_undoes(item) for item in self.compensates if not self._has_undone(item)]

    def _has_undone(self, item: Mapping[str, Any]) -> bool:
        job = self.jobs.get(item["name"])
        return job is not None and job.status == "success"


def _undoes(item: Mapping[str, Any]) -> str:
    return f"{item['undoes']} (round {item['round']})"


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
    paused: Status | None = None
    """The pause that holds."""
    cancel: Status | None = None
    """The request to cancel this life of the execution."""
    overdue: datetime | None = None
    """When it was recorded that this life of the execution has passed its deadline."""
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
    _draw_execution(drawn, [status for status in ordered if status.kind == "execution"], ordered)
    for status in ordered:
        if status.kind == "phase" and status.round == 0:
            drawn.passed_over = status.passed_over
        elif status.kind != "execution":
            here = rounds.setdefault(status.round, RoundPicture(status.round, str(status.phase)))
            if status.kind == "phase":
                _add_phase(here, status)
            else:
                name = str(status.name)
                here.jobs.setdefault(name, JobPicture(name, str(status.job))).add(status)
    drawn.rounds = [rounds[number] for number in sorted(rounds)]
    for each in drawn.rounds:
        for job in each.jobs.values():
            job.left = each.ended is not None
    return drawn


def _draw_execution(drawn: Picture, own: Sequence[Status], all_of_it: Sequence[Status]) -> None:
    newest = max(status.round for status in all_of_it)
    # An end counts until a later round has started: that begins another life (a redrive).
    life = max((status.round + 1 for status in own if status.status in ENDED and status.round < newest), default=0)
    pauses = 0
    for status in own:
        number = status.number or 0
        if status.status == "started":
            drawn.started, drawn.started_by, drawn.input = status.at, status.started_by, status.input
        elif status.status in ENDED and status.round == newest:
            drawn.status, drawn.ended, drawn.error = status.status, status.at, status.error
        elif status.status == "cancel_requested" and number == life:
            drawn.cancel = status
        elif status.status == "overdue" and number == life:
            drawn.overdue = status.at
        elif status.status in ("paused", "resumed") and number > pauses:
            pauses, drawn.paused = number, status if number % 2 else None
    if drawn.ended is not None:
        drawn.paused = None
    elif drawn.paused is not None:
        drawn.status = "paused"


def _add_phase(here: RoundPicture, status: Status) -> None:
    if status.status == "started":
        here.started, here.visit = status.at, status.visit or 1
        here.compensates = status.compensates or ()
        here.asked = status if status.definition is not None else None
        for name, entry in (status.carried or {}).items():
            here.jobs.setdefault(name, JobPicture(name, name)).carry(entry)
    elif status.status == "waiting":
        here.until = status.due
    elif status.status == "overdue":
        here.overdue = status.at
    else:
        here.status, here.ended, here.error = status.status, status.at, status.error
        here.passed_over = status.passed_over
