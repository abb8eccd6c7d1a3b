"""When the watchdog should look at an execution, if nothing newer has happened to it until then.

A hint, and no part of the fold: it says when to look, never what is true. An execution in which something is pending
is looked at when the first of it is due; one in which nothing is pending has lost something, or is about to go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from phaseline_runtime.engine.rounds import overdue, paused

GRACE = timedelta(seconds=30)
"""How long an execution in which nothing is pending may take to go on by itself."""


FIELDS = ("settled", "wakeAt", "lastAt")
"""The fields of an execution that are the watchdog's: hints, which no decision and no rebuild depends on."""


def watched(document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that put an execution on the watchdog's list."""
    return {"settled": False, "wakeAt": wake_at(document)}


def wake_at(document: Mapping[str, Any]) -> datetime | None:
    """When to look at this execution. None for a paused one in which nothing runs and no deadline is to come."""
    if _idle(document):
        return _patience(document)
    opened: Mapping[str, Any] = document["round"]
    deadlines: list[datetime | None] = [
        None if "overdue" in opened or "end" in opened else opened.get("due"),
        None if overdue(document) is not None else document["deadline"],
    ]
    ends = [deadline for deadline in deadlines if deadline is not None]
    return min([*_dues(document), *ends], default=None)


def stands_still(document: Mapping[str, Any], time: datetime) -> bool:
    """Whether nothing is pending in an execution, and it has not gone on by itself: then something was lost."""
    return _idle(document) and _patience(document) <= time


def _idle(document: Mapping[str, Any]) -> bool:
    """Whether nothing is pending: it has ended, or goes on by itself."""
    return document["endedAt"] is not None or not (_dues(document) or paused(document))


def _patience(document: Mapping[str, Any]) -> datetime:
    """Until when an execution in which nothing is pending may go on by itself."""
    last: datetime = document["lastAt"]
    return last + GRACE


def _dues(document: Mapping[str, Any]) -> list[datetime]:
    """When what is pending in an open execution is due, deadlines apart."""
    opened: Mapping[str, Any] = document["round"]
    stopped = paused(document)
    pending: list[datetime | None] = [
        entry.get("due") for entry in opened["jobs"].values() if entry["status"] == "started" or not stopped
    ]
    if not opened["jobs"] and not stopped:
        pending.append(opened.get("waiting"))
    return [due for due in pending if due is not None]
