"""The event in which a status travels: Atlas's envelope, on its partner bus and on the relay's bus alike.

An event is a notice. What a Lambda does depends on the status in MongoDB, never on what an event claims.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from phaseline_runtime.engine.fold import SLOTS
from phaseline_runtime.statuses import KINDS, Status

IN_EVENTS = (
    "_id",
    "kind",
    "execution",
    "stateMachine",
    "status",
    "at",
    "phase",
    "round",
    "visit",
    "name",
    "job",
    "attempt",
    "slot",
    "number",
    "definition",
    "input",
    "cause",
)
"""The fields of a status that an event carries: what rules match, and what tells one status from another.

Each is bounded (an `input` above 8 KB is stored as `largeInput`), so that no event comes near the size at which Atlas
suspends a trigger. Whoever needs more reads the status.
"""

PROJECTION: Mapping[str, int] = dict.fromkeys(
    ("operationType", "ns", "clusterTime", "documentKey", *(f"fullDocument.{field}" for field in IN_EVENTS)), 1
)
"""What is kept of a change event, as MongoDB's `$project`: for the trigger of Atlas and for the relay, the same.

Atlas asks that it be inclusive and keep `operationType` and `ns` (Atlas Triggers, "Project Expression"). `_id`, the
resume token, is kept by every inclusive projection.
"""


_NEEDED = ("_id", "kind", "execution", "stateMachine", "status")
_OF_JOB = (*_NEEDED, "name", "slot")
_TEXTS = (*_OF_JOB, "phase", "job", "definition", "cause")
_NUMBERS = ("round", "visit", "attempt", "number")
_ALLOWED = {"kind": KINDS, "slot": (*SLOTS, "late")}


def notice(event: Mapping[str, Any]) -> Status:
    """The status as the event tells of it: what tells it from others, without its time, its input and its `due`.

    Whoever may put events on the bus may have made it up, and Atlas may write its numbers as extended JSON. Raises
    ValueError for what is no event of a status.
    """
    told = _told(event)
    needed = _OF_JOB if told.get("kind") == "job" else _NEEDED
    found: dict[str, Any] = {key: _text(key, told) for key in (*needed, *_TEXTS) if key in needed or _has(told, key)}
    for key, allowed in _ALLOWED.items():
        if key in found and found[key] not in allowed:
            raise _wrong(key, f"is none of {', '.join(allowed)}")
    return Status.from_document(found | {key: _number(key, told[key]) for key in _NUMBERS if _has(told, key)})


def status_id(event: Mapping[str, Any]) -> str:
    """The `_id` of the status that an event tells of. Raises ValueError for something else."""
    return _text("_id", _told(event))


def reached(event: Mapping[str, Any], status: Status) -> bool:
    """Whether whoever has got this event is who gets the status that it tells of, by the fields that all rules match.

    An event that somebody has made up may have reached others: that those have failed says nothing of the status.
    """
    told = _told(event)
    return all(told.get(key) == getattr(status, key) for key in ("kind", "status", "job"))


def _told(event: Any) -> Mapping[str, Any]:
    """What an event says of its status."""
    found, place = event, "the event"
    for key in ("detail", "fullDocument"):
        if not isinstance(found, Mapping):
            break
        place = key if place == "the event" else f"{place}.{key}"
        if key not in found:
            raise ValueError(f"{_NONE}: {place} is missing")
        found = found[key]
    if not isinstance(found, Mapping):
        raise ValueError(f"{_NONE}: {place} has to be an object, and is {json_kind(found)}")
    return found


def _has(told: Mapping[str, Any], key: str) -> bool:
    return told.get(key) is not None


def _text(key: str, told: Mapping[str, Any]) -> str:
    if key not in told:
        raise _wrong(key, "is missing")
    value = told[key]
    if not isinstance(value, str):
        raise _wrong(key, f"has to be a text, and is {json_kind(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _wrong(key, "is no text that UTF-8 has") from None
    return value


def _number(key: str, value: Any) -> int:
    match value:
        case int() if not isinstance(value, bool):
            return value
        case {"$numberInt": str(digits)} | {"$numberLong": str(digits)} if re.fullmatch(r"-?[0-9]{1,19}", digits):
            return int(digits)
    raise _wrong(key, f"has to be a whole number, and is {json_kind(value)}")


_NONE = "not an event of a status"


def _wrong(key: str, what: str) -> ValueError:
    return ValueError(f"{_NONE}: detail.fullDocument.{key} {what}")


def json_kind(value: Any) -> str:
    """What a value is in JSON; never the value itself, which may be long, or not for everyone's eyes."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case Mapping():
            return "an object"
    return "a list"
