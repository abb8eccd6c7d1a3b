"""Whether an event's data matches an EventBridge pattern, which is what decides on a job's `filter`.

By the rules of "Comparison operators for use in event patterns" in the EventBridge guide. Patterns are valid: the
config has checked them. A test holds this against an emulator's matcher.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda found, bound: found == bound,
    "<": lambda found, bound: found < bound,
    "<=": lambda found, bound: found <= bound,
    ">": lambda found, bound: found > bound,
    ">=": lambda found, bound: found >= bound,
}


def accepts(pattern: Mapping[str, Any], data: Any) -> bool:
    """Whether all fields of the pattern accept the data."""
    return all(_field(key, wanted, data) for key, wanted in pattern.items())


def _field(key: str, wanted: Any, data: Any) -> bool:
    if key == "$or":
        return any(accepts(alternative, data) for alternative in wanted)
    found = data.get(key) if isinstance(data, Mapping) else None
    present = isinstance(data, Mapping) and key in data
    outer, dot, inner = key.partition(".")
    if dot and not present:  # A name with a dot in it is a path, too.
        return _field(outer, {inner: wanted}, data)
    if isinstance(wanted, Mapping):
        objects = [item for item in _flat(found) if isinstance(item, Mapping)] or [{}]
        return any(accepts(wanted, item) for item in objects)
    leaves = [item for item in _flat(found) if not isinstance(item, Mapping)] if present else []
    return any(_alternative(item, leaves) for item in wanted)


def _flat(value: Any) -> list[Any]:
    """The elements of a list, of lists in it too: a field matches when one of them does."""
    return [leaf for item in value for leaf in _flat(item)] if isinstance(value, list) else [value]


def _alternative(wanted: Any, leaves: list[Any]) -> bool:
    if isinstance(wanted, Mapping):
        [(operator, argument)] = wanted.items()
        if operator == "exists":
            return bool(leaves) is argument
        return any(_OPERATORS[operator](leaf, argument) for leaf in leaves)
    return any(_equal(leaf, wanted) for leaf in leaves)


def _equal(found: Any, wanted: Any) -> bool:
    """Equality of JSON, where true is not 1."""
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


def _same_letters(found: Any, wanted: str) -> bool:
    return isinstance(found, str) and found.lower() == wanted.lower()


def _prefix(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        text = wanted["equals-ignore-case"]
        return isinstance(found, str) and found.lower().startswith(text.lower())
    return isinstance(found, str) and found.startswith(wanted)


def _suffix(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        text = wanted["equals-ignore-case"]
        return isinstance(found, str) and found.lower().endswith(text.lower())
    return isinstance(found, str) and found.endswith(wanted)


def _wildcard(found: Any, wanted: str) -> bool:
    parts = re.findall(r"\\.|\*|[^\\*]+", wanted)
    text = "".join(".*" if part == "*" else re.escape(re.sub(r"\\(.)", r"\1", part)) for part in parts)
    return isinstance(found, str) and re.fullmatch(text, found, re.DOTALL) is not None


def _numeric(found: Any, wanted: list[Any]) -> bool:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return False
    return all(_COMPARE[sign](found, bound) for sign, bound in zip(wanted[::2], wanted[1::2], strict=True))


def _cidr(found: Any, wanted: str) -> bool:
    try:
        return isinstance(found, str) and ipaddress.ip_address(found) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _anything_but(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        [(operator, argument)] = wanted.items()
        texts = argument if isinstance(argument, list) else [argument]
        return not any(_OPERATORS[operator](found, text) for text in texts)
    return not any(_equal(found, item) for item in (wanted if isinstance(wanted, list) else [wanted]))


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _same_letters,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}
