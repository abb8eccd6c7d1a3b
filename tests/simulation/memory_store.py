"""The real `Store` over collections in memory.

Only what MongoDB itself computes is done here: the fold by `engine.fold` and `engine.wake` instead of the pipeline
that `store.update` renders, and the expressions by `expressions`. All the rest is the product's own code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from pymongo.client_session import ClientSession

from phaseline_runtime.definition import Definition
from phaseline_runtime.engine.fold import fold
from phaseline_runtime.engine.questions import Answer, Kind, Question
from phaseline_runtime.engine.wake import wake_at
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Document, Store
from tests.simulation.expressions import answer
from tests.simulation.memory_database import Collection, Database, matches

_EXPRESSIONS = (Kind.QUERY, Kind.EXPRESSION)
"""The questions that MongoDB evaluates; all others are look-ups, which are the product's own."""


class MemoryStore(Store):
    """A store of one simulated database.

    `known` holds, for every execution, the ids of the statuses that are folded into its document.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(cast(Any, database))
        self._documents: Collection = database["state-machines"]
        self._definitions: Collection = database["definitions"]
        self.known: dict[str, frozenset[str]] = {}
        self.answered: Callable[[str], None] = lambda _: None

    def definition(self, digest: str) -> Definition:
        """The definition with this hash. It never changes, so that reading it is no operation of interest."""
        if digest not in self._compiled:
            document = self._definitions.get(digest)
            if document is None:
                raise LookupError(f"definition {digest} is not in the database")
            self._compiled[digest] = Definition.from_document(document)
        return self._compiled[digest]

    def _write(self, query: Mapping[str, Any], statuses: Sequence[Status], session: ClientSession | None) -> bool:
        """Fold statuses in one operation, if their execution's document is as it is asked for."""
        return bool(self._documents.gate(partial(self.write_now, query, statuses)))

    def write_now(self, query: Mapping[str, Any], statuses: Sequence[Status]) -> bool:
        """Fold them now; whether there is such a document."""
        document = self._documents.get(query["_id"])
        if document is None or not matches(document, query):
            return False
        self.replace(document, statuses, self.known.get(query["_id"], frozenset()))
        return True

    def replace(self, document: Document, statuses: Sequence[Status], known: frozenset[str]) -> None:
        """Put this document with the statuses folded in, in the place of what is there."""
        execution = document["_id"]
        folded = fold(document, statuses)
        folded["wakeAt"] = wake_at(folded)
        self._documents.put(folded)
        self.known[execution] = known | {status.id for status in statuses}

    def evaluate(self, state: Mapping[str, Any], questions: Sequence[Question]) -> dict[str, Answer]:
        """Answer the questions on the stored document, with `visits` and `errors` as planned."""
        given = [question for question in questions if question.kind not in _EXPRESSIONS]
        answers = super().evaluate(state, given) if given else {}
        expressions = [question for question in questions if question.kind in _EXPRESSIONS]
        if not expressions:
            return answers
        return {**answers, **self._documents.gate(partial(self.evaluate_now, state, expressions))}

    def evaluate_now(self, state: Mapping[str, Any], questions: Sequence[Question]) -> dict[str, Answer]:
        """What these expressions are on the document as it is now."""
        document = self._documents.get(state["_id"])
        assert document is not None
        seen = document | {"visits": state["visits"], "errors": state["errors"]}
        for question in questions:
            self.answered(question.key)
        return {question.key: answer(question.kind, question.text, seen) for question in questions}
