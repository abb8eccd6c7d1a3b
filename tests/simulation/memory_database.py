"""The database in memory of `phaseline.testing`, with what can come between its operations.

Every operation goes through `gate`, which is where a simulated Lambda can be held up or die; what it does is told to
whoever listens. `tests/integration/test_memory_store.py` holds the answers against a server's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from phaseline.testing import memory
from phaseline.testing.memory import Document, Order
from tests.simulation.memory_transactions import Session

Gate = Callable[[Callable[[], Any]], Any]


class Collection(memory.Collection):
    """One collection.

    Besides `inserted`, `attempted` is told of every try to insert, `read` of everything that is read, `asked` of every
    query, and `winners` of what is found by a list of ids, which is how `Store` looks at the slots that it has lost.
    """

    def __init__(self, name: str, database: Database) -> None:
        super().__init__()
        self.name = name
        self.versions: dict[str, int] = {}
        """When each document was last written, as a number of the database."""
        self._database = database
        self.attempted: Callable[[str], None] = lambda _: None
        self.asked: Callable[[Mapping[str, Any]], None] = lambda _: None
        self.winners: Callable[[str], None] = lambda _: None
        self.read: Callable[[str], None] = lambda _: None

    def do(self, operation: Callable[[], Any]) -> Any:
        """Do one operation, when the gate lets it through."""
        return self._database.gated(operation)

    def put(self, document: Mapping[str, Any]) -> None:
        """Store a document as it is now, as a new version."""
        super().put(document)
        self.versions[document["_id"]] = self._database.next_number()

    def find_now(
        self, query: Mapping[str, Any], projection: Mapping[str, int] | None, order: Order, most: int
    ) -> list[Document]:
        """What matches now."""
        self.asked(query)
        found = super().find_now(query, projection, order, most)
        for document in found:
            self.read(document["_id"])
            if isinstance(query.get("_id"), Mapping):
                self.winners(document["_id"])
        return found

    def insert_one(self, document: Mapping[str, Any], *, session: Session | None = None) -> None:
        """Insert one document; what a transaction inserts is there once that commits. Raises DuplicateKeyError."""
        if session is not None and session.transaction is not None:
            session.transaction.insert(self, document)
        else:
            super().insert_one(document)
            if self._database.sent_again():
                super().insert_one(document)

    def insert_many(self, documents: Sequence[Mapping[str, Any]], *, ordered: bool) -> None:
        """Insert one after the other up to the first duplicate. Raises BulkWriteError."""
        super().insert_many(documents, ordered=ordered)
        if self._database.sent_again():
            super().insert_many(documents, ordered=ordered)

    def insert_now(self, document: Mapping[str, Any]) -> bool:
        """Insert a document if its id is free; whether it was."""
        new = super().insert_now(document)
        self.attempted(document["_id"])
        return new

    def update_one(
        self,
        query: Mapping[str, Any],
        change: Mapping[str, Document],
        *,
        upsert: bool = False,
        session: Session | None = None,
    ) -> None:
        """Update one document; what a transaction changes is changed once that commits."""
        if session is not None and session.transaction is not None:
            session.transaction.update(self, query, change)
        else:
            super().update_one(query, change, upsert=upsert)


class Database(memory.Database):
    """The collections by name."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate
        self._collections: dict[str, Collection] = {}  # type: ignore[assignment]
        self._inside = False
        self.folded: dict[str, frozenset[str]] = {}
        """For every execution, the ids of the statuses that are folded into its document."""
        self.numbered = 0
        """How many writes and transactions there were."""
        self.committed: set[int] = set()
        """The numbers of the transactions that have committed."""
        self.time: Callable[[], float] = lambda: 0.0
        """What time it is, in seconds."""
        self.lost: Callable[[], str | None] = lambda: None
        """Whether the answer to a commit gets lost: `before` it takes effect, or `after`."""

        self.repeated: Callable[[], bool] = lambda: False
        """Whether the answer to an insert that has taken effect gets lost, so that the driver sends it again."""

    def __getitem__(self, name: str) -> Collection:
        return self._collections.setdefault(name, Collection(name, self))

    def start_session(self) -> Session:
        """A new session."""
        return Session(self)

    def sent_again(self) -> bool:
        """Whether an insert is sent again, which is no matter within a transaction: there nobody does so."""
        return not self._inside and self.repeated()

    def next_number(self) -> int:
        """A number larger than all before."""
        self.numbered += 1
        return self.numbered

    def gated(self, operation: Callable[[], Any]) -> Any:
        """Do one operation, if the process that asks for it lives."""
        return operation() if self._inside else self._gate(operation)

    def atomically(self, callback: Callable[[], Any]) -> Any:
        """Run without a gate; undo everything where it raises. What was told to `inserted` must wait for the end."""
        before = {name: (dict(item.documents), dict(item.readable)) for name, item in self._collections.items()}
        folded = dict(self.folded)
        self._inside = True
        try:
            return callback()
        except BaseException:
            for name, (documents, readable) in before.items():
                self._collections[name].documents = documents
                self._collections[name].readable = readable
            self.folded = folded
            raise
        finally:
            self._inside = False
