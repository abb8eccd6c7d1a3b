"""Checks conditions and inputs, and tells what they read. It evaluates nothing: that is for MongoDB."""

from __future__ import annotations

from typing import Literal

from phaseline.config.expressions.expression_reader import ExpressionReader
from phaseline.config.expressions.findings import Findings
from phaseline.config.expressions.problems import Path
from phaseline.config.expressions.query_reader import QueryReader

Language = Literal["query", "expression"]
"""A `when` is a query, an `input` an expression."""


def inspect(value: object, language: Language, *, path: Path = ()) -> Findings:
    """Everything there is to say of a condition or an input that stands at `path`."""
    findings = Findings()
    if language == "query":
        QueryReader(findings).read(path, value)
    else:
        ExpressionReader(findings).read(path, value)
    return findings
