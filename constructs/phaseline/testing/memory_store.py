"""The product's own store over collections in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from pymongo.client_session import ClientSession

from phaseline.testing.memory import Collection, Database, matches
from phaseline_runtime.definition import Definition
from phaseline_runtime.engine.fold import fold
from phaseline_runtime.engine.wake import wake_at
from phaseline_runtime.statuses import Status
from phaseline_runtime.store import deployments
from phaseline_runtime.store.store import Document, Store


class MemoryStore(Store):
    """A store that nobody else writes to.

    It folds by `engine.fold`, which is what the fold means, instead of by the pipeline that `store.update` renders for
    MongoDB; the product's tests hold the two against each other. Everything else is the store's own.
    """

    def __init__(self, memory: Database) -> None:
        super().__init__(cast(Any, memory))
        self._documents: Collection = memory["state-machines"]

    def deploy(self, definitions: Mapping[str, Definition]) -> None:
        """Let executions of these machines start."""
        deployments.publish(self.database, definitions)

    def _write(
        self, query: Mapping[str, Any], statuses: Sequence[Status], session: ClientSession | None
    ) -> Document | None:
        return self._documents.do(partial(self.write_now, query, statuses))

    def write_now(self, query: Mapping[str, Any], statuses: Sequence[Status]) -> Document | None:
        """Fold statuses, as one operation, into the document that matches; the document as it is then, if one does."""
        document = self._documents.get(query["_id"])
        if document is None or not matches(document, query):
            return None
        self.replace(document, statuses)
        [written] = self._documents.find_now({"_id": document["_id"]}, None, (), 1)
        return written

    def replace(self, document: Document, statuses: Sequence[Status]) -> None:
        """Put this document, with the statuses folded in, in the place of what is there."""
        folded = fold(document, statuses)
        self._documents.put({**folded, "wakeAt": wake_at(folded)})
