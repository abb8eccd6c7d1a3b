"""Evaluates the engine's questions on the execution document, all of them in one round trip.

Expressions come from the definition alone and see nothing but `input`, `results`, `errors` and `visits`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from phaseline_runtime.engine.questions import FIELDS, Answer, Kind, Question
from phaseline_runtime.masking import masked
from phaseline_runtime.store.storable import size

Document = dict[str, Any]
INPUT_IN_EVENT = 8 * 1024
"""The largest input in bytes that travels in the event; a larger one is read from MongoDB by the runner."""


_READ = re.compile(r"\bresults\b(?:\.([\w-]+))?")


def read_results(text: str, known: Iterable[str]) -> list[str]:
    """The names whose results an expression may read: all that are known where it does not name them."""
    found = set(_READ.findall(text))
    return sorted(found - {""} | ({*known} if "" in found else set()))


def evaluate(
    executions: Collection[Document],
    state: Mapping[str, Any],
    questions: Sequence[Question],
    earlier: Mapping[int, Document] | None = None,
) -> dict[str, Answer]:
    """Answer the questions. Where the shared evaluation fails, each is evaluated alone: one fault spoils one answer.

    `state` is the document as planned: statuses that are about to be inserted have changed `visits` and `errors`.
    `earlier` holds, by the round up to which a question sees results, those that it sees in the place of newer ones.
    """
    try:
        return _evaluate(executions, state, questions, earlier or {})
    except OperationFailure as error:
        if not _is_of_expression(error):
            raise
        if len(questions) == 1:
            return {questions[0].key: Answer(error=_message(error))}
    answers: dict[str, Answer] = {}
    for question in questions:
        answers |= evaluate(executions, state, [question], earlier)
    return answers


def _evaluate(
    executions: Collection[Document],
    state: Mapping[str, Any],
    questions: Sequence[Question],
    earlier: Mapping[int, Document],
) -> dict[str, Answer]:
    facets = {f"q{index}": _facet(question) for index, question in enumerate(questions)}
    planned = {field: {"$literal": state[field]} for field in ("visits", "errors")}
    planned |= {_until(number): {"$literal": results} for number, results in earlier.items()}
    pipeline = [
        {"$match": {"_id": state["_id"]}},
        {"$project": dict.fromkeys(FIELDS, 1)},
        {"$set": planned},
        {"$facet": facets},
    ]
    [found] = executions.aggregate(pipeline)
    return {question.key: _answer(question, found[f"q{index}"]) for index, question in enumerate(questions)}


def _facet(question: Question) -> list[Document]:
    expression = json.loads(question.text)
    if question.kind is Kind.QUERY:
        return [{"$match": expression}, {"$project": {"_id": 1}}]
    evaluated = {"$replaceWith": {"value": expression}}
    if question.until is None:
        return [evaluated]
    return [{"$set": {"results": {"$mergeObjects": ["$results", f"${_until(question.until)}"]}}}, evaluated]


def _until(number: int) -> str:
    """The field that holds the results up to a round."""
    return f"until{number}"


def _answer(question: Question, found: list[Document]) -> Answer:
    if question.kind is Kind.QUERY:
        return Answer(bool(found))
    value = found[0].get("value")
    return Answer(value, large=size(value) > INPUT_IN_EVENT)


def _is_of_expression(error: OperationFailure) -> bool:
    """Whether the server refused what was asked, rather than being unable to answer now."""
    return not (error.has_error_label("RetryableWriteError") or error.has_error_label("TransientTransactionError"))


def _message(error: OperationFailure) -> str:
    details = error.details or {}
    return masked(str(details.get("errmsg") or error))[:500]
