"""The few expressions that simulated definitions use, evaluated here and, once more, by the oracle.

JSON texts: `{"const": VALUE}`, `{"raises": MESSAGE}`, `{"result": [NAME, VALUE]}` (is that its result?),
`{"errors": NAME}` (has it an error?), `{"fewer": [PHASE, N]}` (visited fewer times?), `{"of": NAME}` (its result, or
null). They read `results`, `errors` and `visits`, as MongoDB's expressions do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from phaseline_runtime.engine.questions import Answer


def answer(text: str, seen: Mapping[str, Any]) -> Answer:
    """The value of an expression on a document."""
    [(operator, value)] = json.loads(text).items()
    match operator:
        case "const":
            return Answer(value)
        case "raises":
            return Answer(error=value)
        case "result":
            return Answer(seen["results"].get(value[0]) == value[1])
        case "errors":
            return Answer(value in seen["errors"])
        case "fewer":
            return Answer(seen["visits"].get(value[0], 0) < value[1])
        case "of":
            return Answer(seen["results"].get(value))
    raise ValueError(f"no such expression: {text}")
