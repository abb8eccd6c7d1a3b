"""Collections in memory: as much of pymongo's interface as the store, the starter and the operations use.

Documents are kept as BSON, so that nobody can change one that is stored, and times are cut to milliseconds, as in
MongoDB. What MongoDB computes, aggregations, is not done here but by `mongo.evaluate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import bson
from pymongo.errors import BulkWriteError, DuplicateKeyError

from phaseline.testing import mongo
from phaseline_runtime.store.connection import CODEC
from phaseline_runtime.store.store import DUPLICATE_KEY

Document = dict[str, Any]

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


class Cursor(list[Document]):
    """What a `find` found."""

    def sort(self, keys: Any, direction: int = 1) -> Cursor:  # type: ignore[override]
        """Sort by one key or by several, as pymongo does; a missing value comes first."""
        for key, way in reversed([(keys, direction)] if isinstance(keys, str) else keys):
            super().sort(key=lambda item: (item.get(key) is not None, item.get(key)), reverse=way < 0)
        return self

    def limit(self, most: int) -> Cursor:
        """The first of them."""
        return Cursor(self[:most])


class Collection:
    """One collection. `inserted` is told of every document that an insert has brought."""

    def __init__(self) -> None:
        self.inserted: Callable[[Document], None] = lambda _: None
        self._documents: dict[str, bytes] = {}
        self._readable: dict[str, Document] = {}
        """The same, decoded, to be looked into and never given away."""

    def __len__(self) -> int:
        return len(self._documents)

    def put(self, document: Mapping[str, Any]) -> None:
        """Store a document as it is now."""
        encoded = bson.encode(document, codec_options=CODEC)
        self._documents[document["_id"]] = encoded
        self._readable[document["_id"]] = bson.decode(encoded, codec_options=CODEC)

    def find_one(self, query: Mapping[str, Any], *_: Any, sort: Any = None, session: Any = None) -> Document | None:
        """The first document that matches."""
        found = self.find(query)
        return next(iter(found if sort is None else found.sort(sort)), None)

    def find(self, query: Mapping[str, Any], *_: Any, session: Any = None) -> Cursor:
        """All documents that match. A projection is ignored: whoever asks for less copes with more."""
        found = (key for key in self._candidates(query) if matches(self._readable[key], query))
        return Cursor(bson.decode(self._documents[key], codec_options=CODEC) for key in found)

    def insert_one(self, document: Mapping[str, Any], *, session: Any = None) -> None:
        """Insert one document. Raises DuplicateKeyError."""
        if document["_id"] in self._documents:
            raise DuplicateKeyError(f"duplicate key {document['_id']}", DUPLICATE_KEY)
        self.put(document)
        self.inserted(document)  # type: ignore[arg-type]

    def insert_many(self, documents: Sequence[Mapping[str, Any]], *, ordered: bool) -> None:
        """Insert one after the other up to the first duplicate. Raises BulkWriteError."""
        for index, document in enumerate(documents):
            try:
                self.insert_one(document)
            except DuplicateKeyError:
                raise BulkWriteError({"writeErrors": [{"index": index, "code": DUPLICATE_KEY}]}) from None

    def update_one(
        self, query: Mapping[str, Any], change: Mapping[str, Document], *, upsert: bool = False, session: Any = None
    ) -> None:
        """Set fields of the first document that matches; with `upsert`, make one where there is none."""
        found = self.find_one(query)
        if found is not None:
            self.put(found | change.get("$set", {}))
        elif upsert:
            self.put({**query, **change.get("$setOnInsert", {}), **change.get("$set", {})})

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """What MongoDB makes of the one document that the first stage, a `$match`, finds."""
        found = self.find_one(pipeline[0]["$match"])
        return [] if found is None else mongo.evaluate(found, pipeline)

    def _candidates(self, query: Mapping[str, Any]) -> Iterable[str]:
        wanted = query.get("_id")
        if wanted is None:
            return self._readable
        listed = wanted["$in"] if isinstance(wanted, Mapping) else [wanted]
        return [key for key in listed if key in self._readable]


class Session:
    """The session of a transaction of ours: nothing runs beside it, and nothing in it fails half-way."""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def with_transaction(self, callback: Callable[[Session], Any]) -> Any:
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
