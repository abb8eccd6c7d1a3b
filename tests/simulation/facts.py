"""What a set of statuses says, read plainly and without the engine: the oracle's own view of an execution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from phaseline_runtime.statuses import Status

_RANK = {slot: rank for rank, slot in enumerate(("wait", "entry", "redelivery", "start", "heartbeat", "end"))}
FINAL = ("success", "failed", "cancelled")
_SHOWN = ("type", "message")
"""What an execution shows of an error."""


class Facts:
    """What follows from these statuses of one execution."""

    def __init__(self, statuses: Iterable[Status]) -> None:
        self.statuses = [status for status in statuses if status.slot != "late"]
        self.first = next(status for status in self.statuses if status.id.endswith("/started") and status.round == 0)
        self.rounds = {s.round: s for s in self.statuses if s.kind == "phase" and s.status == "started"}
        self.round_ends = {s.round: s for s in self.statuses if s.kind == "phase" and s.id.endswith("/end")}
        self.round_waits = {s.round: s for s in self.statuses if s.kind == "phase" and s.status == "waiting"}
        self.round_overdue = {s.round for s in self.statuses if s.kind == "phase" and s.status == "overdue"}

    @cached_property
    def number(self) -> int:
        """The newest round of which anything is known."""
        return max((s.round for s in self.statuses if s.kind != "execution"), default=0)

    @cached_property
    def life_begin(self) -> int:
        """The first round of this life of the execution: the newest that was opened by a person."""
        return max((number for number, s in self.rounds.items() if s.definition is not None), default=0)

    def _of_life(self, word: str) -> list[Status]:
        return [
            s
            for s in self.statuses
            if s.kind == "execution" and s.status == word and s.round >= self.life_begin and s.slot is None
        ]

    @cached_property
    def ended(self) -> Status | None:
        """The end of this life, if it is known."""
        ends = [s for s in self.statuses if s.kind == "execution" and s.status in FINAL]
        newest = max(ends, key=lambda s: s.round, default=None)
        return newest if newest is not None and newest.round >= self.number else None

    @cached_property
    def cancelled(self) -> bool:
        """Whether somebody has asked to cancel this life."""
        return bool(self._of_life("cancel_requested"))

    @property
    def undoes_when_cancelled(self) -> bool:
        """Whether whoever has asked to cancel this life wants what was done undone."""
        return any(request.compensate for request in self._of_life("cancel_requested"))

    def compensating(self, number: int) -> bool:
        """Whether this is a round of compensation."""
        return number in self.rounds and self.rounds[number].phase == "compensation"

    @cached_property
    def overdue(self) -> bool:
        """Whether this life is known to have passed its deadline."""
        return bool(self._of_life("overdue"))

    @cached_property
    def pauses(self) -> list[Status]:
        """Pauses and resumes in their order."""
        return sorted((s for s in self.statuses if s.status in ("paused", "resumed")), key=lambda s: s.number or 0)

    @cached_property
    def paused(self) -> bool:
        """Whether nothing new may happen; who stops for good is not held up by a pause."""
        paused = bool(self.pauses) and self.pauses[-1].status == "paused"
        return paused and self.ended is None and not self.cancelled and not self.overdue

    @cached_property
    def resumed_at(self) -> datetime | None:
        """When it was last paused or resumed."""
        return self.pauses[-1].at if self.pauses else None

    @cached_property
    def started(self) -> Status:
        """What holds the deadline and the input of this life: the execution's start, or a person's newest round."""
        return self.rounds[self.life_begin] if self.life_begin else self.first

    def jobs(self, number: int) -> dict[str, Status]:
        """The newest status of each job in a round; what a redrive carries over stands in for those not run."""
        return self._jobs.get(number, {})

    @cached_property
    def _jobs(self) -> dict[int, dict[str, Status]]:
        found: dict[int, dict[str, Status]] = {}
        for number, start in self.rounds.items():
            for name, entry in (start.carried or {}).items():
                found.setdefault(number, {})[name] = _carried(start, name, entry)
        for status in self.statuses:
            if status.kind == "job":
                jobs = found.setdefault(status.round, {})
                kept = jobs.get(str(status.name))
                if kept is None or _order(status) > _order(kept):
                    jobs[str(status.name)] = status
        return found

    @cached_property
    def seen(self) -> Mapping[str, Any]:
        """What expressions can read. What compensations return is not among it."""
        results: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        ends = [s for s in self.statuses if s.kind == "job" and s.status in ("success", "failed")]
        ends = [s for s in ends if s.phase != "compensation"]
        for status in sorted(ends, key=lambda s: (s.round, s.attempt or 1)):
            name = str(status.name)
            if status.status == "success":
                results[name] = status.output
                errors.pop(name, None)
            else:
                errors[name] = {key: value for key, value in (status.error or {}).items() if key in _SHOWN}
        visits: dict[str, int] = {}
        for start in self.rounds.values():
            visits[str(start.phase)] = max(visits.get(str(start.phase), 0), start.visit or 0)
        return {"input": self.started.input, "results": results, "errors": errors, "visits": visits}

    def contradictions(self, document: Mapping[str, Any]) -> list[str]:
        """Where a document that has folded these statuses says otherwise."""
        ended = self.ended
        newest = [s.phase for s in self.statuses if s.round == self.number and s.kind != "execution" and self.number]
        paused = bool(self.pauses) and self.pauses[-1].status == "paused"
        expected = {
            **self.seen,
            "status": ended.status if ended is not None else "paused" if paused else "running",
            "endedAt": None if ended is None else ended.at,
            "error": None if ended is None else ended.error,
            "currentPhase": newest[0] if newest else None,
            "definition": self.started.definition,
            "deadline": self.started.deadline,
        }
        return [f"{key} is {document[key]}, and should be {it}" for key, it in expected.items() if document[key] != it]


def _order(status: Status) -> tuple[int, int, int]:
    return (status.attempt or 0, _RANK[str(status.slot)], status.number or 0)


def _carried(start: Status, name: str, entry: Mapping[str, Any]) -> Status:
    return Status(
        id=f"{start.id}/{name}",
        kind="job",
        execution=start.execution,
        state_machine=start.state_machine,
        status=entry["status"],
        reason=entry.get("reason"),
        round=start.round,
        name=name,
        attempt=0,
        slot="end",
        at=entry["at"],
    )
