"""The few MongoDB queries and expressions that random definitions use, evaluated here and, once more, by the oracle.

They read `input`, `results`, `errors` and `visits`. That MongoDB answers them alike is shown by
`tests/integration/test_memory_store.py`, which asks a server the same questions. Others, of a config file, are
evaluated by a server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from phaseline.testing.memory import Collection
from phaseline_runtime.engine.questions import Answer, Kind, Owner, Question
from phaseline_runtime.store.expressions import evaluate

ALWAYS = json.dumps({"$expr": True})
NEVER = json.dumps({"$expr": False})
FAULTY_QUERY = json.dumps({"$expr": {"$divide": [1, 0]}})
GIVEN = json.dumps("$input.n")
FAULTY = json.dumps({"$divide": [1, 0]})
TOO_LARGE = "x" * 9_000
"""A text that no event carries."""


class NotKnownHere(Exception):
    """An expression of somebody's own, which MongoDB has to evaluate."""


def returned(name: str, value: int) -> str:
    """The query whether this is a job's result."""
    return json.dumps({f"results.{name}": value})


def has_failed(name: str) -> str:
    """The query whether a job has an error."""
    return json.dumps({f"errors.{name}": {"$exists": True}})


def failed_with(name: str, error: str) -> str:
    """The query whether a job has failed with this error."""
    return json.dumps({f"errors.{name}.type": error})


def given(value: int) -> str:
    """The query whether the execution's input has this number."""
    return json.dumps({"input.n": value})


def either(*queries: str) -> str:
    """The query whether one of these holds."""
    return json.dumps({"$or": [json.loads(query) for query in queries]})


def visited_fewer(phase: str, times: int) -> str:
    """The query whether a phase was visited fewer times than that."""
    return json.dumps({f"visits.{phase}": {"$lt": times}})


def result_of(name: str) -> str:
    """The expression of a job's result; null where there is none."""
    return json.dumps(f"$results.{name}")


def error_of(name: str) -> str:
    """The expression of what a job has failed with; null where it has not."""
    return json.dumps({"$ifNull": [f"$errors.{name}.type", None]})


def literal(value: str) -> str:
    """The expression of a text."""
    return json.dumps({"$literal": value})


def date(text: str) -> str:
    """The expression of a date, from its text."""
    return json.dumps({"$toDate": text})


def answer(kind: Kind, text: str, seen: Mapping[str, Any]) -> Answer:
    """Whether a document matches a query, or the value of an expression on it."""
    try:
        found = json.loads(text)
        value = _matches(found, seen) if kind is Kind.QUERY else _value(found, seen)
        return Answer(value, large=value == TOO_LARGE)
    except ZeroDivisionError as error:
        return Answer(error=str(error))
    except NotKnownHere:
        return _by_mongodb(kind, text, seen)


def _by_mongodb(kind: Kind, text: str, seen: Mapping[str, Any]) -> Answer:
    document = {"_id": "asked", **seen}
    documents = Collection()
    documents.put(document)
    question = Question("mine", kind, text, Owner.STATEMACHINE)
    return evaluate(cast(Any, documents), document, [question])[question.key]


def _matches(query: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    if len(query) != 1:
        raise NotKnownHere(query)
    [(path, wanted)] = query.items()
    if path == "$expr":
        return bool(_value(wanted, seen))
    if path == "$or":
        return any(_matches(each, seen) for each in wanted)
    if path.startswith("$"):
        raise NotKnownHere(query)
    found: Any = seen
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    match wanted:
        case {"$exists": there}:
            return (found is not None) is there
        case {"$lt": number}:
            return found is not None and bool(found < number)
        case Mapping():
            raise NotKnownHere(wanted)
        case _:
            return bool(found == wanted)


def _value(expression: Any, seen: Mapping[str, Any]) -> Any:
    match expression:
        case "$input":
            return seen["input"]
        case str() if expression.startswith("$results.") and expression.count(".") == 1:
            return seen["results"].get(expression.removeprefix("$results."))
        case "$input.n":
            return seen["input"].get("n")
        case {"$ifNull": [str() as path, None]} if path.startswith("$errors.") and path.count(".") == 2:
            _, name, field = path.split(".")
            return seen["errors"].get(name, {}).get(field)
        case {"$divide": [int(dividend), int(divisor)]}:
            return dividend / divisor
        case {"$literal": value}:
            return value
        case {"$toDate": text}:
            return datetime.fromisoformat(text)
        case bool():
            return expression
    raise NotKnownHere(expression)
