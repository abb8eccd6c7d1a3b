"""Whether a value can be stored, and how large it is then: what comes from outside is asked before it is inserted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import bson
from bson.errors import BSONError

from phaseline_runtime.store.connection import CODEC

MAX_DEPTH = 90
"""How deep a value may be nested. MongoDB takes 100 levels in a document (MongoDB, "Limits and Thresholds"), of which
ours take some."""


_OBJECT = re.compile(
    r"(?<=cannot encode )object: .*(?=, of type: )"
    r"|(?<=only string keys, key was )(?!(?:-?\d+|None|True|False)\Z).*",
    re.DOTALL,
)
"""What bson quotes of a value or a key that it does not know: such as settings, with all their passwords."""


class NotStorable(Exception):
    """MongoDB cannot hold a value; the message says why."""


def size(value: Any) -> int:
    """The size of a value in BSON bytes. Raises `bson.errors.InvalidDocument` and others where it has none."""
    return len(_encoded(value))


def same(one: Any, other: Any) -> bool:
    """Whether two values that can be stored are the same: equal, or NaN in the same places."""
    return bool(one == other) or _encoded(one) == _encoded(other)


def stored(value: Any) -> Any:
    """A value that can be stored as it comes back from MongoDB: tuples as lists, times in milliseconds."""
    return bson.decode(_encoded(value), codec_options=CODEC)[""]


def storable(value: Any, what: str) -> int:
    """The size of a value that comes from outside, in BSON bytes. Raises NotStorable, which says `what` it is."""
    try:
        found = size(value)
    except RecursionError as error:
        raise NotStorable(f"{what} cannot be stored: it is nested too deeply, or holds itself") from error
    except (BSONError, ArithmeticError, TypeError, ValueError) as error:
        # Not `from error`: that would quote the value in the traceback.
        raise NotStorable(f"{what} cannot be stored: {_OBJECT.sub('an object', str(error))}") from None
    if _too_deep(value):
        raise NotStorable(f"{what} cannot be stored: it is nested more than {MAX_DEPTH} levels deep")
    return found


def _encoded(value: Any) -> bytes:
    return bson.encode({"": value}, codec_options=CODEC)


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for each in level for inner in _containers(each)]
        if not level:
            return False
    return True


def _containers(value: Any) -> Iterator[Any]:
    """The mappings and lists right inside of a value."""
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return
    yield from (inner for inner in value if isinstance(inner, Mapping | list | tuple))
