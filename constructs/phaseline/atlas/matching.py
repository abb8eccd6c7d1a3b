"""What the `match` of a trigger keeps from the bus. Only the shape that a stack makes can be judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phaseline_runtime.bundled.listening import NEEDED

_NEEDED = frozenset(f"{kind}.{status}" for part in NEEDED for kind, statuses in part.items() for status in statuses)
"""The statuses that jobs and bundled Lambdas need, as `kind.status`."""


def dropped(match: Mapping[str, Any]) -> list[str] | None:
    """The needed statuses that it leaves out; None where it has another shape than a stack's, and may drop any."""
    if not match:
        return []
    let_through: set[str] = set()
    alternatives = match["$or"] if list(match) == ["$or"] else [match]
    for alternative in alternatives if isinstance(alternatives, list) else [None]:
        if not isinstance(alternative, Mapping):
            return None
        rest = dict(alternative)
        kind, statuses = rest.pop("fullDocument.kind", None), rest.pop("fullDocument.status", None)
        of_kind = {each for each in _NEEDED if each.startswith(f"{kind}.")}
        if rest or not isinstance(kind, str):
            return None
        if statuses is None:
            let_through |= of_kind
        elif isinstance(statuses, Mapping) and list(statuses) == ["$in"] and isinstance(statuses["$in"], list):
            let_through |= of_kind & {f"{kind}.{status}" for status in statuses["$in"]}
        else:
            return None
    return sorted(_NEEDED - let_through)
