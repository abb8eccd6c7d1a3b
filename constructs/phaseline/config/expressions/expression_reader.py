"""Reads an aggregation expression as MongoDB would: its operators, their arguments, field paths and variables.

It evaluates nothing, and types are not checked: what a path holds is known at run time alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from phaseline.config.expressions.findings import Findings
from phaseline.config.expressions.operators import (
    ANY_NUMBER,
    EXPRESSION_OPERATORS,
    INSTEAD_OF_QUERY_OPERATOR,
    REFUSED_IN_EXPRESSIONS,
    SYSTEM_VARIABLES,
    Either,
    Named,
    Positional,
)
from phaseline.config.expressions.problems import Path, is_open, nearest, worded
from phaseline.config.expressions.query_operators import FIELD_OPERATORS, TOP_OPERATORS
from phaseline_runtime.engine.questions import FIELDS

Scope = frozenset[str]
"""The variables that an enclosing operator has defined."""

_VARIABLE = re.compile(r"[a-z\u0080-\U0010ffff][A-Za-z0-9_\u0080-\U0010ffff]*")
_WHOLE_DOCUMENT = ("ROOT", "CURRENT")
_LITERAL = 'for a text that begins with $ write {$literal: "…"}'


class ExpressionReader:
    """Reads expressions into `findings`."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    def read(self, path: Path, value: object, scope: Scope = frozenset()) -> None:
        """Read one expression; `scope` are the variables it may use besides the server's."""
        if isinstance(value, str):
            self._text(path, value, scope)
        elif isinstance(value, Mapping):
            self._mapping(path, value, scope)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.read((*path, index), item, scope)
        else:
            self._findings.data(path, value)

    def _text(self, path: Path, text: str, scope: Scope) -> None:
        if is_open(text):
            return
        if text.startswith("$$"):
            self._variable(path, text, scope)
        elif text == "$":
            self._findings.say(path, worded("names no field", text, allowed=f"$ and a path; {_LITERAL}"))
        elif text.startswith("$"):
            self._findings.field(path, text[1:])

    def _variable(self, path: Path, text: str, scope: Scope) -> None:
        name, *rest = text[2:].split(".")
        if name in scope or name in SYSTEM_VARIABLES:
            if rest:
                self._findings.parts(path, ".".join(rest))
        elif name in _WHOLE_DOCUMENT:
            self._findings.read_all(path)
            self._findings.say(
                path,
                worded("reads the whole document: name the fields", text, allowed=[f"${field}" for field in FIELDS]),
            )
        else:
            known = sorted(scope) + list(SYSTEM_VARIABLES)
            meant = nearest(name, known)
            self._findings.say(
                path,
                worded(
                    "undefined variable",
                    text,
                    allowed=[f"$${variable}" for variable in known],
                    meant=None if meant is None else ".".join([f"$${meant}", *rest]),
                ),
            )

    def _mapping(self, path: Path, value: Mapping[object, object], scope: Scope) -> None:
        keys = [key for key in value if self._findings.is_name(path, key)]
        operators = [key for key in keys if isinstance(key, str) and key.startswith("$")]
        if operators and len(keys) > 1:
            self._findings.say(
                path,
                worded(
                    "more than one operator, or operators and plain keys, in one object",
                    ", ".join(map(str, keys)),
                    allowed="one operator alone, or plain keys",
                ),
            )
        for key, item in value.items():
            if not isinstance(key, str):
                continue
            if key.startswith("$"):
                self._operator((*path, key), key, item, scope)
            else:
                self._plain_key((*path, key), key)
                self.read((*path, key), item, scope)

    def _plain_key(self, path: Path, key: str) -> None:
        if not key or "." in key or "\0" in key:
            self._findings.say(path, worded("not a name for a field", key, allowed="names without dots, not empty"))

    def _operator(self, path: Path, name: str, argument: object, scope: Scope) -> None:
        known = EXPRESSION_OPERATORS.get(name)
        if known is None:
            self._findings.say(path, _unknown(name))
        elif name == "$literal":
            self._findings.data(path, argument)
        elif isinstance(known, Named) or (isinstance(known, Either) and _is_named(name, argument)):
            self._named(path, name, argument, known if isinstance(known, Named) else known.named, scope)
        else:
            self._positional(path, name, argument, known if isinstance(known, Positional) else known.positional, scope)

    def _positional(self, path: Path, name: str, argument: object, known: Positional, scope: Scope) -> None:
        arguments = argument if isinstance(argument, list) else [argument]
        count = 0 if known.most == 0 and argument == {} else len(arguments)
        if not known.least <= count <= known.most:
            self._findings.say(path, worded(f"{name} takes other arguments", count, allowed=_count(known)))
        self.read(path, argument, scope)

    def _named(self, path: Path, name: str, argument: object, known: Named, scope: Scope) -> None:
        if name == "$getField" and not isinstance(argument, Mapping):
            self._field_of_document(path, argument)
            return
        if not isinstance(argument, Mapping):
            self._findings.say(path, worded(f"{name} takes a mapping", argument, allowed=known.names))
            return
        for key in argument:
            if self._findings.is_name(path, key) and key not in known.names:
                meant = nearest(key, known.names)
                self._findings.say(
                    (*path, key), worded(f"{name} has no such argument", key, allowed=known.names, meant=meant)
                )
        for key in known.required:
            if key not in argument:
                self._findings.say(path, worded(f'{name} lacks "{key}"', list(argument), allowed=known.names))
        arguments = {key: item for key, item in argument.items() if key in known.names}
        self._arguments(path, name, arguments, scope)

    def _arguments(self, path: Path, name: str, arguments: dict[str, object], scope: Scope) -> None:
        """Read the arguments, most of which are expressions; those that differ are taken out first."""
        if name == "$getField" and "input" not in arguments and "field" in arguments:
            self._field_of_document((*path, "field"), arguments.pop("field"))
        elif name == "$sortArray" and "sortBy" in arguments:
            self._sort_order((*path, "sortBy"), arguments.pop("sortBy"))
        elif name == "$switch" and "branches" in arguments:
            self._branches((*path, "branches"), arguments.pop("branches"), scope)
        elif name == "$let":
            scope = self._own_scope(path, arguments, scope)
        elif name == "$reduce" and "in" in arguments:
            self.read((*path, "in"), arguments.pop("in"), scope | {"this", "value"})
        elif name in ("$map", "$filter"):
            inner = scope | {self._alias((*path, "as"), arguments.pop("as", "this"))}
            for key in ("in", "cond"):
                if key in arguments:
                    self.read((*path, key), arguments.pop(key), inner)
        for key, item in arguments.items():
            self.read((*path, key), item, scope)

    def _own_scope(self, path: Path, arguments: dict[str, object], scope: Scope) -> Scope:
        """The scope of a `$let`'s `in`. Its variables are read in the outer scope: they do not see each other."""
        variables = arguments.pop("vars", {})
        if not isinstance(variables, Mapping):
            self._findings.say((*path, "vars"), worded("not a mapping", variables, allowed="names with expressions"))
            return scope
        names = set()
        for name, item in variables.items():
            names.add(self._alias((*path, "vars", name), name))
            self.read((*path, "vars", name), item, scope)
        return scope | names

    def _alias(self, path: Path, name: object) -> str:
        if not isinstance(name, str) or _VARIABLE.fullmatch(name) is None:
            self._findings.say(
                path,
                worded(
                    "not a name for a variable", name, allowed="a small letter, then letters, digits and underscores"
                ),
            )
        return str(name)

    def _branches(self, path: Path, branches: object, scope: Scope) -> None:
        if not isinstance(branches, list) or not branches:
            self._findings.say(path, worded("not a list of branches", branches, allowed="[{case: …, then: …}, …]"))
            return
        for index, branch in enumerate(branches):
            self._named((*path, index), "a branch of $switch", branch, Named(("case", "then")), scope)

    def _sort_order(self, path: Path, order: object) -> None:
        """1 or -1 for plain values; for objects a mapping of the elements' own paths, which are free."""
        orders = order if isinstance(order, Mapping) else {None: order}
        for key, item in orders.items():
            place = path if key is None else (*path, key)
            if isinstance(item, bool) or not isinstance(item, int | float) or item not in (1, -1):
                self._findings.say(place, worded("not a sort order", item, allowed="1, -1"))
        if not orders:
            self._findings.say(path, worded("not a sort order", order, allowed="1, -1, {path: 1 or -1, …}"))

    def _field_of_document(self, path: Path, name: object) -> None:
        """A `$getField` without `input` reads the document's own field, so its name has to be known here."""
        if isinstance(name, Mapping) and list(name) == ["$literal"]:
            name = name["$literal"]
        if isinstance(name, str) and not name.startswith("$"):
            if name in FIELDS:
                self._findings.field(path, name)
            else:
                self._findings.say(
                    path,
                    worded(
                        "reads a field that conditions cannot see", name, allowed=FIELDS, meant=nearest(name, FIELDS)
                    ),
                )
            return
        self._findings.read_all(path)
        self._findings.say(path, worded('$getField without "input" needs a plain name', name, allowed=FIELDS))


