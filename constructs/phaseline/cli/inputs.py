"""What a user gives as text: an execution's input, and a time."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phaseline_runtime.errors import InvalidInput, UserError
from phaseline_runtime.strict_json import loads

if TYPE_CHECKING:
    from phaseline_runtime.definition import Definition

_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def read_input(given: str, option: str = "--input") -> Any:
    """The value that an option gives: JSON, or `@FILE`. Raises InvalidInput with the place of what is wrong."""
    where = option
    text = given
    if given.startswith("@"):
        where = "stdin" if given == "@-" else given[1:]
        try:
            text = sys.stdin.read() if given == "@-" else Path(where).read_text(encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"{option} {given}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{option} {given}: it is no UTF-8 text ({error.reason})") from error
    try:
        return loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{where} is no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError as error:
        raise InvalidInput(f"{where} is no JSON: {error}") from None


def read_query(given: str) -> dict[str, Any]:
    """The MongoDB query of a `--where`: MongoDB's extended JSON, so that it may have dates. Raises UserError."""
    query = read_input(given, "--where")
    if not isinstance(query, dict) or not query:
        raise UserError('--where takes a MongoDB query, a JSON object with a key such as {"status": "failed"}')
    from phaseline.config.expressions.query_operators import JAVASCRIPT, REFUSED_IN_QUERIES

    for operator in _operators(query):
        if REFUSED_IN_QUERIES.get(operator) == JAVASCRIPT:
            raise UserError(f"--where: {operator} {JAVASCRIPT}; $expr compares fields with each other")
    from bson import json_util
    from bson.errors import BSONError

    try:
        found: dict[str, Any] = json_util.loads(json.dumps(query), json_options=json_util.JSONOptions(tz_aware=True))
    except (BSONError, TypeError, ValueError) as error:
        raise UserError(
            f'--where: {error}; a date is {{"$date": "2026-05-31T12:00:00Z"}}, as extended JSON has it'
        ) from None
    return found


def _operators(value: Any) -> Iterator[str]:
    """All keys in a value, at whatever depth."""
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _operators(inner)


def read_definitions(file: Path) -> dict[str, Definition]:
    """The state machines of a config file, compiled. Raises ConfigError with all its faults."""
    from phaseline.config import compile_definitions, load

    return compile_definitions(load(file, values=os.environ))


def chosen(definitions: Mapping[str, Definition], machine: str) -> Definition:
    """The state machine of this name. Raises UserError where the file does not have it."""
    if machine not in definitions:
        raise UserError(f"the file has no state machine {machine!r}; it has: {', '.join(sorted(definitions))}")
    return definitions[machine]


def read_since(text: str, now: datetime) -> datetime:
    """A time: so long ago, or a date or time; without a zone it is the user's own."""
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    if match:
        try:
            return now - timedelta(seconds=int(match[1]) * _SPANS[match[2]])
        except OverflowError:
            return datetime(1, 1, 1, tzinfo=UTC)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UserError(
            f"--since {text}: got no time; allowed are 30s, 15m, 2h, 7d, 1w, 2026-05-31, 2026-05-31T12:00"
        ) from None
