"""The composed kinds of values: lists, mappings of names, and records with fixed keys.

Reading goes on after a fault, which is recorded: see `shapes`. No key of the file is named here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from phaseline.config.faults import Faults, said, shown, unknown
from phaseline.config.reading.positions import Node
from phaseline.config.reading.shapes import NAME, Free, Schema, Shape

T = TypeVar("T")


class ListOf(Shape[tuple[T, ...]]):
    """A list; where `one` is set, a single entry may stand without brackets."""

    def __init__(self, shape: Shape[T], what: str, *, one: bool = False, least: int = 0) -> None:
        self._shape = shape
        self._what = what
        self._one = one
        self._least = least

    def read(self, node: Node, faults: Faults) -> tuple[T, ...] | None:
        if self._one and not isinstance(node.value, list) and node.value is not None:
            found = self._shape.read(node, faults)
            return None if found is None else (found,)
        if not isinstance(node.value, list):
            faults.add(node, said(f"must be a list of {self._what}", got=node.shown))
            return None
        if len(node.items) < self._least:
            faults.add(node, said(f"must be a list of {self._what}", got="an empty one"))
            return None
        read = [self._shape.read(item, faults) for item in node.items]
        return tuple(item for item in read if item is not None)

    def schema(self) -> Schema:
        inner = self._shape.schema()
        many: Schema = {"type": "array", "items": inner, **({"minItems": self._least} if self._least else {})}
        return {"anyOf": [inner, many]} if self._one else many


class MapOf(Shape[dict[str, T]]):
    """A mapping whose keys are names of the user's choice."""

    def __init__(self, shape: Shape[T], what: str, *, reserved: Mapping[str, str] | None = None) -> None:
        self._shape = shape
        self._what = what
        self._reserved = reserved or {}

    def read(self, node: Node, faults: Faults) -> dict[str, T] | None:
        if not isinstance(node.value, dict) or not node.value:
            got = "an empty one" if node.value == {} else node.shown
            faults.add(node, said(f"must be a mapping of {self._what} names", got=got), at_key=node.value is None)
            return None
        found = {}
        for name, item in node.mapping.items():
            self._check_name(name, item, faults)
            value = self._shape.read(item, faults)
            if value is not None and name not in self._reserved:
                found[name] = value
        return found

    def _check_name(self, name: str, item: Node, faults: Faults) -> None:
        if name in self._reserved:
            faults.add(item, said(self._reserved[name], got=shown(name)), at_key=True)
        elif not re.fullmatch(NAME, name):
            allowed = "a letter, then letters, digits, `_` and `-`, 64 characters at most"
            faults.add(item, said(f"is no name for a {self._what}", got=shown(name), allowed=allowed), at_key=True)

    def schema(self) -> Schema:
        names: Schema = {"pattern": f"^{NAME}$"}
        if self._reserved:
            names["not"] = {"enum": list(self._reserved)}
        return {
            "type": "object",
            "propertyNames": names,
            "additionalProperties": self._shape.schema(),
            "minProperties": 1,
        }


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a record; one without a shape is known, and not supported yet.

    In the place of a `required` one a key of `unless` may stand, but not beside it; each of those in `spared_by` may
    stand in its place and beside it. One with `beside` goes with those keys, and not with others that stand in their
    place.
    """

    shape: Shape[Any] | None
    about: str
    required: bool = False
    unless: tuple[str, ...] = ()
    spared_by: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


class Fields:
    """What has been read of a record."""

    def __init__(self, node: Node, values: Mapping[str, Any]) -> None:
        self.node = node
        self._values = values

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default where the key is absent or at fault."""
        return self._values.get(key, default)

    def __contains__(self, key: str) -> bool:
        return key in self.node.mapping

    @property
    def whole(self) -> bool:
        """Whether each key that stands there has a value: none is at fault, and none still open."""
        return len(self._values) == len(self.node.mapping)

    def place(self, key: str) -> Node:
        """Where the key stands; the record itself where it is absent."""
        return self.node.mapping.get(key, self.node)


