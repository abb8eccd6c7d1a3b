"""The event in which a status travels: Atlas's envelope, on its partner bus and on the relay's bus alike.

An event is a notice. What a Lambda does depends on the status in MongoDB, never on what an event claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phaseline_runtime.statuses import Status

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
