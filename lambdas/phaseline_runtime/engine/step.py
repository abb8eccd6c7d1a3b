"""What one step of the reconciler sees: the definition, the state, the time, and how a status is made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from phaseline_runtime import slots
from phaseline_runtime.definition import Definition, Use
from phaseline_runtime.engine.questions import Inquiry
from phaseline_runtime.statuses import Status

REDELIVER_AFTER = timedelta(minutes=1)
"""How long an event may take before its `triggered` is sent again; each further time twice as long."""


@dataclass(frozen=True, slots=True)
class Step:
    """One state of an execution and the means to go on from it."""

    definition: Definition
    state: Mapping[str, Any]
    inquiry: Inquiry
    now: datetime

    @property
    def execution(self) -> str:
        """The execution's id."""
        return str(self.state["_id"])

    @property
    def round(self) -> Mapping[str, Any]:
        """The open round."""
        found: Mapping[str, Any] = self.state["round"]
        return found

    @property
    def number(self) -> int:
        """The number of the open round; 0 before the first."""
        return int(self.round["number"])

    @property
    def jobs(self) -> Mapping[str, Mapping[str, Any]]:
        """The jobs of the open round of which something is known."""
        found: Mapping[str, Mapping[str, Any]] = self.round["jobs"]
        return found

    def status(self, slot_id: str, kind: str, status: str, **values: Any) -> Status:
        """A status of this execution."""
        return Status(
            id=slot_id,
            kind=kind,
            status=status,
            execution=self.execution,
            state_machine=self.state["stateMachine"],
            at=self.now,
            **values,
        )

    def of_job(self, use: Use, slot_id: str, status: str, slot: str, *, attempt: int = 1, **values: Any) -> Status:
        """A status of a job in the open round."""
        return self.status(
            slot_id,
            "job",
            status,
            round=self.number,
            phase=self.round["phase"],
            name=use.name,
            job=use.job,
            attempt=attempt,
            slot=slot,
            **{"cause": self.last_ended(use.after), **values},
        )

    def triggered(self, use: Use, attempt: int, given: Any, **values: Any) -> Status:
        """The status that has an attempt run: with its input, and when to worry about it."""
        start_by = self.now + timedelta(seconds=use.start_timeout)
        return self.of_job(
            use,
            slots.entry(self.execution, self.number, use.name, attempt),
            "triggered",
            "entry",
            attempt=attempt,
            input=given,
            definition=self.state["definition"],  # Goes along, so that the runner needs no look at the execution.
            start_by=start_by,
            due=min(self.now + REDELIVER_AFTER, start_by),
            **values,
        )

    def last_ended(self, names: tuple[str, ...] | None = None) -> str:
        """The id of the newest status among these jobs of the round (all by default), or of what opened it."""
        known = {
            name: entry
            for name, entry in self.jobs.items()
            if (names is None or name in names) and entry["attempt"] > 0  # 0: carried over by a redrive.
        }
        if not known:
            if self.number == 0:
                return slots.execution_started(self.execution)
            return slots.round_start(self.execution, self.number)
        name = max(sorted(known), key=lambda item: known[item]["at"])
        return self.slot_of(name)

    def slot_of(self, name: str) -> str:
        """The id of the newest status that is known of a job in the round."""
        entry = self.jobs[name]
        place = (self.execution, self.number, name, entry["attempt"])
        match entry["slot"]:
            case "wait":
                return slots.job_wait(self.execution, self.number, name)
            case "entry":
                return slots.entry(*place)
            case "redelivery":
                return slots.redelivery(*place, entry["number"])
            case "start":
                return slots.attempt_start(*place)
            case "heartbeat":
                return slots.heartbeat(*place, entry["number"])
            case _:
                return slots.attempt_end(*place)
