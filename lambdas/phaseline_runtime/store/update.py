"""Renders the fold of statuses as one atomic update: the same registers as `engine.fold`, as a pipeline.

Every value from a status goes in as `$literal`: data is never read as an operator.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from phaseline_runtime.engine.fold import (
    MARKS,
    NUMBERED,
    SLOTS,
    changes,
    end_entry,
    error_entry,
    job_entry,
    job_order,
    numbered_entry,
    redriven_values,
    round_end_entry,
    round_start_values,
    sets_result,
)
from phaseline_runtime.engine.wake import GRACE
from phaseline_runtime.statuses import Status

Stage = dict[str, Any]


def update(statuses: Iterable[Status]) -> list[Stage]:
    """The update pipeline that folds these statuses. An empty list where none of them changes anything."""
    folded = [status for status in statuses if changes(status)]
    if not folded:
        return []
    stages = [stage for status in folded for stage in _stages(status)]
    return [*stages, _derived(max(status.at for status in folded if status.at is not None)), _WAKE]


def _stages(status: Status) -> list[Stage]:
    if status.kind == "execution":
        return [_numbered(status) if status.status in NUMBERED else _end(status)]
    opening = [] if status.round == 0 else [_opening(status)]
    return [*opening, _of_phase(status) if status.kind == "phase" else _of_job(status)]


def _set(values: dict[str, Any]) -> Stage:
    return {"$set": values}


def _if(condition: Any, then: Any, otherwise: Any) -> Stage:
    return {"$cond": [condition, then, otherwise]}


def _literal(value: Any) -> Stage:
    return {"$literal": value}


def _opening(status: Status) -> Stage:
    newer = {"$lt": ["$round.number", status.round]}
    opened: dict[str, Any] = {"number": status.round, "phase": status.phase, "jobs": {}}
    return _set(
        {
            "round": _if(newer, _literal(opened), "$round"),
            "currentPhase": _if(newer, _literal(status.phase), "$currentPhase"),
        }
    )


def _here(status: Status) -> Stage:
    return {"$eq": ["$round.number", status.round]}


def _of_phase(status: Status) -> Stage:
    here = _here(status)
    if status.status == "started":
        return _start_of_round(status, here)
    if status.status in MARKS:
        field, value = MARKS[status.status](status)
        return _set({f"round.{field}": _if(here, _literal(value), f"$round.{field}")})
    return _set({"round.end": _if(here, _literal(round_end_entry(status)), "$round.end")})


def _start_of_round(status: Status, here: Stage) -> Stage:
    visits = f"visits.{status.phase}"
    values: dict[str, Any] = {visits: {"$max": [f"${visits}", status.visit]}}
    for key, value in round_start_values(status).items():
        values[f"round.{key}"] = _if(here, _literal(value), f"$round.{key}")
    if status.carried:
        carried = {"$mergeObjects": [_literal(dict(status.carried)), "$round.jobs"]}
        values["round.jobs"] = _if(here, carried, "$round.jobs")
    if status.definition is not None:
        newer = {"$lt": ["$definedIn", status.round]}
        for key, value in {"definedIn": status.round, **redriven_values(status)}.items():
            values[key] = _if(newer, _literal(value), f"${key}")
    return _set(values)


def _of_job(status: Status) -> Stage:
    attempt = status.attempt or 1
    path = f"round.jobs.{status.name}"
    kept = [
        {"$ifNull": [f"${path}.attempt", -1]},
        {"$indexOfArray": [list(SLOTS), {"$ifNull": [f"${path}.slot", ""]}]},
        {"$ifNull": [f"${path}.number", 0]},
    ]
    order = job_order(attempt, str(status.slot), status.number or 0)
    newer = {"$and": [_here(status), {"$gt": [order, kept]}]}
    values = {path: _if(newer, _literal(job_entry(status)), f"${path}")}
    if sets_result(status):
        values |= _result(status, attempt)
    return _set(values)


def _result(status: Status, attempt: int) -> dict[str, Any]:
    latest, result, error = (f"{field}.{status.name}" for field in ("latest", "results", "errors"))
    order = _literal([status.round, attempt])

    def newest(kept: str, path: str, value: Any) -> Stage:
        newer = {"$gt": [order, {"$ifNull": [f"${latest}.{kept}", _literal([])]}]}
        return _if(newer, value, f"${path}")

    values = {f"{latest}.end": newest("end", f"{latest}.end", order)}
    if status.status == "success":
        values[f"{latest}.success"] = newest("success", f"{latest}.success", order)
        values[result] = newest("success", result, _literal(status.output))
        values[error] = newest("end", error, "$$REMOVE")
    else:
        values[error] = newest("end", error, _literal(error_entry(status.error or {})))
    return values


def _end(status: Status) -> Stage:
    newer = {"$gt": [status.round, {"$ifNull": ["$end.round", -1]}]}
    return _set({"end": _if(newer, _literal(end_entry(status)), "$end")})


def _numbered(status: Status) -> Stage:
    field = NUMBERED[status.status]
    newer = {"$gt": [status.number, {"$ifNull": [f"${field}.number", -1]}]}
    return _set({field: _if(newer, _literal(numbered_entry(status)), f"${field}")})


_ENDED = {"$gte": [{"$ifNull": ["$end.round", -1]}, "$round.number"]}
_PAUSED = {"$eq": [{"$mod": [{"$ifNull": ["$pause.number", 0]}, 2]}, 1]}


def _derived(last: datetime) -> Stage:
    return _set(
        {
            "status": _if(_ENDED, "$end.status", _if(_PAUSED, "paused", "running")),
            "endedAt": _if(_ENDED, "$end.at", None),
            "error": _if(_ENDED, {"$ifNull": ["$end.error", None]}, None),
            "lastAt": {"$max": ["$lastAt", _literal(last)]},
        }
    )


def _of_this_life(field: str) -> Stage:
    return {"$eq": [{"$ifNull": [f"${field}.number", -1]}, {"$add": [{"$ifNull": ["$end.round", -1]}, 1]}]}


def _there(path: str) -> Stage:
    return {"$ne": [{"$type": f"${path}"}, "missing"]}


# The same as engine.wake.
_STOPPED = {
    "$and": [
        {"$eq": ["$status", "paused"]},
        {"$not": [_of_this_life("cancel")]},
        {"$not": [_of_this_life("overdue")]},
    ]
}
_RUNNING = {"$eq": ["$$job.v.status", "started"]}
_DUES = {
    "$map": {
        "input": {"$objectToArray": "$round.jobs"},
        "as": "job",
        "in": _if({"$or": [{"$not": ["$$stopped"]}, _RUNNING]}, "$$job.v.due", None),
    }
}
_WAITS = _if(
    {"$and": [{"$not": ["$$stopped"]}, {"$eq": ["$round.jobs", {}]}]}, {"$ifNull": ["$round.waiting", None]}, None
)
_PENDING = {"$ifNull": [{"$min": [{"$min": _DUES}, _WAITS]}, None]}
_ENDS = {
    "$min": [
        _if({"$or": [_there("round.overdue"), _there("round.end")]}, None, "$round.due"),
        _if(_of_this_life("overdue"), None, "$deadline"),
    ]
}
_LOST = {"$add": ["$lastAt", int(GRACE.total_seconds() * 1000)]}
_DUE = _if(
    {"$or": ["$$stopped", {"$ne": ["$$pending", None]}]},
    {"$ifNull": [{"$min": ["$$pending", _ENDS]}, None]},
    _LOST,
)
_OPEN = {"$let": {"vars": {"stopped": _STOPPED}, "in": {"$let": {"vars": {"pending": _PENDING}, "in": _DUE}}}}
_WAKE = _set({"wakeAt": _if({"$ne": ["$endedAt", None]}, _LOST, _OPEN)})
