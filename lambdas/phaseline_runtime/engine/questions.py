"""What the engine cannot know by itself: expressions for the store to evaluate, and the answers it gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

FIELDS = ("input", "results", "errors", "visits")
"""The parts of the execution document that expressions see."""


class Kind(StrEnum):
    """What the text of a question is, and what its answer is to be."""

    QUERY = "query"
    """A MongoDB query: does the document match?"""
    EXPRESSION = "expression"
    """A MongoDB aggregation expression: what is its value?"""
    INPUT_OF = "input_of"
    """The id of a `triggered`: what is its input?"""
    EFFECT_OF = "effect_of"
    """The id of a `success`: what was the attempt's input, and what its output?"""
    SUCCESSES = "successes"
    """Names of jobs: which attempts of them have succeeded and were not undone, as [round, name, attempt]?"""


class Owner(StrEnum):
    """Which bundled Lambda inserts what follows from it."""

    ORCHESTRATOR = "orchestrator"
    """The entries of jobs."""
    STATEMACHINE = "statemachine"
    """Everything else."""


@dataclass(frozen=True, slots=True)
class Question:
    """One expression, under a key that names its place in one round of one execution."""

    key: str
    kind: Kind
    text: str
    owner: Owner
    until: int | None = None
    """The round up to which it sees the results of jobs: what undoes one in a loop sees what that one could see."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The value of an expression (True or False for a query), or the message of the error that it raised.

    `large` says that the value is too large to travel in an event.
    """

    value: Any = None
    error: str | None = None
    large: bool = False


class ExpressionFailed(Exception):
    """An expression raised an error, or gave what is of no use: the job or the round that has asked fails by it."""


Answers = Mapping[str, Answer]


class Inquiry:
    """Looks answers up, and collects the questions that have none yet."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.open: dict[str, Question] = {}

    def ask(self, key: str, kind: Kind, text: str, owner: Owner, *, until: int | None = None) -> Answer | None:
        """The answer, or None where it has to be asked for."""
        answer = self._answers.get(key)
        if answer is None:
            self.open[key] = Question(key, kind, text, owner, until)
        return answer
