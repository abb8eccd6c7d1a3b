"""Values as Atlas's triggers write them into an event: plain JSON, which whoever gets it can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from bson import json_util


def dumps(value: Any) -> str:
    """JSON text. Dates are RFC 3339, ObjectIds hex, decimals and UUIDs text, the rest as extended JSON has it."""
    try:
        return json.dumps(value, default=plain, allow_nan=False)
    except ValueError:  # A number that is none: rare, so nobody else pays for the look at each.
        return json.dumps(numbers(value), default=plain)


def numbers(value: Any) -> Any:
    """The value with NaN and the infinities as extended JSON has them: JSON has no word for them."""
    if isinstance(value, float) and not isfinite(value):
        return {"$numberDouble": "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, Mapping):
        return {key: numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [numbers(item) for item in value]
    return value


def plain(value: Any) -> Any:
    """What stands in JSON for a value that JSON does not have."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if type(value).__name__ in ("ObjectId", "Decimal", "Decimal128", "UUID"):
        return str(value)
    return json_util.default(value)
