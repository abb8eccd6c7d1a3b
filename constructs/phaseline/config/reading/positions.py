"""The file as a tree of values that know where they stand: YAML 1.2 in, nodes out.

Nothing here knows the file's keys. What is no YAML, or cannot be read at all, is one fault with its position.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode
from ruamel.yaml.reader import ReaderError

from phaseline.config.faults import Faults, nearest, said, shown
from phaseline.config.reading.scalars import PLACEHOLDER, Scalar, resolve

MAX_NODES = 200_000
"""The most values of one file once its aliases are written out, unless it has more characters.

Without aliases no file has more values than characters: more are a mistake, or meant to exhaust memory.
"""

_CORE = "tag:yaml.org,2002:"
_TAGS = {f"{_CORE}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "map", "seq")}


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value with its path and positions.

    `text` is a scalar's text as written. `filled` says that a `${NAME}` stood in it, `open` that one still does.
    """

    value: Scalar | dict[str, Node] | list[Node]
    path: str
    position: tuple[int, int]
    key_position: tuple[int, int]
    text: str = ""
    filled: bool = False
    open: bool = False

    @property
    def mapping(self) -> dict[str, Node]:
        """The entries of a mapping; none for everything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The entries of a list; none for everything else."""
        return self.value if isinstance(self.value, list) else []

    def plain(self) -> Any:
        """The value without positions, as JSON has it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    @property
    def shown(self) -> str:
        """The value as a message shows it."""
        return shown(self.plain())


def read(path: Path, faults: Faults, values: Mapping[str, str] | None) -> Node | None:
    """Read a file. None, with the faults recorded, where there is nothing to work with."""
    text = _text(path, faults)
    if text is None:
        return None
    root = _compose(text, faults)
    if root is None:
        return None
    try:
        return _Builder(faults, values, max(MAX_NODES, len(text))).build(root, "", _mark(root), 0)
    except _TooMuch as error:
        faults.add_at(*_mark(error.node), "", str(error))
    return None


def _text(path: Path, faults: Faults) -> str | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        faults.add_at(1, 1, "", "there is no such file")
    except IsADirectoryError:
        faults.add_at(1, 1, "", "is a folder; a config file is expected")
    except OSError as error:
        faults.add_at(1, 1, "", f"cannot be read: {error.strerror}")
    else:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = data[: error.start].decode("utf-8", "replace")
            faults.add_at(*_end(before), "", said("is not UTF-8", got=f"the byte 0x{data[error.start]:02x}"))
    return None


def _compose(text: str, faults: Faults) -> YamlNode | None:
    try:
        with warnings.catch_warnings():
            # YAML allows an anchor to be set anew.
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        problem = " ".join(str(part) for part in (error.context, error.problem) if part)
        faults.add_at(line, column, "", f"is not YAML: {problem}")
    except ReaderError as error:
        what = said("is not YAML: a control character", got=f"U+{int(error.character):04X}")
        faults.add_at(*_end(text[: error.position]), "", what)
    except RecursionError:
        faults.add_at(1, 1, "", "is nested too deeply")
    else:
        if root is not None:
            found: YamlNode = root
            return found
        faults.add_at(1, 1, "", "is empty; a config file has at least `jobs` and `state_machines`")
    return None


def _end(text: str) -> tuple[int, int]:
    """Line and column right after this text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _mark(node: YamlNode) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _TooMuch(Exception):
    def __init__(self, node: YamlNode, message: str) -> None:
        super().__init__(message)
        self.node = node


