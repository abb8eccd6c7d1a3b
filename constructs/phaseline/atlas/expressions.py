"""The `match` and the `project` of a trigger, which an API may tell as objects or as JSON texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bson import json_util

from phaseline.atlas.answers import Answer

Expression = Mapping[str, Any]


def expression(config: Answer, key: str) -> Expression | None:
    """The expression of this name; None for a text that is no JSON, or none of an object.

    Numbers and dates may be as extended JSON has them. Raises AtlasUnavailable for neither an object nor a text.
    """
    given = config.value.get(key)
    if given is None or given == "":
        return {}
    if not isinstance(given, str | Mapping):
        raise config.unlike(key, "has to be an object, or one as a JSON text")
    try:
        found = json_util.loads(given if isinstance(given, str) else json.dumps(given))
    # What looks like extended JSON and is none fails in as many ways as there are types of BSON.
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None
    if found is None:
        return {}
    return found if isinstance(found, Mapping) else None


def flat(projection: Expression, prefix: str = "") -> dict[str, Any]:
    """A projection with its paths in full: `{a: {b: 1}}` is `{"a.b": 1}`."""
    made: dict[str, Any] = {}
    for key, wanted in projection.items():
        path = f"{prefix}{key}"
        nested = isinstance(wanted, Mapping) and not any(str(each).startswith("$") for each in wanted)
        made |= flat(wanted, f"{path}.") if nested and wanted else {path: wanted}
    return made


def names(match: Expression, path: str) -> frozenset[str] | None:
    """The texts that a match allows in this field of an event; None where it does not say."""
    match match.get(path):
        case str(name) | {"$eq": str(name)}:
            return frozenset([name])
        case {"$in": [*found]} if all(isinstance(each, str) for each in found):
            return frozenset(found)
    return None
