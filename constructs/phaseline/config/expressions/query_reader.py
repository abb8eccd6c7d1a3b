"""Reads a MongoDB query as MongoDB would: field paths, operators and what they take.

Values in a query are data. What only looks like an operator or a path inside such data is accepted by MongoDB and
then never matches, so that it is a problem here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from phaseline.config.expressions.expression_reader import ExpressionReader
from phaseline.config.expressions.findings import Findings
from phaseline.config.expressions.operators import EXPRESSION_OPERATORS
from phaseline.config.expressions.problems import Path, nearest, worded
from phaseline.config.expressions.query_operators import (
    AREAS,
    BITS,
    COMPARISONS,
    FIELD_OPERATORS,
    LISTS,
    LOGICAL,
    REFUSED_IN_QUERIES,
    REGEX_OPTIONS,
    TOP_OPERATORS,
    TYPES,
)
from phaseline_runtime.engine.questions import FIELDS

_PATH_AS_TEXT = re.compile(rf"\$({'|'.join(FIELDS)})(\..*)?|\$\$(NOW|ROOT|CURRENT)(\..*)?", re.DOTALL)
_TYPE_NUMBERS = (*range(1, 20), -1, 127)


class QueryReader:
    """Reads queries into `findings`."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def read(self, path: Path, value: object, *, relative: bool = False) -> None:
        """Read one query. `relative` within `$elemMatch`, where paths begin at the list's element."""
        if not isinstance(value, Mapping):
            self._findings.say(
                path, worded("not a condition", value, allowed="a mapping, such as {results.a.ready: true}")
            )
            return
        for key, item in value.items():
            if not self._findings.is_name(path, key):
                continue
            place = (*path, key)
            if key.startswith("$"):
                self._top(place, key, item, relative)
                continue
            if relative:
                self._findings.parts(place, key)
            else:
                self._findings.field(place, key)
            self._below_field(place, item, key)

    def _top(self, path: Path, name: str, argument: object, relative: bool) -> None:
        if name in LOGICAL:
            if not isinstance(argument, list) or not argument:
                self._findings.say(path, worded(f"{name} takes a list", argument, allowed="one or more conditions"))
                return
            for index, query in enumerate(argument):
                self.read((*path, index), query, relative=relative)
        elif name == "$expr":
            if relative:
                self._findings.say(path, worded("$expr cannot stand inside $elemMatch", name, allowed=FIELD_OPERATORS))
            ExpressionReader(self._findings).read(path, argument)
        elif name == "$jsonSchema":
            if not isinstance(argument, Mapping):
                self._findings.say(path, worded("$jsonSchema takes a mapping", argument))
            if not relative:
                self._findings.read_all(path)
            self._findings.data(path, argument)
        elif name == "$sampleRate":
            if isinstance(argument, bool) or not isinstance(argument, int | float) or not 0 <= argument <= 1:
                self._findings.say(path, worded("not a rate", argument, allowed="0 to 1"))
        elif name == "$comment":
            self._findings.data(path, argument)
        else:
            self._findings.say(path, _unknown(name, TOP_OPERATORS))

    def _below_field(self, path: Path, value: object, dotted: str) -> None:
        if isinstance(value, Mapping) and any(_is_operator(key) for key in value):
            self._operators(path, value, dotted)
        else:
            self._literal(path, value, dotted)

    def _operators(self, path: Path, value: Mapping[object, object], dotted: str) -> None:
        if not all(_is_operator(key) for key in value):
            self._findings.say(
                path,
                worded(
                    "operators and plain keys in one object",
                    ", ".join(map(str, value)),
                    allowed="operators alone, or plain keys alone",
                ),
            )
        for key, argument in value.items():
            if isinstance(key, str) and key.startswith("$"):
                self._operator((*path, key), key, argument, value, dotted)

    def _operator(
        self, path: Path, name: str, argument: object, siblings: Mapping[object, object], dotted: str
    ) -> None:
        if name in COMPARISONS:
            self._literal(path, argument, dotted)
        elif name in LISTS:
            self._list(path, name, argument, dotted)
        elif name == "$not":
            self._nested(path, name, argument, dotted)
        elif name == "$elemMatch":
            if isinstance(argument, Mapping) and any(
                _is_operator(key) and key not in TOP_OPERATORS for key in argument
            ):
                self._operators(path, argument, dotted)
            else:
                self.read(path, argument, relative=True)
        elif name not in FIELD_OPERATORS:
            self._findings.say(path, _unknown(name, FIELD_OPERATORS))
        else:
            allowed = _allowed_argument(name, argument, siblings)
            if allowed is not None:
                self._findings.say(path, worded(f"{name} takes something else", argument, allowed=allowed))
            self._findings.data(path, argument)

    def _nested(self, path: Path, name: str, argument: object, dotted: str) -> None:
        if isinstance(argument, Mapping) and any(_is_operator(key) for key in argument):
            self._operators(path, argument, dotted)
        else:
            self._findings.say(path, worded(f"{name} takes a mapping of operators", argument, allowed="{$gt: 5}"))

    def _list(self, path: Path, name: str, argument: object, dotted: str) -> None:
        if not isinstance(argument, list):
            self._findings.say(path, worded(f"{name} takes a list", argument, allowed="[value, …]"))
            return
        for index, item in enumerate(argument):
            if name == "$all" and isinstance(item, Mapping) and list(item) == ["$elemMatch"]:
                self._operators((*path, index), item, dotted)
            else:
                self._literal((*path, index), item, dotted)

    def _literal(self, path: Path, value: object, dotted: str) -> None:
        """Read data that a field is compared with."""
        self._findings.data(path, value)
        self._look_alikes(path, value, dotted)

    def _look_alikes(self, path: Path, value: object, dotted: str) -> None:
        if isinstance(value, str) and _PATH_AS_TEXT.fullmatch(value):
            self._findings.say(
                path,
                worded("compares with this very text", value, allowed=f'{{$expr: {{$eq: ["${dotted}", "{value}"]}}}}'),
            )
        elif isinstance(value, Mapping):
            for key, item in value.items():
                if _is_operator(key):
                    self._findings.say(
                        (*path, key),
                        worded(
                            "an operator inside an object that is compared as a whole",
                            key,
                            allowed=f'"{dotted}": {{{key}: …}}, the path with dots',
                        ),
                    )
                else:
                    self._look_alikes((*path, key), item, f"{dotted}.{key}")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._look_alikes((*path, index), item, dotted)


