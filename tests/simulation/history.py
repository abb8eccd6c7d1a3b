"""What happened in a seed, in the order in which it was stored, and what whoever decided it knew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from phaseline_runtime.statuses import Status


@dataclass(frozen=True, slots=True)
class Entry:
    """One status that was inserted.

    `known` are the ids of the statuses that were folded into the document from which its author decided, and
    `before` those that stood before it in the same list, in whose slots something stands by now. `answered` says for
    each question that was answered to its author which statuses were folded at that moment; of `successes`, and of the
    `results` up to a round, which there were. `since` is how many there were when its author began.
    """

    status: Status
    at: datetime
    """The true time; a status has that of its author's clock."""
    author: str
    kind: str
    known: frozenset[str]
    before: tuple[str, ...]
    answered: Mapping[str, frozenset[str]]
    since: int


class History:
    """All entries, oldest first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.order: dict[str, int] = {}

    def add(self, entry: Entry) -> None:
        """One more status was inserted."""
        self.order[entry.status.id] = len(self.entries)
        self.entries.append(entry)

    @property
    def statuses(self) -> dict[str, Status]:
        """The statuses by their id, oldest first."""
        return {entry.status.id: entry.status for entry in self.entries}

    def text(self) -> str:
        """The history for people, one line a status."""
        return "\n".join(_line(entry) for entry in self.entries)


def _line(entry: Entry) -> str:
    status = entry.status
    more = [f"{key}={value}" for key, value in _details(status).items() if value not in (None, (), [])]
    return " ".join(
        [
            f"{entry.at:%H:%M:%S}.{entry.at.microsecond // 1000:03d}",
            status.id,
            status.status,
            *more,
            f"[{entry.author}]",
        ]
    )


def _details(status: Status) -> dict[str, object]:
    return {
        "phase": status.phase if status.kind == "phase" else None,
        "reason": status.reason,
        "error": None if status.error is None else status.error.get("type"),
        "output": status.output,
        "retry": None if status.retry is None else f"{status.retry['attempt']}@{status.retry['at']:%H:%M:%S}",
        "next": status.next,
        "passed_over": status.passed_over,
    }
