"""What has happened to one job of a round: its attempts, from their statuses in whatever order these come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from phaseline_runtime.engine.fold import SLOTS
from phaseline_runtime.statuses import Status


@dataclass(slots=True)
class AttemptPicture:
    """One attempt of a job. Attempt 0 is an outcome that a redrive has kept from an earlier round."""

    number: int
    status: str = "triggered"
    reason: str | None = None
    triggered: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    until: datetime | None = None
    """Until when the job waits before it is triggered."""
    output: Any = None
    error: Mapping[str, Any] | None = None
    retry: Mapping[str, Any] | None = None
    """Of a failure that is tried again: `{attempt, at}`."""
    beats: int = 0
    """How many signs of life it has given."""
    progress: Any = None
    """What the newest of them has said."""
    sent_again: int = 0
    """How often it was triggered again, because nobody had started it."""
    late: str | None = None
    """How it ended after it had been given up, which changes nothing."""
    rank: tuple[int, int] = (-1, -1)

    @property
    def seconds(self) -> float | None:
        """How long its handler took, if it has started and ended."""
        return None if self.started is None or self.ended is None else (self.ended - self.started).total_seconds()

    def add(self, status: Status) -> None:
        """Draw one of its statuses."""
        number = status.number or 0
        match str(status.slot):
            case "late":
                self.late = status.reason
                return
            case "heartbeat":
                if number > self.beats:
                    self.beats, self.progress = number, status.progress
            case "redelivery":
                self.sent_again = max(self.sent_again, number)
            case "wait":
                self.until = status.due
        if status.status == "triggered":
            self.triggered = status.at if self.triggered is None else self.triggered
        elif status.status == "started":
            self.started = status.at
        elif status.status not in ("waiting", "heartbeat"):
            self.ended = status.at
        rank = (SLOTS.index(str(status.slot)) if status.slot in SLOTS else 0, number)
        if rank > self.rank:
            self.rank, self.reason, self.retry = rank, status.reason, status.retry
            self.status = "started" if status.status == "heartbeat" else status.status
            self.output, self.error = status.output, status.error


@dataclass(slots=True)
class JobPicture:
    """One job of a round."""

    name: str
    job: str
    attempts: dict[int, AttemptPicture] = field(default_factory=dict)
    left: bool = False
    """Whether its round has ended: nothing is tried again in it."""

    def add(self, status: Status) -> None:
        """Draw a status of this job."""
        self.job = str(status.job)
        number = status.attempt or 1
        self.attempts.setdefault(number, AttemptPicture(number)).add(status)

    def carry(self, entry: Mapping[str, Any]) -> None:
        """Draw an outcome that is kept from an earlier round."""
        kept = AttemptPicture(0, str(entry["status"]), entry.get("reason"), ended=entry.get("at"))
        self.attempts.setdefault(0, kept)

    @property
    def newest(self) -> AttemptPicture:
        """The attempt that counts."""
        return self.attempts[max(self.attempts)]

    @property
    def earlier(self) -> list[AttemptPicture]:
        """The attempts before that, in their order."""
        return [self.attempts[number] for number in sorted(self.attempts) if 0 < number < self.newest.number]

    @property
    def status(self) -> str:
        """How the job stands; `retrying` where it has failed and is tried again."""
        newest = self.newest
        return newest.status if newest.retry is None or self.left else "retrying"

    @property
    def carried(self) -> bool:
        """Whether its outcome is one of an earlier round."""
        return self.newest.number == 0

    @property
    def seconds(self) -> float | None:
        """How long the newest attempt took."""
        return self.newest.seconds

    @property
    def output(self) -> Any:
        """What it has returned."""
        return self.newest.output

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Why its newest attempt has failed."""
        return self.newest.error
