"""The few MongoDB queries and expressions that simulated definitions use, evaluated here and, once more, by the oracle.

They read `results`, `errors` and `visits`. That MongoDB answers them alike is shown by
`tests/integration/test_memory_store.py`, which asks a server the same questions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from phaseline_runtime.engine.questions import Answer, Kind

ALWAYS = json.dumps({"$expr": True})
NEVER = json.dumps({"$expr": False})
FAULTY_QUERY = json.dumps({"$expr": {"$divide": [1, 0]}})
FAULTY = json.dumps({"$divide": [1, 0]})
TOO_LARGE = "x" * 9_000
"""A text that no event carries."""


def returned(name: str, value: int) -> str:
    """The query whether this is a job's result."""
    return json.dumps({f"results.{name}": value})


def has_failed(name: str) -> str:
    """The query whether a job has an error."""
    return json.dumps({f"errors.{name}": {"$exists": True}})


def visited_fewer(phase: str, times: int) -> str:
    """The query whether a phase was visited fewer times than that."""
    return json.dumps({f"visits.{phase}": {"$lt": times}})


def result_of(name: str) -> str:
    """The expression of a job's result; null where there is none."""
    return json.dumps(f"$results.{name}")


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


def _matches(query: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    [(path, wanted)] = query.items()
    if path == "$expr":
        return bool(_value(wanted, seen))
    field, name = path.split(".")
    found = seen[field].get(name)
    match wanted:
        case {"$exists": there}:
            return (name in seen[field]) is there
        case {"$lt": number}:
            return found is not None and bool(found < number)
        case _:
            return bool(found == wanted)


def _value(expression: Any, seen: Mapping[str, Any]) -> Any:
    match expression:
        case "$input":
            return seen["input"]
        case str() if expression.startswith("$results."):
            return seen["results"].get(expression.removeprefix("$results."))
        case {"$divide": [dividend, divisor]}:
            return dividend / divisor
        case {"$literal": value}:
            return value
        case {"$toDate": text}:
            return datetime.fromisoformat(text)
        case bool():
            return expression
    raise ValueError(f"no such expression: {expression}")
