"""When the watchdog should look at an execution, if nothing newer has happened to it until then.

A hint, and no part of the fold: it says when to look, never what is true. An execution in which something is pending
is looked at when the first of it is due; one in which nothing is pending has lost something, or is about to go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from phaseline_runtime.engine.rounds import overdue

GRACE = timedelta(seconds=30)
"""How long an execution in which nothing is pending may take to go on by itself."""


FIELDS = ("settled", "wakeAt")
"""The fields of an execution that are the watchdog's and no part of the fold."""


def watched(document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that put an execution on the watchdog's list."""
    return {"settled": False, "wakeAt": wake_at(document)}


def wake_at(document: Mapping[str, Any]) -> datetime:
    """When to look at this execution."""
    opened: Mapping[str, Any] = document["round"]
    jobs = opened["jobs"].values()
    dues: list[datetime] = [entry["due"] for entry in jobs if "due" in entry]
    if not jobs and "waiting" in opened:
        dues.append(opened["waiting"])
    if dues and document["endedAt"] is None:
        deadlines: list[datetime | None] = [
            None if "overdue" in opened else opened.get("due"),
            None if overdue(document) is not None else document["deadline"],
        ]
        return min([*dues, *(deadline for deadline in deadlines if deadline is not None)])
    return newest(document) + GRACE


def newest(document: Mapping[str, Any]) -> datetime:
    """When the newest happened that the document knows of."""
    opened: Mapping[str, Any] = document["round"]
    times: list[datetime | None] = [document["startedAt"], opened.get("startedAt"), document["endedAt"]]
    times += [entry["at"] for entry in opened["jobs"].values()]
    times += [found["at"] for found in (opened.get("end"), document.get("pause"), document.get("cancel")) if found]
    return max(time for time in times if time is not None)
