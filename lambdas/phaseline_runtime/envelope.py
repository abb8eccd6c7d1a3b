"""The event in which a status travels: Atlas's envelope, on its partner bus and on the relay's bus alike.

An event is a notice. What a Lambda does depends on the status in MongoDB, never on what an event claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phaseline_runtime.statuses import Status

NOT_IN_EVENTS = ("output", "error", "largeInput", "token", "progress")
"""Fields of a status that no event carries: they can be large, or are nobody's business."""


def notice(event: Mapping[str, Any]) -> Status:
    """The status as the event tells of it, without what no event carries. Raises ValueError for something else."""
    identifier = status_id(event)
    try:
        return Status.from_document(event["detail"]["fullDocument"])
    except TypeError as error:
        raise ValueError(f"the event of {identifier} lacks keys of a status: {error}") from error


def status_id(event: Mapping[str, Any]) -> str:
    """The `_id` of the status that an event tells of. Raises ValueError for something else."""
    try:
        found = event["detail"]["fullDocument"]["_id"]
    except (KeyError, TypeError):
        found = None
    if not isinstance(found, str):
        raise ValueError("not an event of a status: detail.fullDocument._id is missing or not a string")
    return found
