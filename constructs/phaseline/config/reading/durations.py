"""Durations as people write them: `30s`, `10m`, `1h`, `90d`, or a whole number of seconds."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_FORM = re.compile(r"([0-9]{1,9})([smhd]?)")

PATTERN = r"^[0-9]{1,9}[smhd]?$"
"""The same as a regular expression of JSON Schema."""

ALLOWED = "30s, 10m, 1h, 90d or whole seconds"
"""The form, for messages."""


def seconds(value: object) -> int | None:
    """The seconds of a duration, or None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value < 10**9 else None
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) * _UNITS[found[2] or "s"] if found else None


def written(value: int) -> str:
    """Seconds as a duration, in the largest unit that fits."""
    for unit in "dhm":
        if value and value % _UNITS[unit] == 0:
            return f"{value // _UNITS[unit]}{unit}"
    return f"{value}s"
