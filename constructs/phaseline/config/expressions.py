"""Checks conditions and inputs, and tells what they read. It evaluates nothing: that is for MongoDB."""

from __future__ import annotations

from typing import Literal

from phaseline.config.expression_reader import ExpressionReader
from phaseline.config.findings import Findings, Read
from phaseline.config.problems import Path, Problem
from phaseline.config.query_reader import QueryReader

Language = Literal["query", "expression"]
"""A `when` is a query, an `input` an expression."""

__all__ = ["Findings", "Language", "Problem", "Read", "check_expression", "check_query", "inspect", "reads"]


def inspect(value: object, language: Language, *, path: Path = ()) -> Findings:
    """Everything there is to say of a condition or an input that stands at `path`."""
    findings = Findings()
    if language == "query":
        QueryReader(findings).read(path, value)
    else:
        ExpressionReader(findings).read(path, value)
    return findings


def check_query(value: object, *, path: Path) -> list[Problem]:
    """The problems of a condition, in the order of its text."""
    return inspect(value, "query", path=path).problems


def check_expression(value: object, *, path: Path) -> list[Problem]:
    """The problems of an input, in the order of its text."""
    return inspect(value, "expression", path=path).problems


def reads(value: object, language: Language) -> set[Read]:
    """What is read: pairs of a part of the document and an entry of it, None for the whole part."""
    return {read for read, _ in inspect(value, language).reads}