def _is_named(name: str, argument: object) -> bool:
    """Whether an operator with both forms got named arguments: `{$year: {$toDate: …}}` got an expression."""
    if not isinstance(argument, Mapping):
        return False
    return name == "$cond" or not any(isinstance(key, str) and key.startswith("$") for key in argument)


def _count(known: Positional) -> str:
    if known.most == 0:
        return "{}"
    if known.most == ANY_NUMBER:
        return f"a list of {known.least} or more"
    if known.least == known.most:
        return "one" if known.most == 1 else f"a list of {known.most}"
    return f"a list of {known.least} to {known.most}"


def _unknown(name: str) -> str:
    if name in REFUSED_IN_EXPRESSIONS:
        return worded(f"{name} {REFUSED_IN_EXPRESSIONS[name]}", name, allowed="expression operators")
    if name in INSTEAD_OF_QUERY_OPERATOR or name in FIELD_OPERATORS or name in TOP_OPERATORS:
        return worded(
            "an operator of queries, not of expressions", name, allowed=INSTEAD_OF_QUERY_OPERATOR.get(name, "")
        )
    meant = nearest(name, EXPRESSION_OPERATORS)
    return worded(
        "unknown operator", name, allowed="" if meant else "the expression operators of MongoDB 8.0", meant=meant
    )
