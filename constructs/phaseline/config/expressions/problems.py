"""What a check of a value reports, and how it is worded.

A problem knows the path inside the value, never the line: whoever read the file adds that. Nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from phaseline.config.faults import nearest, said, shown
from phaseline.config.reading.scalars import PLACEHOLDER

__all__ = ["Path", "Problem", "is_open", "nearest", "shown", "worded"]

Path = tuple[str | int, ...]
"""Keys and list positions from a root to a value."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the value at `path`; `message` says what, what was got, and what is allowed."""

    path: Path
    message: str


def is_open(text: str) -> bool:
    """Whether a `${NAME}` stands in the text: what it will be is known once there is an environment."""
    return PLACEHOLDER.search(text) is not None


def worded(what: str, got: object, *, allowed: str | Iterable[str] = (), meant: str | None = None) -> str:
    """`what (got …; allowed …; did you mean …?)`, without the parts that are not given."""
    words = allowed if isinstance(allowed, str) else ", ".join(allowed)
    return said(what, got=shown(got), allowed=words, meant=meant)