def _is_operator(key: object) -> bool:
    return isinstance(key, str) and key.startswith("$")


def _is_whole(value: object, least: int = 0) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _allowed_argument(name: str, argument: object, siblings: Mapping[object, object]) -> str | None:
    """What the operator takes, where the argument is something else; None where it fits."""
    if name == "$exists":
        return None if isinstance(argument, bool) else "true, false"
    if name == "$size":
        return None if _is_whole(argument) else "a whole number from 0"
    if name == "$regex":
        return None if isinstance(argument, str) else "a text"
    if name == "$options":
        fits = isinstance(argument, str) and "$regex" in siblings and set(argument) <= set(REGEX_OPTIONS)
        return None if fits else f"letters of {REGEX_OPTIONS}, beside $regex"
    if name == "$type":
        types = argument if isinstance(argument, list) else [argument]
        fits = bool(types) and all(item in TYPES if isinstance(item, str) else _is_type_number(item) for item in types)
        return None if fits else "a type or a list of types: " + ", ".join(TYPES)
    if name == "$mod":
        fits = isinstance(argument, list) and len(argument) == 2 and all(_is_whole(item, -(2**63)) for item in argument)
        return None if fits and isinstance(argument, list) and argument[0] != 0 else "[divisor, remainder]"
    if name in BITS:
        positions = argument if isinstance(argument, list) else [argument]
        return None if all(_is_whole(item) for item in positions) else "a mask, or a list of positions from 0"
    if name in AREAS:
        return None if isinstance(argument, Mapping) else "{$geometry: …}"
    return None


def _is_type_number(value: object) -> bool:
    return _is_whole(value, -1) and value in _TYPE_NUMBERS


def _unknown(name: str, here: tuple[str, ...]) -> str:
    if name in REFUSED_IN_QUERIES:
        return worded(f"{name} {REFUSED_IN_QUERIES[name]}", name, allowed=here)
    if name in FIELD_OPERATORS:
        return worded("stands below a field, not in its place", name, allowed=f"{{input.age: {{{name}: …}}}}, $expr")
    if name in TOP_OPERATORS:
        return worded("stands in place of a field, not below one", name, allowed=f"{{{name}: …}}")
    meant = nearest(name, here)
    if name in EXPRESSION_OPERATORS:
        return worded("an operator of expressions, not of queries", name, allowed=f"{{$expr: {{{name}: …}}}}")
    return worded("unknown operator", name, allowed="" if meant else here, meant=meant)
