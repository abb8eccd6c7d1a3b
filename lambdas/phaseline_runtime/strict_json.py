"""JSON as its standard has it: what somebody has written, and what others are to read. Only the standard library."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
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


def dumps(value: Any, *, default: Callable[[Any], Any], indent: int | None = None, ensure_ascii: bool = True) -> str:
    """JSON text, with NaN and the infinities as extended JSON has them: JSON has no word for them.

    `default` gives what stands for any other value that JSON does not have.
    """
    encoder = partial(json.dumps, default=default, indent=indent, ensure_ascii=ensure_ascii)
    try:
        return encoder(value, allow_nan=False)
    except ValueError:  # A number that is none: rare, so nobody else pays for the look at each.
        return encoder(_numbers(value))


def _numbers(value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        return {"$numberDouble": "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, Mapping):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers(item) for item in value]
    return value


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
