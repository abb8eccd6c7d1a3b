"""The status: one immutable document in `statuses`, and how it looks there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cache
from typing import Any

KINDS = ("job", "phase", "execution")

ENDED = ("success", "failed", "cancelled")
"""The statuses with which an execution or a round is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Something happened to a job, a phase or an execution.

    `id` is the slot (see `slots`); `cause` the id of the status that led to it. `at` is None until the store stamps it.
    """

    id: str
    kind: str
    execution: str
    state_machine: str
    status: str
    at: datetime | None = None
    round: int = 0
    phase: str | None = None
    name: str | None = None
    job: str | None = None
    attempt: int | None = None
    slot: str | None = None
    """Of a job's status: the slot it has won, `wait`, `entry`, `redelivery`, `start`, `heartbeat`, `end`, `late`."""
    reason: str | None = None
    """Why a job was skipped or cancelled; how an attempt ended that was late, `success`, `failed`, or `rolled_back`
    where its transaction was; why a person paused, cancelled or redrove an execution."""
    number: int | None = None
    """Of a redelivery, a pause or a resume: its number. Of a request to cancel and of `overdue`: the life."""
    input: Any = None
    output: Any = None
    error: Mapping[str, Any] | None = None
    retry: Mapping[str, Any] | None = None
    """Of a failure that is tried again: `{attempt, at, used}`, the next attempt, when, and the retries used then."""
    used: tuple[int, ...] = ()
    """Of `triggered`: how many retries each policy of its use has given before."""
    due: datetime | None = None
    """When to look again if nothing newer has happened: a redelivery, a timeout, a retry, a round's deadline."""
    deadline: datetime | None = None
    """Of an execution's start, and of a redriven round's: when the execution fails if it has not ended."""
    start_by: datetime | None = None
    """Of `triggered`: when the attempt is given up if nobody has started it."""
    progress: Any = None
    """Of a heartbeat: what the handler said of how far it is."""
    visit: int | None = None
    """Of a round's start: how many times its phase has been visited, this visit counted."""
    next: Mapping[str, Any] | None = None
    """Of a round's end: `{phase}` or `{end, error?}`, what comes next."""
    passed_over: tuple[str, ...] = ()
    """Of a round's end: the phases whose `when` was false on the way to what comes next."""
    carried: Mapping[str, Any] | None = None
    """Of a redriven round's start: the jobs whose outcome it keeps, as the open round has them."""
    compensates: Sequence[Mapping[str, Any]] | None = None
    """Of the start of a round of compensation: what it undoes, in which order."""
    outcome: Mapping[str, Any] | None = None
    """Of the start of a round of compensation: `{status, error?}`, how the execution ends after it."""
    compensate: bool | None = None
    """Of a request to cancel: whether what was done is to be undone."""
    definition: str | None = None
    started_by: str | None = None
    token: str | None = None
    """Of a claim: random, so that a runner knows its own claim again."""
    request: str | None = None
    """Of a claim: Lambda's request id, by which a crash is told from that of a duplicate."""
    trace: str | None = None
    """The id of the X-Ray trace of the Lambda invocation that has inserted it; none where no Lambda has."""
    by: str | None = None
    """Who asked for it."""
    asked: str | None = None
    """Of the start of a round that somebody has asked for: `redrive` or `rerun`."""
    cause: str | None = None

    @property
    def place(self) -> tuple[str, int, str, int]:
        """Of a job's status: execution, round, name and attempt, which the slots of the attempt are made of."""
        return self.execution, self.round, str(self.name), self.attempt or 1

    def to_document(self) -> dict[str, Any]:
        """The document to insert; what does not apply is left out."""
        document: dict[str, Any] = {}
        for name, key in _stored():
            value = getattr(self, name)
            if value is None or value == ():
                continue
            document[key] = list(value) if isinstance(value, tuple) else value
        return document

    def of_attempt(self, **values: Any) -> Status:
        """Another status of the attempt that this `triggered` began: without what belongs to `triggered` alone."""
        nothing = dict.fromkeys(("input", "definition", "start_by", "due", "number", "trace"))
        return replace(self, **{**nothing, "used": (), **values})

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Status:
        """Read a document of `statuses`; keys that are not known here are ignored."""
        values = {name: document[key] for name, key in _stored() if key in document}
        for name in _TUPLES:
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)


_KEYS = {
    "id": "_id",
    "state_machine": "stateMachine",
    "passed_over": "passedOver",
    "started_by": "startedBy",
    "start_by": "startBy",
}
_TUPLES = ("passed_over", "used")


@cache
def _stored() -> tuple[tuple[str, str], ...]:
    """The fields of a status, each with its key in a document."""
    return tuple((field.name, _KEYS.get(field.name, field.name)) for field in fields(Status))
