"""Whether an event's data matches an EventBridge pattern, which is what decides on a job's `filter`.

By the rules of "Comparison operators for use in event patterns" in the EventBridge guide, and in lists by those of the
open-source matcher behind it (https://github.com/aws/event-ruler, "JSON Array Matching"). Patterns are valid: the
config has checked them. A test holds this against an emulator's matcher.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda found, bound: found == bound,
    "<": lambda found, bound: found < bound,
    "<=": lambda found, bound: found <= bound,
    ">": lambda found, bound: found > bound,
    ">=": lambda found, bound: found >= bound,
}


Places = frozenset[tuple[int, int]]
"""Inside which elements of which lists a value stands: the list's number and the element's."""

Leaf = tuple[str, Any, Places]
"""A value that is no object and no list: its full name, itself, and its places."""

_NOWHERE: Places = frozenset()
_ROOT = "input"


def accepts(pattern: Mapping[str, Any], data: Any) -> bool:
    """Whether all fields of the pattern accept the data, none of them in another element of a list than the others."""
    leaves = list(_leaves(_ROOT, data, _NOWHERE, count()))
    return any(_holds(fields, leaves) for fields in _alternatives(_ROOT, pattern))


def _alternatives(name: str, pattern: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each field may be, by its full name: once for each choice among the patterns in `$or`."""
    found: list[dict[str, Any]] = [{}]
    for key, wanted in pattern.items():
        if key == "$or":
            more = [each for alternative in wanted for each in _alternatives(name, alternative)]
        elif isinstance(wanted, Mapping):
            more = _alternatives(f"{name}.{key}", wanted)
        else:
            more = [{f"{name}.{key}": wanted}]
        found = [before | each for before in found for each in more]
    return found


def _leaves(name: str, value: Any, places: Places, numbers: Iterator[int]) -> Iterator[Leaf]:
    """The leaves of the data. A list adds nothing to a name, and a dot in a key is as good as a level."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}", inner, places, numbers)
    elif isinstance(value, list):
        number = next(numbers)
        for index, item in enumerate(value):
            inside = places | {(number, index)} if isinstance(item, Mapping | list) else places
            yield from _leaves(name, item, inside, numbers)
    else:
        yield name, value, places


def _holds(fields: Mapping[str, Any], leaves: list[Leaf]) -> bool:
    """Whether each field has a leaf. They are looked for by name, as EventBridge does: that decides which is absent."""
    reached = {_NOWHERE}
    for name, wanted in sorted(fields.items()):
        named = [(value, places) for each, value, places in leaves if each == name]
        reached = {after for before in reached for each in wanted for after in _after(before, each, named)}
    return bool(reached)


def _after(before: Places, wanted: Any, named: list[tuple[Any, Places]]) -> Iterator[Places]:
    """Where one is once a value has been accepted, coming from the places of those that were before."""
    near = [(value, before | places) for value, places in named if _is_one_place(before | places)]
    if wanted == {"exists": False}:
        yield from () if near else (before,)
        return
    yield from (places for value, places in near if _alternative(value, wanted))


def _is_one_place(places: Places) -> bool:
    """Whether no two of them are in different elements of a list."""
    return len({number for number, _ in places}) == len(places)


def _alternative(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        [(operator, argument)] = wanted.items()
        return operator == "exists" or _OPERATORS[operator](found, argument)
    return _equal(found, wanted)


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
    """By looking for each part once: as a regular expression, many stars would take for ever on a long text."""
    parts = [""]
    for each in re.findall(r"\\.|\*|[^\\*]+", wanted):
        if each == "*":
            parts.append("")
        else:
            parts[-1] += each[1:] if each[0] == "\\" else each
    if not isinstance(found, str) or len(parts) == 1:
        return bool(found == parts[0])
    first, *others, last = parts
    at = len(first) if found.startswith(first) else -1
    for each in others:
        at = at if at < 0 else found.find(each, at)
        at += 0 if at < 0 else len(each)
    return 0 <= at <= len(found) - len(last) and found.endswith(last)


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
    "exactly": _equal,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}
