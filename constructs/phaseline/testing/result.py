"""What has happened in an execution, to assert on. Everything is read from its statuses and its document."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from phaseline.testing.names import check_name
from phaseline_runtime import slots
from phaseline_runtime.errors import in_words
from phaseline_runtime.statuses import ENDED, Status


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a job."""

    name: str
    round: int
    number: int
    """Counted from 1 in each round."""
    status: str
    """`triggered`, `started`, `success`, `failed` or `cancelled`."""
    input: Any
    output: Any
    error: Mapping[str, Any] | None
    """`type`, `message` and `traceback` of its failure."""
    seconds: float | None
    """From its start to its end in virtual time; None where it has not started and ended."""


class Attempts(Counter[str]):
    """How often each name was started: 0 for one that was not. Raises UserError for one that the machine has not."""

    def __init__(self, started: Iterable[str] = (), check: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(started)
        self._check = check

    def __missing__(self, name: str) -> int:
        self._check(name)
        return 0


@dataclass(frozen=True)
class Result:
    """An execution as it is, with all of its statuses. Printed, it tells the story."""

    document: Mapping[str, Any]
    """The execution's document."""
    statuses: Sequence[Status]
    """All of its statuses, each behind what has led to it."""
    names: Collection[str]
    """The names in its machine. That of a compensation is `undo-NAME-ROUND`."""

    @property
    def status(self) -> str:
        """`success`, `failed` or `cancelled`; `running` or `paused` where it has not ended."""
        return str(self.document["status"])

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Why it has failed: `type`, `message`, and what else is known."""
        found: Mapping[str, Any] | None = self.document["error"]
        return found

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The newest output of each name that has succeeded: what expressions read as `results`."""
        found: Mapping[str, Any] = self.document["results"]
        return found

    @property
    def errors(self) -> Mapping[str, Any]:
        """The `type` and `message` of each name's newest failure for good: what expressions read as `errors`."""
        found: Mapping[str, Any] = self.document["errors"]
        return found

    @property
    def duration(self) -> float:
        """Seconds of virtual time from its start to its end, or to what has happened last."""
        last: datetime = self.document["endedAt"] or self._times[-1]
        return (last - self.document["startedAt"]).total_seconds()  # type: ignore[no-any-return]

    @property
    def phases(self) -> list[str]:
        """The phases in the order of their visits."""
        return [str(s.phase) for s in self.statuses if s.kind == "phase" and s.status == "started"]

    @property
    def order(self) -> list[str]:
        """The names in the order in which they started, each once in a round, whatever their attempts."""
        started = (s for s in self.statuses if s.slot == "start" and s.status == "started")
        return [str(name) for _, name in dict.fromkeys((s.round, s.name) for s in started)]

    @property
    def finished(self) -> list[str]:
        """The names in the order in which they ended for good, as success or failure, started or not."""
        jobs = [s for s in self.statuses if s.kind == "job" and s.slot != "late"]
        ends = {(s.round, s.name): s for s in jobs if s.status in ("success", "failed")}
        given_up = {(s.round, s.name) for s in jobs if s.status == "cancelled"}
        final = [s for at, s in ends.items() if s.retry is None or at in given_up or s.round in self._closed]
        return [str(s.name) for s in sorted(final, key=self._place)]

    @property
    def attempts(self) -> Counter[str]:
        """How often each name was started, over all rounds. Raises UserError for a name that the machine has not."""
        started = (str(s.name) for s in self.statuses if s.slot == "start" and s.status == "started")
        return Attempts(started, self._check)

    @property
    def skipped(self) -> dict[str, str]:
        """The names that were skipped, with the reason of the newest time: `when`, `run_if` and others."""
        return {str(s.name): str(s.reason) for s in self.statuses if s.kind == "job" and s.status == "skipped"}

    @property
    def waits(self) -> list[tuple[str, float]]:
        """Each `wait` of a phase or a name, in order, with its seconds: 0 for a time that had passed."""
        found = [s for s in self.statuses if s.status == "waiting"]
        return [(str(s.name or s.phase), max(self._span(s.at, s.due), 0.0)) for s in found]

    @property
    def retries(self) -> list[tuple[str, float]]:
        """Each retry, in order: the name, and the seconds from the failure until it is due."""
        found = [s for s in self.statuses if s.retry is not None]
        return [(str(s.name), self._span(s.at, (s.retry or {})["at"])) for s in found]

    def attempts_of(self, name: str) -> list[Attempt]:
        """The attempts of a name, in order, over all rounds. Raises UserError for a name that the machine has not."""
        self._check(name)
        return [attempt for attempt in self._attempts if attempt.name == name]

    def inputs(self, name: str) -> list[Any]:
        """What each attempt of a name was given."""
        return [attempt.input for attempt in self.attempts_of(name)]

    def __str__(self) -> str:
        return "\n".join(self._story())

    def __repr__(self) -> str:
        return f"<Result of {self.document['stateMachine']}: {self.status}, {len(self.statuses)} statuses>"

    @property
    def _times(self) -> list[datetime]:
        return sorted(status.at for status in self.statuses if status.at is not None)

    def _check(self, name: str) -> None:
        undone = re.fullmatch(r"undo-(.+)-\d+", name)
        unknown = f"there is no name {name!r} in {self.document['stateMachine']}"
        check_name(name if undone is None else undone[1], self.names, unknown)

    def _place(self, status: Status) -> tuple[datetime, int]:
        assert status.at is not None
        return status.at, self._index[status.id]

    @cached_property
    def _index(self) -> Mapping[str, int]:
        return {status.id: index for index, status in enumerate(self.statuses)}

    @cached_property
    def _attempts(self) -> list[Attempt]:
        found: dict[tuple[int, str, int], dict[str, Status]] = {}
        for status in self.statuses:
            if status.kind == "job" and status.slot in ("entry", "start", "end") and status.status != "skipped":
                place = (status.round, str(status.name), status.attempt or 1)
                found.setdefault(place, {})[str(status.slot)] = status
        return [_attempt(place, slots) for place, slots in found.items()]

    @cached_property
    def _closed(self) -> set[int]:
        """The rounds that have ended."""
        return {status.round for status in self.statuses if status.kind == "phase" and status.status in ENDED}

    def _again(self, failed: Status) -> str:
        """When it is tried again, in words; nothing of what its round has left behind."""
        if failed.retry is None:
            return ""
        entry = slots.entry(failed.execution, failed.round, str(failed.name), failed.retry["attempt"])
        if failed.round in self._closed and entry not in self._index:
            return ""
        return f", again in {self._span(failed.at, failed.retry['at']):g} s"

    @staticmethod
    def _span(begin: datetime | None, end: datetime | None) -> float:
        assert begin is not None
        assert end is not None
        return (end - begin).total_seconds()

    def _story(self) -> Iterator[str]:
        document = self.document
        yield f"{document['stateMachine']}: {self.status} after {self.duration:g} s"
        for status in self.statuses:
            if status.kind == "job" and status.status == "started":
                continue
            of_none = status.execution if status.kind == "execution" else "choice of the first phase"
            name = status.name or status.phase or of_none
            number = f" ({status.attempt})" if (status.attempt or 1) > 1 else ""
            more = (status.reason or "" if status.error is None else in_words(status.error)) + self._again(status)
            after = self._span(document["startedAt"], status.at)
            yield f"{after:>10.3f} s  {status.kind:<9} {name}{number} {status.status} {more}".rstrip()


def _attempt(place: tuple[int, str, int], slots: Mapping[str, Status]) -> Attempt:
    number, name, attempt = place
    newest = next(slots[slot] for slot in ("end", "start", "entry") if slot in slots)
    entry, start, end = (slots.get(slot) for slot in ("entry", "start", "end"))
    begun = start is not None and start.status == "started"
    return Attempt(
        name=name,
        round=number,
        number=attempt,
        status=newest.status,
        input=None if entry is None else entry.input,
        output=newest.output,
        error=newest.error,
        seconds=Result._span(start.at, end.at) if begun and start is not None and end is not None else None,
    )
