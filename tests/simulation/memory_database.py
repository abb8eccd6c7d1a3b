"""Collections in memory: as much of pymongo's interface as `Store`, `starting` and `operations` use.

Documents are kept as BSON, so that nobody can change one that is stored, and times are cut to milliseconds. Every
operation goes through `gate`, which is where a simulated Lambda can be held up or die; within a bulk, every document
is an operation of its own. `tests/integration/test_memory_store.py` holds the answers against a server's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import bson
from pymongo.errors import BulkWriteError, DuplicateKeyError

from phaseline_runtime.store.connection import CODEC
from phaseline_runtime.store.store import DUPLICATE_KEY
from tests.simulation.memory_transactions import Session

Document = dict[str, Any]
Gate = Callable[[Callable[[], Any]], Any]
Order = Sequence[tuple[str, int]]

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$in": lambda found, wanted: found in wanted,
    "$gt": lambda found, wanted: found is not None and found > wanted,
    "$gte": lambda found, wanted: found is not None and found >= wanted,
    "$lte": lambda found, wanted: found is not None and found <= wanted,
    "$lt": lambda found, wanted: found is not None and found < wanted,
    "$ne": lambda found, wanted: found != wanted,
}


def matches(document: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    """Whether a document meets a query of equalities and the operators above, by dotted paths."""
    for path, wanted in query.items():
        found: Any = document
        for key in path.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(wanted, Mapping):
            if not all(_OPERATORS[operator](found, value) for operator, value in wanted.items()):
                return False
        elif found != wanted:
            return False
    return True


def projected(document: Document, projection: Mapping[str, int] | None) -> Document:
    """The fields of a document that a projection asks for, all of which it includes or excludes."""
    if not projection:
        return document
    included = any(projection.values())
    return {key: value for key, value in document.items() if (key in projection) is included or key == "_id"}


class Cursor:
    """What a `find` will find, once somebody looks."""

    def __init__(self, find: Callable[[Order, int], list[Document]]) -> None:
        self._find = find
        self._order: Order = []
        self._most = 0

    def sort(self, keys: str | Order, direction: int = 1) -> Cursor:
        """Sort by one key or by several, as pymongo does; a missing value comes first."""
        self._order = [(keys, direction)] if isinstance(keys, str) else list(keys)
        return self

    def limit(self, most: int) -> Cursor:
        """The first of them."""
        self._most = most
        return self

    def __iter__(self) -> Iterator[Document]:
        return iter(self._find(self._order, self._most))


class Collection:
    """One collection.

    `inserted` is told of every document that was inserted, `attempted` of every try, `read` of everything that is
    read, `asked` of every query, and `winners` of what is found by a list of ids, which is how `Store` looks at the
    slots that it has lost.
    """

    def __init__(self, name: str, database: Database) -> None:
        self.name = name
        self.gate = database.gated
        self.documents: dict[str, bytes] = {}
        self.readable: dict[str, Document] = {}
        self.versions: dict[str, int] = {}
        """When each document was last written, as a number of the database."""
        self._database = database
        self.attempted: Callable[[str], None] = lambda _: None
        self.inserted: Callable[[Document], None] = lambda _: None
        self.asked: Callable[[Mapping[str, Any]], None] = lambda _: None
        self.winners: Callable[[str], None] = lambda _: None
        self.read: Callable[[str], None] = lambda _: None

    def put(self, document: Mapping[str, Any]) -> None:
        """Store a document as it is now."""
        encoded = bson.encode(document, codec_options=CODEC)
        self.documents[document["_id"]] = encoded
        self.readable[document["_id"]] = bson.decode(encoded, codec_options=CODEC)
        self.versions[document["_id"]] = self._database.next_number()

    def get(self, identifier: str) -> Document | None:
        """A copy of the document with this id."""
        encoded = self.documents.get(identifier)
        return None if encoded is None else bson.decode(encoded, codec_options=CODEC)

    def find_one(
        self,
        query: Mapping[str, Any],
        projection: Mapping[str, int] | None = None,
        *,
        sort: Order = (),
        session: Session | None = None,
    ) -> Document | None:
        """The first document that matches."""
        return next(iter(self.gate(partial(self.find_now, query, projection, sort, 1))), None)

    def find(
        self, query: Mapping[str, Any], projection: Mapping[str, int] | None = None, *, session: Session | None = None
    ) -> Cursor:
        """All documents that match."""
        return Cursor(lambda order, most: self.gate(partial(self.find_now, query, projection, order, most)))

    def find_now(
        self, query: Mapping[str, Any], projection: Mapping[str, int] | None, order: Order, most: int
    ) -> list[Document]:
        """What matches now; by `_id`, all of it, unless it is said otherwise."""
        self.asked(query)
        wanted = query.get("_id")
        named = isinstance(wanted, str)
        keys = [key for key in [wanted] if key in self.documents] if named else list(self.readable)
        found = [key for key in keys if matches(self.readable[key], query)]
        for field, way in reversed(order):
            values = {key: self.readable[key].get(field) for key in found}
            found.sort(key=lambda key: (values[key] is not None, values[key]), reverse=way < 0)
        found = found[: most or None]
        for key in found:
            self.read(key)
            if isinstance(wanted, Mapping):
                self.winners(key)
        return [projected(bson.decode(self.documents[key], codec_options=CODEC), projection) for key in found]

    def insert_one(self, document: Mapping[str, Any], *, session: Session | None = None) -> None:
        """Insert one document; what a transaction inserts is there once that commits. Raises DuplicateKeyError."""
        if session is not None and session.transaction is not None:
            session.transaction.insert(self, document)
        elif not self.gate(partial(self.insert_now, document)):
            raise DuplicateKeyError(f"duplicate key {document['_id']}", DUPLICATE_KEY)

    def insert_many(self, documents: Sequence[Mapping[str, Any]], *, ordered: bool) -> None:
        """Insert one after the other up to the first duplicate. Raises BulkWriteError."""
        assert ordered
        for index, document in enumerate(documents):
            if not self.gate(partial(self.insert_now, document)):
                raise BulkWriteError({"writeErrors": [{"index": index, "code": DUPLICATE_KEY}]})

    def insert_now(self, document: Mapping[str, Any]) -> bool:
        """Insert a document if its id is free; whether it was."""
        identifier = document["_id"]
        new = identifier not in self.documents
        if new:
            self.put(document)
            self.inserted(self.readable[identifier])
        self.attempted(identifier)
        return new

    def update_one(
        self,
        query: Mapping[str, Any],
        change: Mapping[str, Document],
        *,
        upsert: bool = False,
        session: Session | None = None,
    ) -> None:
        """Set or count up fields of the first document that matches; with `upsert`, make one where there is none."""
        if session is not None and session.transaction is not None:
            session.transaction.update(self, query, change)
        else:
            self.gate(partial(self.update_now, query, change, upsert=upsert))

    def update_now(self, query: Mapping[str, Any], change: Mapping[str, Document], *, upsert: bool) -> None:
        """The update, if there is anything to be updated."""
        found = next(iter(self.find_now(query, None, (), 1)), None)
        if found is None and not upsert:
            return
        document = {**query, **change.get("$setOnInsert", {})} if found is None else found
        counted = {key: document.get(key, 0) + value for key, value in change.get("$inc", {}).items()}
        self.put({**document, **change.get("$set", {}), **counted})


class Database:
    """The collections by name."""

    name = "simulated"

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._collections: dict[str, Collection] = {}
        self._inside = False
        self.numbered = 0
        """How many writes and transactions there were."""
        self.committed: set[int] = set()
        """The numbers of the transactions that have committed."""
        self.lost: Callable[[], str | None] = lambda: None
        """Whether the answer to a commit gets lost: `before` it takes effect, or `after`."""

    def __getitem__(self, name: str) -> Collection:
        return self._collections.setdefault(name, Collection(name, self))

    @property
    def client(self) -> Database:
        """The client, of which nothing but sessions is wanted."""
        return self

    def start_session(self) -> Session:
        """A new session."""
        return Session(self)

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
        self._inside = True
        try:
            return callback()
        except BaseException:
            for name, (documents, readable) in before.items():
                self._collections[name].documents = documents
                self._collections[name].readable = readable
            raise
        finally:
            self._inside = False