class Record(Shape[T]):
    """A mapping with fixed keys. `make` turns what has been read into an object of its own."""

    def __init__(
        self, what: str, keys: Mapping[str, Key], make: Callable[[Fields], T], *, may_be_empty: bool = False
    ) -> None:
        self._what = what
        self._keys = keys
        self._make = make
        self._may_be_empty = may_be_empty

    def read(self, node: Node, faults: Faults) -> T | None:
        if not isinstance(node.value, dict) and not (node.value is None and self._may_be_empty):
            what = said(f"must be {self._what}, a mapping", got=node.shown, allowed=self._supported())
            faults.add(node, what, at_key=node.value is None)
            if node.path == "":
                return None
        values: dict[str, Any] = {}
        for name, inner in node.mapping.items():
            value = self._value(name, inner, faults)
            if value is not None:
                values[name] = value
        if isinstance(node.value, dict):
            for name, key in self._keys.items():
                if key.required and not node.mapping.keys() & set(key.spared_by):
                    self._check_required(name, key, node, faults)
                self._check_beside(name, key, node, faults)
        return self._make(Fields(node, values))

    def _check_required(self, name: str, key: Key, node: Node, faults: Faults) -> None:
        given = [each for each in (name, *key.unless) if each in node.mapping]
        if not given:
            instead = "".join(f", or `{each}`" for each in (*key.unless, *key.spared_by))
            faults.add(node, f"the key `{name}` is missing{instead}", at_key=True)
        elif len(given) > 1:
            faults.add(node, said("has two meanings", got=" and ".join(given), allowed="one of them"))

    def _check_beside(self, name: str, key: Key, node: Node, faults: Faults) -> None:
        if name not in node.mapping or not key.beside or node.mapping.keys() & set(key.beside):
            return
        # Where none of them is there, that is a fault of its own, and enough said.
        if other := next((each for each in self._alternatives() if each in node.mapping), None):
            what = said(f"has no meaning beside `{other}`", allowed=f"beside {' or '.join(key.beside)}")
            faults.add(node.mapping[name], what, at_key=True)

    def _alternatives(self) -> list[str]:
        """The keys that stand in one another's place."""
        return [each for name, key in self._keys.items() if key.unless for each in (name, *key.unless)]

    def _value(self, name: str, node: Node, faults: Faults) -> Any:
        key = self._keys.get(name)
        if key is None:
            supported = self._supported()
            faults.add(node, unknown("unknown key", name, supported, hidden=list(self._keys)), at_key=True)
            return None
        if key.shape is None:
            faults.add(node, "not supported yet", at_key=True)
            return None
        # A null that is written out may be meant; nothing at all was forgotten.
        bare = isinstance(key.shape, Free) and node.text == ""
        if node.value is None and (bare or not isinstance(key.shape, (Record, MapOf, Free))):
            faults.add(node, "the key has no value", at_key=True)
            return None
        return key.shape.read(node, faults)

    def _supported(self) -> list[str]:
        return [name for name, key in self._keys.items() if key.shape is not None]

    def schema(self) -> Schema:
        properties = {
            name: {"description": key.about, **key.shape.schema()}
            for name, key in self._keys.items()
            if key.shape is not None
        }
        needed = {name: key for name, key in self._keys.items() if key.required}
        required = [name for name, key in needed.items() if not key.unless and not key.spared_by]
        choices = [_some("oneOf", (name, *key.unless)) for name, key in needed.items() if key.unless]
        choices += [_some("anyOf", (name, *key.spared_by)) for name, key in needed.items() if key.spared_by]
        beside = {name: _some("anyOf", key.beside) for name, key in self._keys.items() if key.beside}
        return {
            "type": ["object", "null"] if self._may_be_empty else "object",
            "properties": properties,
            "additionalProperties": False,
            **({"required": required} if required else {}),
            **({"allOf": choices} if choices else {}),
            **({"dependentSchemas": beside} if beside else {}),
        }


def _some(of: str, names: Sequence[str]) -> Schema:
    return {of: [{"required": [name]} for name in names]}