class _Builder:
    """Makes nodes of what ruamel has composed: aliases and merges written out, `${NAME}` filled in."""

    def __init__(self, faults: Faults, values: Mapping[str, str] | None, most: int) -> None:
        self._faults = faults
        self._values = values
        self._most = most
        self._count = 0
        self._above: list[YamlNode] = []

    def build(self, node: YamlNode, path: str, key: tuple[int, int], depth: int) -> Node:
        self._count += 1
        if self._count > self._most:
            raise _TooMuch(node, f"holds more than {self._most:,} values once its aliases are written out")
        if any(node is each for each in self._above):
            raise _TooMuch(node, "an alias stands inside of what it stands for")
        if depth > 100:
            raise _TooMuch(node, "is nested more than 100 deep")
        if node.tag not in _TAGS:
            self._faults.add_at(*key, path, said("a YAML tag has no meaning here", got=node.tag))
        if isinstance(node, ScalarNode):
            return self._scalar(node, path, key)
        self._above.append(node)
        try:
            value: dict[str, Node] | list[Node]
            value = (
                self._mapping(node, path, depth) if isinstance(node, MappingNode) else self._sequence(node, path, depth)
            )
        finally:
            self._above.pop()
        return Node(value, path, _mark(node), key)

    def _sequence(self, node: YamlNode, path: str, depth: int) -> list[Node]:
        return [self.build(item, f"{path}[{index}]", _mark(item), depth + 1) for index, item in enumerate(node.value)]

    def _mapping(self, node: MappingNode, path: str, depth: int) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._faults.add_at(*_mark(key), path, "a key must be text, not a mapping or a list")
                continue
            if key.tag == f"{_CORE}merge":
                self._merge(value, path, depth, merged)
                continue
            name = str(key.value)
            inner = f"{path}.{name}" if path else name
            if name in own:
                first = own[name].key_position[0]
                self._faults.add_at(*_mark(key), inner, f"the key occurs twice (first on line {first})")
                continue
            own[name] = self.build(value, inner, _mark(key), depth + 1)
        return {**{name: item for name, item in merged.items() if name not in own}, **own}

    def _merge(self, node: YamlNode, path: str, depth: int, merged: dict[str, Node]) -> None:
        """`<<: *anchor`: the keys of one mapping or several, the first of which wins."""
        for each in node.value if isinstance(node, SequenceNode) else [node]:
            if isinstance(each, MappingNode):
                for name, item in self.build(each, path, _mark(each), depth + 1).mapping.items():
                    merged.setdefault(name, item)
            else:
                self._faults.add_at(*_mark(each), path, "`<<` takes a mapping, or a list of mappings")

    def _scalar(self, node: ScalarNode, path: str, key: tuple[int, int]) -> Node:
        written = str(node.value)
        text, filled, still_open = self._fill(written, node, path)
        # Quoted, or `!!str`, it is text whatever it looks like.
        as_text = node.style is not None or (node.tag == f"{_CORE}str" and not filled)
        value: Scalar = text if as_text or still_open else resolve(text)
        # An empty value has no place of its own in the file: it is where its key is.
        position = key if written == "" and node.style is None else _mark(node)
        return Node(value, path, position, key, text=text, filled=filled, open=still_open)

    def _fill(self, text: str, node: ScalarNode, path: str) -> tuple[str, bool, bool]:
        found = PLACEHOLDER.findall(text)
        if not found:
            return text, False, False
        values = self._values
        names = dict.fromkeys(found)
        if values is None:
            for name in names:
                self._faults.leave_open(*_mark(node), path, f"there is no value for ${{{name}}}: load it with `values`")
            return text, True, True
        # None is what `os.environ.get` gives for a variable that is not set.
        missing = [name for name in names if values.get(name) is None]
        for name in missing:
            known = [each for each in values if values[each] is not None]
            message = said(f"there is no value for ${{{name}}} in this environment", meant=nearest(name, known))
            self._faults.add_at(*_mark(node), path, message)
        wrong = [name for name in names if name not in missing and not isinstance(values[name], str | int | float)]
        for name in wrong:
            kind = type(values[name]).__name__
            message = said(f"the value for ${{{name}}} is no text", got=kind, allowed="text, a number, True, False")
            self._faults.add_at(*_mark(node), path, message)
        if missing or wrong:
            return text, True, True
        return PLACEHOLDER.sub(lambda match: _written(values[match[1]]), text), True, False


def _written(value: Any) -> str:
    """As YAML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
