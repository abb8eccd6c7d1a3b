"""Names of errors, and to which entries of a list an error gets: the first that matches decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from phaseline.config.faults import Faults, nearest, said, shown
from phaseline.config.reading.positions import Node
from phaseline.config.reading.records import Fields, ListOf
from phaseline.config.reading.shapes import Placed, Schema, Shape, Text, Word
from phaseline_runtime.definition import matches
from phaseline_runtime.errors import ALL, RECORDED

_OURS = (ALL, *RECORDED)
_PREFIX = "Phaseline."
_FORM = re.compile(r"[^\W\d][\w.]{0,255}")
_ANY_OTHER = ""
"""Stands for an error that no entry names."""


def is_ours(text: str) -> bool:
    """Whether the name is one of ours, or looks like one."""
    return text.partition(".")[0].lower() == "phaseline"


def is_name(text: str) -> bool:
    """Whether it can be the name of an error at all."""
    return _FORM.fullmatch(text) is not None


def check_error(text: str) -> str | None:
    """The name of an error: of a class of the user's, or one of ours."""
    if text in _OURS:
        return None
    prefix, dot, rest = text.rpartition(".")
    theirs = f"{_PREFIX}{rest}" if f"{_PREFIX}{rest}" in _OURS else None
    if text == "ALL" or (dot and prefix == "States"):
        # As Step Functions has them. Taken for a class of the user's, they would never match anything.
        return said("unknown error", got=shown(text), allowed=_OURS, meant=theirs)
    if dot and prefix.lower() == "phaseline":
        return said("unknown error", got=shown(text), allowed=_OURS, meant=nearest(f"{_PREFIX}{rest}", _OURS))
    if is_name(text):
        return None
    return said(
        "must be the name of an error", got=shown(text), allowed="a class name such as BoatTaken, Phaseline.ALL"
    )


class ErrorsShape(Shape[tuple[Word, ...]]):
    """One name or several. None where one of them is at fault: the others alone would mean something else."""

    def read(self, node: Node, faults: Faults) -> tuple[Word, ...] | None:
        before = len(faults)
        words: tuple[Word, ...] | None = _NAMES.read(node, faults)
        is_open = any(each.open for each in [node, *node.items])
        return None if is_open or len(faults) > before else words

    def schema(self) -> Schema:
        return _NAMES.schema()


_NAMES = ListOf(Placed(Text(check_error)), "errors", one=True, least=1)


@dataclass(frozen=True, slots=True)
class Covers:
    """The errors for which one entry of a list is meant. `known` is False where they could not be read."""

    errors: tuple[str, ...]
    never: tuple[str, ...] = ()
    known: bool = True

    @classmethod
    def of(cls, fields: Fields) -> Covers:
        """What an entry says by `errors` and `never`."""
        known = all(fields.get(key) is not None for key in ("errors", "never") if key in fields)
        return cls(_texts(fields.get("errors")) or (ALL,), _texts(fields.get("never")), known)

    def covers(self, error: str) -> bool:
        """Whether it is for this error."""
        return matches(self.errors, error) and error not in self.never


def _texts(words: Sequence[Word] | None) -> tuple[str, ...]:
    texts = tuple(dict.fromkeys(word.text for word in words or ()))
    return (ALL,) if ALL in texts else texts


def never_reached(entries: Sequence[Covers]) -> list[int]:
    """The places of those entries that no error gets to: they are for none, or those before take all of theirs."""
    left = {_ANY_OTHER, *(name for each in entries for name in (*each.errors, *each.never))} - {ALL}
    found = []
    for place, entry in enumerate(entries):
        if not entry.known:
            continue
        taken = {error for error in left if entry.covers(error)}
        if not taken:
            found.append(place)
        left -= taken
    return found
