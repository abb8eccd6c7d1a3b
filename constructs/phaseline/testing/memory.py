"""Collections in memory: as much of pymongo's interface as the store, the starter and the operations use.

Documents are kept as BSON, so that nobody can change one that is stored, and times are cut to milliseconds, as in
MongoDB. What MongoDB computes, aggregations, is not done here but by `mongo.evaluate`. The product's simulation of
crashes and delays has its database from here too, and a test of it holds each answer against a server's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Self, TypeVar

import bson
from pymongo.errors import BulkWriteError, DuplicateKeyError

from phaseline.testing import mongo
from phaseline_runtime.store.connection import CODEC
from phaseline_runtime.store.store import DUPLICATE_KEY

Document = dict[str, Any]
Order = Sequence[tuple[str, int]]
T = TypeVar("T")

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$in": lambda found, wanted: found in wanted,
    "$gt": lambda found, wanted: found is not None and found > wanted,
    "$gte": lambda found, wanted: found is not None and found >= wanted,
    "$lt": lambda found, wanted: found is not None and found < wanted,
    "$lte": lambda found, wanted: found is not None and found <= wanted,
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
        self._order = [(keys, direction)] if isinstance(keys, str) else keys
        return self

    def limit(self, most: int) -> Cursor:
        """The first of them."""
        self._most = most
        return self

    def __iter__(self) -> Iterator[Document]:
        return iter(self._find(self._order, self._most))


class Collection:
    """One collection. `inserted` is told of every document that an insert has brought, and leaves it as it is.

    `find_now`, `insert_now` and `update_now` are the operations. Whatever else is asked for has `do` do them, which is
    where a simulation can hold one up; within a bulk, every document is an operation of its own.
    """

    def __init__(self) -> None:
        self.inserted: Callable[[Document], None] = lambda _: None
        self.documents: dict[str, bytes] = {}
        self.readable: dict[str, Document] = {}
        """The same, decoded, to be looked into and never given away."""
        self._of_rounds: dict[int, dict[str, None]] = {}
        """The ids by round, which is how MongoDB finds statuses, too: a loop may have thousands."""

    def __len__(self) -> int:
        return len(self.documents)

    def do(self, operation: Callable[[], T]) -> T:
        """Do one operation."""
        return operation()

    def put(self, document: Mapping[str, Any]) -> None:
        """Store a document as it is now."""
        encoded = bson.encode(document, codec_options=CODEC)
        self.documents[document["_id"]] = encoded
        self.readable[document["_id"]] = bson.decode(encoded, codec_options=CODEC)
        if isinstance(document.get("round"), int):
            self._of_rounds.setdefault(document["round"], {})[document["_id"]] = None

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
        session: Any = None,
    ) -> Document | None:
        """The first document that matches."""
        return next(iter(self.do(partial(self.find_now, query, projection, sort, 1))), None)

    def find(
        self, query: Mapping[str, Any], projection: Mapping[str, int] | None = None, *, session: Any = None
    ) -> Cursor:
        """All documents that match."""
        return Cursor(lambda order, most: self.do(partial(self.find_now, query, projection, order, most)))

    def find_now(
        self, query: Mapping[str, Any], projection: Mapping[str, int] | None, order: Order, most: int
    ) -> list[Document]:
        """What matches now: as many as `most` says, and all of it for 0."""
        found = [key for key in self._candidates(query) if matches(self.readable[key], query)]
        for field, way in reversed(order):
            values = {key: self.readable[key].get(field) for key in found}
            found.sort(key=lambda key: (values[key] is not None, values[key]), reverse=way < 0)
        copies = (bson.decode(self.documents[key], codec_options=CODEC) for key in found[: most or None])
        return [projected(document, projection) for document in copies]

    def insert_one(self, document: Mapping[str, Any], *, session: Any = None) -> None:
        """Insert one document. Raises DuplicateKeyError."""
        if not self.do(partial(self.insert_now, document)):
            raise DuplicateKeyError(f"duplicate key {document['_id']}", DUPLICATE_KEY)

    def insert_many(self, documents: Sequence[Mapping[str, Any]], *, ordered: bool) -> None:
        """Insert one after the other up to the first duplicate. Raises BulkWriteError."""
        for index, document in enumerate(documents):
            if not self.do(partial(self.insert_now, document)):
                raise BulkWriteError({"writeErrors": [{"index": index, "code": DUPLICATE_KEY}]})

    def insert_now(self, document: Mapping[str, Any]) -> bool:
        """Insert a document if its id is free; whether it was."""
        identifier = document["_id"]
        new = identifier not in self.documents
        if new:
            self.put(document)
            self.inserted(self.readable[identifier])
        return new

    def update_one(
        self, query: Mapping[str, Any], change: Mapping[str, Document], *, upsert: bool = False, session: Any = None
    ) -> None:
        """Set or count up fields of the first document that matches; with `upsert`, make one where there is none."""
        self.do(partial(self.update_now, query, change, upsert=upsert))

    def update_now(self, query: Mapping[str, Any], change: Mapping[str, Document], *, upsert: bool) -> None:
        """The update, if there is anything to be updated."""
        found = next(iter(self.find_now(query, None, (), 1)), None)
        if found is None and not upsert:
            return
        document = {**query, **change.get("$setOnInsert", {})} if found is None else found
        counted = {key: document.get(key, 0) + value for key, value in change.get("$inc", {}).items()}
        self.put({**document, **change.get("$set", {}), **counted})

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """What MongoDB makes of the one document that the first stage, a `$match`, finds."""
        found = self.find_one(pipeline[0]["$match"])
        return [] if found is None else mongo.evaluate(found, pipeline)

    def _candidates(self, query: Mapping[str, Any]) -> Iterable[str]:
        """The ids of what may match, by the one key or the other of which a query has most often one."""
        wanted, rounds = query.get("_id"), query.get("round")
        if wanted is not None:
            listed = wanted["$in"] if isinstance(wanted, Mapping) else [wanted]
        elif isinstance(rounds, Mapping) and "$gte" in rounds:
            last = max(self._of_rounds, default=0)
            listed = [key for each in range(rounds["$gte"], last + 1) for key in self._of_rounds.get(each, ())]
        else:
            return self.readable
        return [key for key in listed if key in self.readable]


class Session:
    """The session of a transaction of ours: nothing runs beside it, and nothing in it fails half-way."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def with_transaction(self, callback: Callable[[Self], Any]) -> Any:
        """Run the callback."""
        return callback(self)


class Database:
    """The collections by name; also the client of which nothing but sessions is wanted."""

    name = "memory"

    def __init__(self) -> None:
        self._collections: dict[str, Collection] = {}

    def __getitem__(self, name: str) -> Collection:
        return self._collections.setdefault(name, Collection())

    @property
    def client(self) -> Database:
        """The client."""
        return self

    def start_session(self) -> Session:
        """A new session."""
        return Session()
