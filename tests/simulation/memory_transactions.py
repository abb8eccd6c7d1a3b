"""Sessions in memory. A transaction of the product's own is one operation; one of a job's lasts as long as its handler.

What a job's transaction writes is there once it commits, all at once, unless somebody has written the same documents
since it began: then it is in conflict and nothing of it is there. MongoDB lets the second writer wait or fail, here
whoever commits first wins; that is what both look like from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from phaseline.testing import memory
from phaseline_runtime.store.store import DUPLICATE_KEY

if TYPE_CHECKING:
    from tests.simulation.memory_database import Collection, Database

_CONFLICT, _NO_SUCH_TRANSACTION = 112, 251
LIFETIME = 60.0
"""Seconds after which MongoDB aborts a transaction."""


class Session(memory.Session):
    """A session."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.transaction: Transaction | None = None

    @property
    def client(self) -> Database:
        """The client, by which a handler finds its collections: there is one database."""
        return self._database

    def with_transaction(self, callback: Callable[[Session], Any]) -> Any:
        """Run the callback as one operation; where it raises, nothing of it has happened."""
        return self._database.gated(partial(self._run, callback))

    def _run(self, callback: Callable[[Session], Any]) -> Any:
        return self._database.atomically(lambda: callback(self))

    @property
    def in_transaction(self) -> bool:
        """Whether one has begun that is not committed."""
        return self.transaction is not None

    def start_transaction(self, **_: Any) -> None:
        """Begin a transaction that lasts."""
        self.transaction = Transaction(self._database)

    def commit_transaction(self) -> None:
        """Let what was written take effect. Sending it again is safe."""
        assert self.transaction is not None
        self.transaction.commit()

    def end_session(self) -> None:
        """What was not committed is gone."""
        self.transaction = None


class Transaction:
    """What was written since it began.

    The writes are kept here and not in the database, so they come about again when a held call is run again; what
    has to be known only once is an operation of the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.number: int
        self._begun: float
        self.number, self._begun = database.gated(lambda: (database.next_number(), database.time()))
        self._writes: list[Callable[[], None]] = []

    def insert(self, into: Collection, document: Mapping[str, Any]) -> None:
        """Insert a document. Raises DuplicateKeyError, and OperationFailure where it is in conflict."""
        self._database.gated(partial(self._must_be_free, into, document["_id"]))
        self._writes.append(lambda: self._insert(into, document))

    def update(self, of: Collection, query: Mapping[str, Any], change: Mapping[str, Any]) -> None:
        """Change one document. Raises OperationFailure where it is in conflict."""
        self._database.gated(partial(self._must_be_unchanged, of, query["_id"]))
        self._writes.append(lambda: self._update(of, query, change))

    def commit(self) -> None:
        """Raises OperationFailure where it is in conflict, and PyMongoError where the answer got lost."""
        self._database.gated(self._commit)

    def _commit(self) -> None:
        lost = self._database.lost()
        if self.number not in self._database.committed and self._database.time() - self._begun > LIFETIME:
            raise _aborted("the transaction was open for too long", _NO_SUCH_TRANSACTION)
        if lost != "before" and self.number not in self._database.committed:
            self._database.atomically(lambda: [write() for write in self._writes])
            self._database.committed.add(self.number)
        if lost is not None:
            raise PyMongoError("no answer to the commit", error_labels=["UnknownTransactionCommitResult"])

    def _insert(self, into: Collection, document: Mapping[str, Any]) -> None:
        self._must_be_free(into, document["_id"])
        into.insert_one(document)

    def _update(self, of: Collection, query: Mapping[str, Any], change: Mapping[str, Any]) -> None:
        self._must_be_unchanged(of, query["_id"])
        of.update_one(query, change, upsert=True)

    def _must_be_free(self, into: Collection, identifier: str) -> None:
        if identifier in into.documents:
            self._must_be_unchanged(into, identifier)
            raise DuplicateKeyError(f"duplicate key {identifier}", DUPLICATE_KEY)

    def _must_be_unchanged(self, of: Collection, identifier: str) -> None:
        if of.versions.get(identifier, 0) > self.number:
            raise _aborted(f"write conflict on {identifier}", _CONFLICT)


def _aborted(why: str, code: int) -> OperationFailure:
    return OperationFailure(why, code, {"errorLabels": ["TransientTransactionError"]})
