"""Values as Atlas's triggers write them into an event: plain JSON, which whoever gets it can read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bson import json_util

from phaseline_runtime import strict_json


def dumps(value: Any) -> str:
    """JSON text. Dates are RFC 3339, ObjectIds hex, decimals and UUIDs text, the rest as extended JSON has it."""
    return strict_json.dumps(value, default=plain)


def plain(value: Any) -> Any:
    """What stands in JSON for a value that JSON does not have."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if type(value).__name__ in ("ObjectId", "Decimal", "Decimal128", "UUID"):
        return str(value)
    return json_util.default(value)
