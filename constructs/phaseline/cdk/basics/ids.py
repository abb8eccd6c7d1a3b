"""The ids of constructs that are called by a name of the config."""

from __future__ import annotations

_TAKEN = frozenset(
    {
        # What every object of JavaScript has: constructs keep their children in one, and take such a name for taken.
        *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable"),
        *("toLocaleString", "toString", "valueOf"),
        # What stands for its parent: there is one of the two at most.
        *("Default", "Resource"),
    }
)


def id_of(name: str) -> str:
    """The id for a name of the config: the name itself, but where CDK understands something else by it."""
    return f"{name}." if name in _TAKEN else name
