"""The kinds of values that a config file is made of: each reads a node, and describes itself as JSON Schema.

Reading is tolerant: what is wrong is recorded and left out, so that one fault never hides another. That is why these
are no pydantic models, which give either a whole object or none. No key of the file is named here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from phaseline.config.faults import Faults, said, unknown
from phaseline.config.reading import durations
from phaseline.config.reading.positions import Node
from phaseline.config.reading.scalars import PLACEHOLDER, resolve

T = TypeVar("T")
Schema = dict[str, Any]

NAME = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
"""What every name of the file looks like."""

PLACEHOLDER_SCHEMA: Schema = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the file, with its place."""

    text: str
    node: Node


class Shape(ABC, Generic[T]):
    """One kind of value."""

    @abstractmethod
    def read(self, node: Node, faults: Faults) -> T | None:
        """The value, or None where it is at fault (which is recorded) or still has an open `${NAME}`."""

    @abstractmethod
    def schema(self) -> Schema:
        """What it accepts, as JSON Schema."""


class Text(Shape[str]):
    """Text, in which `${NAME}` may stand. `check` returns what is wrong with one, or None."""

    def __init__(self, check: Callable[[str], str | None] | None = None) -> None:
        self._check = check

    def read(self, node: Node, faults: Faults) -> str | None:
        if not isinstance(node.value, str) and not node.filled:
            faults.add(node, said("must be text", got=node.shown))
            return None
        if not node.open and self._check is not None and (message := self._check(node.text)) is not None:
            faults.add(node, message)
            return None
        return node.text

    def schema(self) -> Schema:
        return {"type": "string"}


class Choice(Shape[Word]):
    """One of some words. `refused` gives the reason for words that one could expect."""

    def __init__(self, what: str, words: Sequence[str], *, refused: Mapping[str, str] | None = None) -> None:
        self._what = what
        self._words = words
        self._refused = refused or {}

    def read(self, node: Node, faults: Faults) -> Word | None:
        if node.open:
            return None
        if node.value in self._words and isinstance(node.value, str):
            return Word(node.value, node)
        if isinstance(node.value, str) and node.value in self._refused:
            faults.add(node, said(self._refused[node.value], got=node.shown, allowed=self._words))
        elif isinstance(node.value, str):
            faults.add(node, unknown(f"unknown {self._what}", node.value, self._words))
        else:
            faults.add(node, said(f"must be a {self._what}", got=node.shown, allowed=self._words))
        return None

    def schema(self) -> Schema:
        return {"enum": list(self._words)}


class Placed(Shape[Word]):
    """A text of which the place is needed afterwards."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def read(self, node: Node, faults: Faults) -> Word | None:
        text = self._text.read(node, faults)
        return None if text is None else Word(text, node)

    def schema(self) -> Schema:
        return self._text.schema()


class Reference(Shape[Word]):
    """A name that stands for something else in the file."""

    def read(self, node: Node, faults: Faults) -> Word | None:
        if PLACEHOLDER.search(node.text) or node.filled:
            faults.add(node, said("a name cannot come from the environment", got=node.shown))
        elif not isinstance(node.value, str):
            faults.add(node, said("must be a name", got=node.shown))
        else:
            return Word(node.value, node)
        return None

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{NAME}$"}


class Whole(Shape[int]):
    """A whole number between two bounds."""

    def __init__(self, least: int, most: int, unit: str) -> None:
        self._least = least
        self._most = most
        self._allowed = f"{least} to {most} {unit}"

    def read(self, node: Node, faults: Faults) -> int | None:
        if node.open:
            return None
        value = resolve(node.text) if node.filled else node.value
        if isinstance(value, bool) or not isinstance(value, int) or not self._least <= value <= self._most:
            faults.add(node, said("must be a whole number", got=node.shown, allowed=self._allowed))
            return None
        return value

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "integer", "minimum": self._least, "maximum": self._most}, PLACEHOLDER_SCHEMA]}


class Number(Shape[float]):
    """A number from a least one on."""

    def __init__(self, least: float, most: float) -> None:
        self._least = least
        self._most = most

    def read(self, node: Node, faults: Faults) -> float | None:
        if node.open:
            return None
        value = resolve(node.text) if node.filled else node.value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self._least <= value <= self._most:
            faults.add(node, said("must be a number", got=node.shown, allowed=f"{self._least:g} to {self._most:g}"))
            return None
        return float(value)

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "number", "minimum": self._least, "maximum": self._most}, PLACEHOLDER_SCHEMA]}


class Seconds(Shape[int]):
    """A duration in seconds between two bounds, with the reason for the upper one."""

    def __init__(self, most: int, reason: str, *, least: int = 1) -> None:
        self._least = least
        self._most = most
        self._reason = reason

    def read(self, node: Node, faults: Faults) -> int | None:
        if node.open:
            return None
        value = durations.seconds(node.value)
        if value is None:
            faults.add(node, said("must be a duration", got=node.shown, allowed=durations.ALLOWED))
        elif not self._least <= value <= self._most:
            allowed = f"{durations.written(self._least)} to {durations.written(self._most)}: {self._reason}"
            what = "is too short" if value < self._least else "is too long"
            faults.add(node, said(what, got=node.shown, allowed=allowed))
        else:
            return value
        return None

    def schema(self) -> Schema:
        pattern = f"{durations.PATTERN}|{PLACEHOLDER_SCHEMA['pattern']}"
        number: Schema = {"type": "integer", "minimum": self._least, "maximum": self._most}
        return {"anyOf": [number, {"type": "string", "pattern": pattern}]}


class Free(Shape[Node]):
    """Any JSON, or any mapping: it is checked elsewhere. `${NAME}` may stand in its texts."""

    def __init__(self, what: str, *, mapping: bool = True) -> None:
        self._what = what
        self._mapping = mapping

    def read(self, node: Node, faults: Faults) -> Node | None:
        if self._mapping and not isinstance(node.value, dict):
            faults.add(node, said(f"must be {self._what}", got=node.shown))
            return None
        before = len(faults)
        _check_numbers(node, faults)
        return node if len(faults) == before else None

    def schema(self) -> Schema:
        return {"type": "object"} if self._mapping else {}


def _check_numbers(node: Node, faults: Faults) -> None:
    for inner in [*node.mapping.values(), *node.items]:
        _check_numbers(inner, faults)
    value = node.value
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        faults.add(node, said("must be a number that JSON knows", got=node.text))
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        faults.add(node, said("is a larger number than MongoDB stores", got=node.text))


class Scalars(Shape[dict[str, str]]):
    """A mapping of texts; numbers and booleans are taken as they are written. The checks are of names and values."""

    def __init__(
        self, check: Callable[[str], str | None], check_value: Callable[[str], str | None] = lambda _: None
    ) -> None:
        self._check = check
        self._check_value = check_value

    def read(self, node: Node, faults: Faults) -> dict[str, str] | None:
        if not isinstance(node.value, dict):
            faults.add(node, said("must be a mapping of texts", got=node.shown))
            return None
        found = {}
        for name, item in node.mapping.items():
            if (message := self._check(name)) is not None:
                faults.add(item, message, at_key=True)
            elif isinstance(item.value, (dict, list)) or (item.value is None and not item.filled):
                faults.add(item, said("must be text", got=item.shown))
            elif not item.open and (message := self._check_value(item.text)) is not None:
                faults.add(item, message)
            else:
                found[name] = item.text
        return found

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
