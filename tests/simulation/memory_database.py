"""Collections in memory: as much of pymongo's interface as `Store`, `starting` and `operations` use.

Documents are kept as BSON, so that nobody can change one that is stored, and times are cut to milliseconds. Every
operation goes through `gate`, which is where a simulated Lambda can be held up or die; within a bulk, every document
is an operation of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import bson
from pymongo.errors import BulkWriteError, DuplicateKeyError

from phaseline_runtime.store.connection import CODEC
from phaseline_runtime.store.store import DUPLICATE_KEY

Document = dict[str, Any]
Gate = Callable[[Callable[[], Any]], Any]

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$in": lambda found, wanted: found in wanted,
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
    """One collection.

    `inserted` is told of every document that was inserted, `attempted` of every try, `read` of everything that is
    read, and `winners` of what is found by a list of ids, which is how `Store` looks at the slots that it has lost.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.documents: dict[str, bytes] = {}
        self._readable: dict[str, Document] = {}
        self.attempted: Callable[[str], None] = lambda _: None
        self.inserted: Callable[[Document], None] = lambda _: None
        self.winners: Callable[[str], None] = lambda _: None
        self.read: Callable[[str], None] = lambda _: None

    def put(self, document: Mapping[str, Any]) -> None:
        """Store a document as it is now."""
        encoded = bson.encode(document, codec_options=CODEC)
        self.documents[document["_id"]] = encoded
        self._readable[document["_id"]] = bson.decode(encoded, codec_options=CODEC)

    def get(self, identifier: str) -> Document | None:
        """A copy of the document with this id."""
        encoded = self.documents.get(identifier)
        return None if encoded is None else bson.decode(encoded, codec_options=CODEC)

    def find_one(self, query: Mapping[str, Any], *_: Any, sort: Any = None, session: Any = None) -> Document | None:
        """The first document that matches."""
        return self.gate(lambda: next(iter(self._found(query).sort(sort or "_id")), None))  # type: ignore[no-any-return]

    def find(self, query: Mapping[str, Any], *_: Any, session: Any = None) -> Cursor:
        """All documents that match. A projection is ignored: whoever asks for less copes with more."""
        return Cursor(self.gate(lambda: self._found(query)))

    def _found(self, query: Mapping[str, Any]) -> Cursor:
        wanted = query.get("_id")
        if isinstance(wanted, str):
            keys: Iterator[str] | Sequence[str] = [wanted] if wanted in self.documents else []
        else:
            keys = iter(self._readable)
        listed = isinstance(wanted, Mapping)
        found = Cursor()
        for key in keys:
            if matches(self._readable[key], query):
                self.read(key)
                if listed:
                    self.winners(key)
                found.append(bson.decode(self.documents[key], codec_options=CODEC))
        return found

    def insert_one(self, document: Mapping[str, Any], *, session: Any = None) -> None:
        """Insert one document. Raises DuplicateKeyError."""
        if not self.gate(lambda: self._insert(document)):
            raise DuplicateKeyError(f"duplicate key {document['_id']}", DUPLICATE_KEY)

    def insert_many(self, documents: Sequence[Mapping[str, Any]], *, ordered: bool) -> None:
        """Insert one after the other up to the first duplicate. Raises BulkWriteError."""
        assert ordered
        for index, document in enumerate(documents):
            if not self.gate(partial(self._insert, document)):
                raise BulkWriteError({"writeErrors": [{"index": index, "code": DUPLICATE_KEY}]})

    def _insert(self, document: Mapping[str, Any]) -> bool:
        identifier = document["_id"]
        new = identifier not in self.documents
        if new:
            self.put(document)
            self.inserted(self._readable[identifier])
        self.attempted(identifier)
        return new

    def update_one(
        self, query: Mapping[str, Any], change: Mapping[str, Document], *, upsert: bool = False, session: Any = None
    ) -> None:
        """Set fields of the first document that matches; with `upsert`, make one where there is none."""
        self.gate(lambda: self._update(query, change, upsert))

    def _update(self, query: Mapping[str, Any], change: Mapping[str, Document], upsert: bool) -> None:
        found = next(iter(self._found(query)), None)
        if found is not None:
            self.put(found | change.get("$set", {}))
        elif upsert:
            self.put({**query, **change.get("$setOnInsert", {}), **change.get("$set", {})})


class Session:
    """A session whose transactions are one operation: nobody sees, and no crash leaves, the half of one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def with_transaction(self, callback: Callable[[Session], Any]) -> Any:
        """Run the callback; where it raises, nothing of it has happened."""
        return self._database.gate(lambda: self._database.atomically(lambda: callback(self)))


class Database:
    """The collections by name."""

    name = "simulated"

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._collections: dict[str, Collection] = {}
        self._inside = False

    def __getitem__(self, name: str) -> Collection:
        return self._collections.setdefault(name, Collection(self._gated))

    @property
    def client(self) -> Database:
        """The client, of which nothing but sessions is wanted."""
        return self

    def start_session(self) -> Session:
        """A new session."""
        return Session(self)

    def _gated(self, operation: Callable[[], Any]) -> Any:
        return operation() if self._inside else self.gate(operation)

    def atomically(self, callback: Callable[[], Any]) -> Any:
        """Run without a gate; undo everything where it raises. What was told to `inserted` must wait for the end."""
        before = {name: (dict(item.documents), dict(item._readable)) for name, item in self._collections.items()}
        self._inside = True
        try:
            return callback()
        except BaseException:
            for name, (documents, readable) in before.items():
                self._collections[name].documents = documents
                self._collections[name]._readable = readable
            raise
        finally:
            self._inside = False
