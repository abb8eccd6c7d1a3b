"""The fold: what a status changes in the execution document.

The fold is a join. Each part of the document is a register that keeps the newest of what it was given, so that order
and duplicates do not matter: the open round (by its number), a job in it (by attempt, slot and number), a name's
result or error (by round and attempt), a phase's visits, the end (by its round), pauses (by their number), a request
to cancel (by its life). `store` renders the same registers as one atomic update; a test holds the two against each
other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from phaseline_runtime.definition import COMPENSATION
from phaseline_runtime.statuses import ENDED, Status

SLOTS = ("wait", "entry", "redelivery", "start", "heartbeat", "end")
"""The slots of an attempt in the order in which they are decided."""

_SHOWN = {"heartbeat": "started"}
"""What the open round keeps as a job's status, where that is not the status itself."""


def new_execution(started: Status) -> dict[str, Any]:
    """The execution document that `execution started` gives, before anything else has happened."""
    return {
        "_id": started.execution,
        "stateMachine": started.state_machine,
        "definition": started.definition,
        "definedIn": 0,
        "deadline": started.deadline,
        "status": "running",
        "currentPhase": None,
        "round": {"number": 0, "jobs": {}},
        "input": started.input,
        "results": {},
        "errors": {},
        "latest": {},
        "visits": {},
        "startedAt": started.at,
        "lastAt": started.at,
        "startedBy": started.started_by,
        "endedAt": None,
        "error": None,
    }


def fold(document: Mapping[str, Any], statuses: Iterable[Status]) -> dict[str, Any]:
    """The document after these statuses, in whatever order they come; the given one is not changed."""
    folded: dict[str, Any] = _copied(document, _DEPTH)
    for status in statuses:
        _fold_one(folded, status)
    return folded


_DEPTH = 3
"""How deep a fold changes a document in place: `round.jobs` and `latest.<name>`; what lies deeper is replaced whole."""


def _copied(value: Any, depth: int) -> Any:
    if depth == 0 or not isinstance(value, Mapping):
        return value
    return {key: _copied(item, depth - 1) for key, item in value.items()}


def changes(status: Status) -> bool:
    """Whether a status can change a document at all.

    The one that has made it cannot, and a late finish comes too late. What somebody else has put into `statuses`, with
    a slot or a status that the engine knows nothing of, means nothing.
    """
    if status.kind == "job":
        return status.slot in SLOTS
    return status.status in ENDED or status.status in (NUMBERED if status.kind == "execution" else _OF_ROUNDS)


def of_begun_rounds(document: Mapping[str, Any], statuses: Sequence[Status]) -> list[Status]:
    """Those of rounds that have begun: up to the open one, and of a later one if its start is among them.

    Nothing of a round is recorded before its start. What is there without one, somebody else has put into `statuses`,
    and an execution that took it for its open round would wait for that start for ever.
    """
    opened = document["round"]["number"]
    begun = {status.round for status in statuses if status.kind == "phase" and status.status == "started"}
    return [s for s in statuses if s.kind == "execution" or s.round <= opened or s.round in begun]


def job_entry(status: Status) -> dict[str, Any]:
    """What the open round keeps of a job's newest status."""
    kept: dict[str, Any] = {
        "attempt": status.attempt or 1,
        "slot": status.slot,
        "number": status.number or 0,
        "status": _SHOWN.get(status.status, status.status),
        "at": status.at,
    }
    if status.error is not None:
        kept["error"] = status.error.get("type")
    for key, value in (
        ("reason", status.reason),
        ("retry", None if status.retry is None else dict(status.retry)),
        ("due", status.due),
        ("startBy", status.start_by),
        ("used", list(status.used) or None),
    ):
        if value is not None:
            kept[key] = value
    return kept


def job_order(attempt: int, slot: str, number: int) -> list[int]:
    """What makes one status of a job in a round newer than another."""
    return [attempt, SLOTS.index(slot), number]


def error_entry(error: Mapping[str, Any]) -> dict[str, Any]:
    """What `errors.<name>` keeps of an error: its type and message; the traceback stays in the status."""
    return {key: error[key] for key in ("type", "message") if key in error}


def end_entry(status: Status) -> dict[str, Any]:
    """What the document keeps of the execution's end."""
    kept: dict[str, Any] = {"round": status.round, "status": status.status, "at": status.at}
    if status.error is not None:
        kept["error"] = dict(status.error)
    return kept


def round_end_entry(status: Status) -> dict[str, Any]:
    """What the open round keeps of its own end: the decision that everything after derives from."""
    kept: dict[str, Any] = {"status": status.status, "at": status.at, "next": dict(status.next or {})}
    if status.error is not None:
        kept["error"] = dict(status.error)
    return kept


def numbered_entry(status: Status) -> dict[str, Any]:
    """What the document keeps of a pause, a resume, a request to cancel or a missed deadline."""
    kept = {"number": status.number, "at": status.at}
    return kept if status.compensate is None else {**kept, "compensate": status.compensate}


NUMBERED = {"paused": "pause", "resumed": "pause", "cancel_requested": "cancel", "overdue": "overdue"}
"""Statuses of an execution that are numbered, and the field in which the newest is kept."""


def round_start_values(status: Status) -> dict[str, Any]:
    """What the open round keeps of its start."""
    values: dict[str, Any] = {"visit": status.visit, "startedAt": status.at}
    more = {"due": status.due, "compensates": status.compensates, "outcome": status.outcome}
    return values | {key: value for key, value in more.items() if value is not None}


MARKS: Mapping[str, Callable[[Status], tuple[str, Any]]] = {
    "overdue": lambda status: ("overdue", status.at),
    "waiting": lambda status: ("waiting", status.due),
}
"""Statuses of a round that are neither its start nor its end, and what the open round keeps of each."""

