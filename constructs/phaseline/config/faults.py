"""What is wrong with a config file, and where: every fault is one line that an editor can jump to.

Nothing here knows the file's keys; it only words and collects.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from phaseline_runtime.errors import UserError
from phaseline_runtime.masking import masked

_MAX_SHOWN = 60
_MAX_ALLOWED = 16
_WEB_ADDRESS = re.compile(r"(https?://[^\s\"'/?#]+)[/?#][^\s\"']+", re.IGNORECASE)


class Place(Protocol):
    """Something with a position in the file: its own and its key's, both counted from 1."""

    @property
    def path(self) -> str:
        """The path of the key, such as `jobs.rent_a_boat.memory`."""

    @property
    def position(self) -> tuple[int, int]:
        """Line and column of the value."""

    @property
    def key_position(self) -> tuple[int, int]:
        """Line and column of the key; of the value where there is no key."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong (or, as a warning, doubtful) in a config file.

    `line` and `column` count from 1. `path` is the key's path, empty for the file as a whole.
    """

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}  {self.path}  {self.message}" if self.path else f"{place}  {self.message}"


class ConfigError(UserError):
    """The config file cannot be used. `faults` holds everything that is wrong with it, sorted by line."""

    def __init__(self, faults: Iterable[Fault], warnings: Iterable[Fault] = ()) -> None:
        self.faults = tuple(faults)
        self.warnings = tuple(warnings)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Faults:
    """Collects the faults and warnings of one file, and what it leaves open."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._faults: dict[Fault, None] = {}
        self._warnings: dict[Fault, None] = {}
        self._open: dict[Fault, None] = {}

    def add(self, place: Place, message: str, *, at_key: bool = False) -> None:
        """Record a fault at a value, or at its key."""
        line, column = place.key_position if at_key else place.position
        self.add_at(line, column, place.path, message)

    def add_at(self, line: int, column: int, path: str, message: str) -> None:
        """Record a fault at a position that belongs to no value."""
        self._faults[self._fault(line, column, path, message)] = None

    def warn(self, place: Place, message: str, *, at_key: bool = False) -> None:
        """Record what is allowed, and probably not meant."""
        line, column = place.key_position if at_key else place.position
        self._warnings[self._fault(line, column, place.path, message)] = None

    def leave_open(self, line: int, column: int, path: str, message: str) -> None:
        """Record what is a fault only once the file is to be deployed or run."""
        self._open[self._fault(line, column, path, message)] = None

    def _fault(self, line: int, column: int, path: str, message: str) -> Fault:
        return Fault(self.file, line, column, masked(path), masked(message))

    @property
    def faults(self) -> list[Fault]:
        """All faults, sorted by line and column."""
        return sorted(self._faults, key=_order)

    @property
    def warnings(self) -> list[Fault]:
        """All warnings, sorted by line and column."""
        return sorted(self._warnings, key=_order)

    @property
    def open(self) -> list[Fault]:
        """All that was left open, sorted by line and column."""
        return sorted(self._open, key=_order)

    def __len__(self) -> int:
        return len(self._faults)


def _order(fault: Fault) -> tuple[int, int]:
    return fault.line, fault.column


def said(what: str, *, got: object = None, allowed: Sequence[str] | str = (), meant: str | None = None) -> str:
    """Word a fault: what is wrong (got …; allowed …; did you mean …?). `got` is text that is ready to be shown."""
    parts = []
    if got is not None:
        parts.append(f"got {got}")
    if allowed:
        parts.append(f"allowed {allowed if isinstance(allowed, str) else listed(allowed)}")
    if meant is not None:
        parts.append(f"did you mean {meant}?")
    return f"{what} ({'; '.join(parts)})" if parts else what


def unknown(what: str, word: str, known: Sequence[str], *, hidden: Sequence[str] = ()) -> str:
    """Word a fault about a word that is none of those known; `hidden` ones are suggested but not listed."""
    return said(what, got=shown(word), allowed=known or "none", meant=nearest(word, [*known, *hidden]))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like this one, or None where none comes near."""
    by_lower = {each.lower(): each for each in reversed(list(known))}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def shown(value: object) -> str:
    """A plain value as the message shows it: as JSON, cut where it is long.

    Of a web address it tells the host: whoever knows the path of a webhook may use it.
    """
    text = masked(json.dumps(value, ensure_ascii=False, default=str))  # First: what is cut is no URL any more.
    text = _WEB_ADDRESS.sub(r"\1/…", text)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


def listed(words: Sequence[str]) -> str:
    """Words in a row, the first of them where they are many."""
    kept = ", ".join(words[:_MAX_ALLOWED])
    return kept if len(words) <= _MAX_ALLOWED else f"{kept}, …"
