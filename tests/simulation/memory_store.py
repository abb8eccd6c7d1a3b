"""The store in memory of `phaseline.testing`, which keeps what it has folded, and evaluates without any MongoDB.

Only what MongoDB itself computes is done here and there: the fold by `engine.fold` and `engine.wake` instead of the
pipeline that `store.update` renders, and the expressions by `expressions`. All the rest is the product's own code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from phaseline.testing import memory_store
from phaseline_runtime.definition import Definition
from phaseline_runtime.engine.questions import Answer, Question
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Document, Inserted
from tests.simulation.expressions import answer
from tests.simulation.memory_database import Database


class MemoryStore(memory_store.MemoryStore):
    """A store of one simulated database."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._definitions = database["definitions"]
        self._simulated = database
        self.answered: Callable[[str], None] = lambda _: None
        self.listed: Callable[[Sequence[str]], None] = lambda _: None

    @property
    def known(self) -> dict[str, frozenset[str]]:
        """For every execution, the ids of the statuses that are folded into its document."""
        return self._simulated.folded

    def definition(self, digest: str) -> Definition:
        """The definition with this hash. It never changes, so that reading it is no operation of interest."""
        if digest not in self._compiled:
            document = self._definitions.get(digest)
            if document is None:
                raise LookupError(f"definition {digest} is not in the database")
            self._compiled[digest] = Definition.from_document(document)
        return self._compiled[digest]

    def replace(self, document: Document, statuses: Sequence[Status]) -> None:
        """Put this document, with the statuses folded in, in the place of what is there."""
        super().replace(document, statuses)
        execution = document["_id"]
        self.known[execution] = self.known.get(execution, frozenset()) | {status.id for status in statuses}

    def insert_all(self, statuses: Sequence[Status]) -> Inserted:
        """Insert a plan; `listed` is told of its order."""
        self.listed([status.id for status in statuses])
        return super().insert_all(statuses)

    def _evaluate(
        self, state: Mapping[str, Any], expressions: Sequence[Question], earlier: Mapping[int, Document]
    ) -> dict[str, Answer]:
        """Answer the questions on the stored document, with `visits` and `errors` as planned."""
        return self._documents.do(partial(self.evaluate_now, state, expressions, earlier))

    def evaluate_now(
        self, state: Mapping[str, Any], questions: Sequence[Question], earlier: Mapping[int, Document]
    ) -> dict[str, Answer]:
        """What these expressions are on the document as it is now."""
        document = self._documents.get(state["_id"])
        assert document is not None
        seen = document | {"visits": state["visits"], "errors": state["errors"]}
        found = {}
        for question in questions:
            self.answered(question.key)
            results = {**document["results"], **(earlier[question.until] if question.until is not None else {})}
            found[question.key] = answer(question.kind, question.text, {**seen, "results": results})
        return found
