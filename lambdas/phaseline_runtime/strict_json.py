"""JSON that somebody has written: data as it stands there, or an error. Only the standard library."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any


def loads(text: str | bytes) -> Any:
    """The value of a JSON text that somebody has written.

    Raises ValueError for what is none, and for what could only be changed data: a key that occurs twice, a number that
    is too large for any, or a nesting that cannot be read.
    """
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=_finite, object_pairs_hook=_no_duplicates)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON's")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is larger than any number")
    return number


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice")
    return made