_OF_ROUNDS = ("started", *MARKS)
"""Statuses of a round besides its end."""


def redriven_values(status: Status) -> dict[str, Any]:
    """What a redriven round's start sets anew for the whole execution."""
    return {"definition": status.definition, "input": status.input, "deadline": status.deadline}


def sets_result(status: Status) -> bool:
    """Whether this is the end of an attempt that decides `results` and `errors` of its name.

    A compensation is not: what it says stands in its status, so that a document does not grow with what was undone.
    """
    ended = status.kind == "job" and status.slot != "late" and status.status in ("success", "failed")
    return ended and status.phase != COMPENSATION


def ends_round(status: Status) -> bool:
    """Whether this is the end of a round that has jobs: round 0 has none."""
    return status.kind == "phase" and status.round > 0 and status.status in ENDED


def holds(document: Mapping[str, Any], status: Status) -> bool:
    """Whether a document has a status of its execution already: folding it would change nothing.

    It compares the orders of the registers alone, so that a notice of the status suffices: an event has no output.
    """
    if not changes(status):
        return True
    if status.kind == "execution":
        field = NUMBERED.get(status.status)
        if field is None:
            return bool(document.get("end", {}).get("round", -1) >= status.round)
        return bool(document.get(field, {}).get("number", -1) >= (status.number or 0))
    opened = document["round"]
    if opened["number"] < status.round:
        return False
    here = opened["number"] == status.round
    if status.kind == "phase":
        return _holds_phase(document, status, opened if here else None)
    if sets_result(status) and not _holds_result(document, status):
        return False
    if not here:
        return True
    kept = opened["jobs"].get(status.name)
    order = job_order(status.attempt or 1, str(status.slot), status.number or 0)
    return kept is not None and job_order(kept["attempt"], kept["slot"], kept["number"]) >= order


def _holds_phase(document: Mapping[str, Any], status: Status, opened: Mapping[str, Any] | None) -> bool:
    if status.status == "started":
        counted = document["visits"].get(status.phase, 0) >= (status.visit or 0)
        known = status.definition is None or document["definedIn"] >= status.round
        return counted and known and (opened is None or "visit" in opened)
    field = MARKS[status.status](status)[0] if status.status in MARKS else "end"
    return opened is None or field in opened


def _holds_result(document: Mapping[str, Any], status: Status) -> bool:
    latest = document["latest"].get(status.name, {})
    order = [status.round, status.attempt or 1]
    kept = latest.get("end", [])
    return bool(kept >= order and (status.status == "failed" or latest.get("success", []) >= order))


def _fold_one(document: dict[str, Any], status: Status) -> None:
    if not changes(status):
        return
    if status.at is not None:
        document["lastAt"] = max(document["lastAt"], status.at)
    if status.kind == "execution":
        _fold_execution(document, status)
        return
    if status.round > document["round"]["number"]:
        document["round"] = {"number": status.round, "phase": status.phase, "jobs": {}}
        document["currentPhase"] = status.phase
    if status.kind == "phase":
        _fold_phase(document, status)
    else:
        _fold_job(document, status)
    _derive(document)


def _fold_execution(document: dict[str, Any], status: Status) -> None:
    field = NUMBERED.get(status.status)
    if field is None:
        if status.round > document.get("end", {}).get("round", -1):
            document["end"] = end_entry(status)
    elif (status.number or 0) > document.get(field, {}).get("number", -1):
        document[field] = numbered_entry(status)
    _derive(document)


def _fold_phase(document: dict[str, Any], status: Status) -> None:
    here = status.round == document["round"]["number"]
    if status.status == "started":
        visits = document["visits"]
        phase, visit = str(status.phase), status.visit or 0
        visits[phase] = max(visits.get(phase, 0), visit)
        if here:
            document["round"] |= round_start_values(status)
            document["round"]["jobs"] = {**(status.carried or {}), **document["round"]["jobs"]}
        if status.definition is not None and status.round > document["definedIn"]:
            document |= {"definedIn": status.round, **redriven_values(status)}
    elif status.status in MARKS:
        if here:
            field, value = MARKS[status.status](status)
            document["round"][field] = value
    elif here:
        document["round"]["end"] = round_end_entry(status)


def _fold_job(document: dict[str, Any], status: Status) -> None:
    name = str(status.name)
    if status.round == document["round"]["number"]:
        jobs = document["round"]["jobs"]
        kept = jobs.get(name)
        order = job_order(status.attempt or 1, str(status.slot), status.number or 0)
        if kept is None or order > job_order(kept["attempt"], kept["slot"], kept["number"]):
            jobs[name] = job_entry(status)
    if sets_result(status):
        _fold_result(document, status, [status.round, status.attempt or 1])


def _fold_result(document: dict[str, Any], status: Status, order: list[int]) -> None:
    """Success sets the result and unsets the error; failure sets the error. Of each, the newest wins."""
    name = str(status.name)
    latest = document["latest"].setdefault(name, {})
    if status.status == "success" and order > latest.get("success", []):
        latest["success"] = order
        document["results"][name] = status.output
    if order > latest.get("end", []):
        latest["end"] = order
        if status.status == "success":
            document["errors"].pop(name, None)
        else:
            document["errors"][name] = error_entry(status.error or {})


def _derive(document: dict[str, Any]) -> None:
    """Set what follows from the open round, the end and the pauses alone."""
    end = document.get("end")
    if end is not None and end["round"] >= document["round"]["number"]:
        document["status"] = end["status"]
        document["endedAt"] = end["at"]
        document["error"] = end.get("error")
    else:
        paused = document.get("pause", {}).get("number", 0) % 2 == 1
        document["status"] = "paused" if paused else "running"
        document["endedAt"] = None
        document["error"] = None
