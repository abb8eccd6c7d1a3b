"""What reading a query or an expression brings to light: problems, and the parts of the document that it reads.

The two readers share one `Findings`, since a query may hold expressions. It knows which parts of the execution document
a condition sees, and what the database can carry as data; it knows no operator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from phaseline.config.expressions.problems import Path, Problem, nearest, worded
from phaseline_runtime.engine.questions import FIELDS

ERROR_FIELDS = ("type", "message")
"""What the document keeps of an error."""

_MAPS = ("results", "errors", "visits")
"""Of these each entry has its own name: reading one entry is not reading them all."""

Read = tuple[str, str | None]
"""A part of the document and the entry of it that is read; None for the whole part."""


class Findings:
    """Collects as a reader goes along; `problems` are in the order of the text."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.reads: list[tuple[Read, Path]] = []

    def say(self, path: Path, message: str) -> None:
        """Note a problem at `path`."""
        self.problems.append(Problem(path, message))

    def read_all(self, path: Path) -> None:
        """Note that every part of the document may be read by what stands at `path`."""
        self.reads += [((field, None), path) for field in FIELDS]

    def field(self, path: Path, dotted: str) -> None:
        """Check a field's path, such as `results.a.boat`, and note what it reads."""
        root, *rest = dotted.split(".")
        if root not in FIELDS:
            meant = nearest(root, FIELDS)
            self.say(
                path,
                worded(
                    "reads a field that conditions cannot see",
                    dotted,
                    allowed=FIELDS,
                    meant=None if meant is None else ".".join([meant, *rest]),
                ),
            )
            return
        self.parts(path, dotted)
        self._error(path, dotted, root, rest)
        self.reads.append(((root, rest[0] if root in _MAPS and rest and rest[0] else None), path))

    def _error(self, path: Path, dotted: str, root: str, rest: list[str]) -> None:
        """Check what is read of an error: a field that none has would make a condition that is never met."""
        if root != "errors" or len(rest) < 2 or rest[1] in ("", *ERROR_FIELDS):
            return
        meant = nearest(rest[1], ERROR_FIELDS)
        begin = f"errors.{rest[0]}"
        allowed = [f"{begin}.{name}" for name in ERROR_FIELDS]
        what = "an error has no such field"
        self.say(path, worded(what, dotted, allowed=allowed, meant=None if meant is None else f"{begin}.{meant}"))

    def parts(self, path: Path, dotted: str) -> None:
        """Check the parts of a path, wherever it begins."""
        for part in dotted.split("."):
            if not part:
                self.say(path, worded("a path has an empty part", dotted, allowed="names with one dot between them"))
                return
            if part.startswith("$") or "\0" in part:
                self.say(path, worded("a name within a path cannot begin with $ or hold a null character", dotted))
                return

    def data(self, path: Path, value: object) -> None:
        """Check that MongoDB can carry the value as it is; operators within are not looked for."""
        if value is None or isinstance(value, str | bool):
            return
        if isinstance(value, int):
            if not -(2**63) <= value < 2**63:
                self.say(path, worded("a whole number is too large", value, allowed="64 bits"))
        elif isinstance(value, float):
            if not math.isfinite(value):
                self.say(path, worded("not a number that JSON can carry", value, allowed="finite numbers"))
        elif isinstance(value, Mapping):
            for key, item in value.items():
                if self.is_name(path, key):
                    self.data((*path, key), item)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.data((*path, index), item)
        else:
            self.say(
                path,
                worded(
                    "not a value that JSON can carry",
                    value,
                    allowed="texts, numbers, true, false, null, lists, mappings; for a date, its text in quotes",
                ),
            )

    def is_name(self, path: Path, key: object) -> bool:
        """Whether the key of a mapping is a text; a problem where it is not."""
        if isinstance(key, str):
            return True
        self.say(path, worded("a key is not a text", key, allowed="texts; put it in quotes"))
        return False
