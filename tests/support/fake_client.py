"""A client in memory, for what the command line says and does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from phaseline_runtime.client import Execution
from phaseline_runtime.definition import Definition
from phaseline_runtime.errors import RequestRefused, UnknownExecution, UnknownMachine
from phaseline_runtime.statuses import Status

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)


def statuses_of(execution: str, end: str = "success") -> list[Status]:
    common: dict[str, Any] = {"execution": execution, "state_machine": "m"}
    return [
        Status(id=f"{execution}/started", kind="execution", status="started", at=T0, input={}, **common),
        Status(id=f"{execution}/1/start", kind="phase", status="started", at=T0, round=1, phase="p", visit=1, **common),
        Status(
            id=f"{execution}/end/1",
            kind="execution",
            status=end,
            at=T0 + timedelta(seconds=2),
            round=1,
            error={"type": "E", "message": "broken"} if end == "failed" else None,
            **common,
        ),
    ]


class FakeClient:
    """Knows the executions `good` and `bad`, both ended; remembers what was started, asked and done."""

    def __init__(self) -> None:
        self.started: list[tuple[str, Any, str | None]] = []
        self.definitions: list[Definition | None] = []
        self.done: list[tuple[str, str, dict[str, Any]]] = []
        self.refused: set[str] = set()
        self.many = 2
        self.query: Mapping[str, Any] = {}
        self.differences: list[tuple[str, Any, Any]] = []
        self.written: list[str] = []
        """What was rebuilt and written."""
        self.broken: Exception | None = None
        self.left: list[str] = []
        """What a migration had to leave as it is."""
        self.then = "running"
        """The status of what was operated on, when it is looked at."""
        self.settled = True
        self.changed = True
        """Whether it is changed by that."""

    def start(
        self,
        machine: str,
        input: Any = None,
        *,
        id: str | None = None,
        started_by: str | None = None,
        definition: Definition | None = None,
    ) -> Execution:
        if self.broken is not None:
            raise self.broken
        if machine == "nope":
            raise UnknownMachine("state machine 'nope' is not deployed here; deployed are: m")
        self.started.append((machine, input, id))
        self.definitions.append(definition)
        return Execution(self._document(id or "good"), created=id != "again")

    def get(self, id: str) -> Execution | None:
        if self.broken is not None:
            raise self.broken
        return Execution(self._document(id)) if id in ("good", "bad") else None

    def find(self, query: Mapping[str, Any], *, limit: int = 100) -> Iterator[Execution]:
        self.query = query
        for number in range(self.many):
            yield Execution(self._document("bad" if number % 2 else "good"))

    def statuses(self, id: str) -> list[Status]:
        if self.broken is not None:
            raise self.broken
        return statuses_of(id, "failed" if id == "bad" else "success") if id in ("good", "bad") else []

    def watch(self, id: str) -> Iterator[tuple[Execution, list[Status]]]:
        if self.broken is not None:
            raise self.broken
        yield Execution(self._document(id)), self.statuses(id)

    def migrate(self) -> list[str]:
        return self.left

    def rebuild(self, id: str, *, write: bool = False) -> list[tuple[str, Any, Any]]:
        if write:
            self.written.append(id)
        return self.differences

    def cancel(self, id: str, **given: Any) -> Execution:
        return self._operate("cancel", id, given)

    def pause(self, id: str, **given: Any) -> Execution:
        return self._operate("pause", id, given)

    def resume(self, id: str, **given: Any) -> Execution:
        return self._operate("resume", id, given)

    def redrive(self, id: str, **given: Any) -> Execution:
        return self._operate("redrive", id, given)

    def rerun(self, id: str, start: str, **given: Any) -> Execution:
        return self._operate("rerun", id, {"start": start, **given})

    def _unknown(self, id: str) -> UnknownExecution:
        return UnknownExecution(f"there is no execution {id!r} in database 'db'")

    def _operate(self, what: str, id: str, given: dict[str, Any]) -> Execution:
        if self.broken is not None:
            raise self.broken
        if self.get(id) is None:
            raise self._unknown(id)
        if id in self.refused:
            raise RequestRefused(f"execution {id} has ended (success) and cannot be touched")
        self.done.append((what, id, given))
        return Execution({**self._document(id), "status": self.then}, changed=self.changed)

    def _document(self, id: str) -> dict[str, Any]:
        status = "failed" if id == "bad" else "success"
        more = {"startedAt": T0, "endedAt": T0, "input": {"at": T0}, "settled": self.settled}
        return {"_id": id, "stateMachine": "m", "status": status, **more}
