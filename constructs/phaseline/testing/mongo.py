"""The MongoDB that evaluates conditions and inputs: SecantusDB in this process, or one that a variable names.

It is started when the first expression has to be evaluated, and ends with the process. Nothing of an execution is kept
in it.
"""

from __future__ import annotations

import atexit
import os
import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from phaseline_runtime.clock import now
from phaseline_runtime.engine.questions import FIELDS
from phaseline_runtime.errors import UserError
from phaseline_runtime.store.connection import connect, database
from phaseline_runtime.store.troubles import explained, reason

Document = dict[str, Any]

VARIABLE = "PHASELINE_TEST_MONGODB"
"""Names the URI of a MongoDB to use instead of SecantusDB."""

_one_at_a_time = Lock()
"""Executions in several threads may have the same id."""


@cache
def client() -> MongoClient[Document]:
    """The client, for everything in this process. Raises UserError where there is neither."""
    named = os.environ.get(VARIABLE)
    made = _reached(named) if named else connect(_embedded(), pool=10)
    atexit.register(made.close)
    return made


def _reached(uri: str) -> MongoClient[Document]:
    """A client of the MongoDB that the variable names. Raises UserError where it cannot be used."""
    try:
        made = connect(uri, pool=10)
    except (PyMongoError, ValueError, OSError) as error:  # OSError: a file of certificates that is not there.
        raise UserError(f"{VARIABLE} is no connection string: {reason(error)}") from None
    try:
        made.admin.command("ping")
    except PyMongoError as error:
        fault = explained(error, made)
        made.close()
        raise UserError(f"{VARIABLE}: {fault}") from None
    return made


@cache
def _documents() -> Collection[Document]:
    """A collection of this process alone: several may share a real MongoDB."""
    name = f"phaseline_testing_{secrets.token_hex(4)}"
    if os.environ.get(VARIABLE):
        atexit.register(client().drop_database, name)
    return database(client(), name)["documents"]


def evaluate(document: Mapping[str, Any], pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
    """What an aggregation makes of this document, whose `_id` its first stage matches, at the time that `now` says."""
    documents = _documents()
    kept = {key: document[key] for key in ("_id", *FIELDS)}
    with _one_at_a_time:
        documents.replace_one({"_id": kept["_id"]}, kept, upsert=True)
        return list(documents.aggregate([_at_this_time(stage) for stage in pipeline]))


def _at_this_time(value: Any) -> Any:
    """An expression whose `$$NOW` is the time of the execution, not that of the server."""
    if value == "$$NOW":
        return {"$literal": now()}
    if isinstance(value, Mapping):
        return {key: item if key == "$literal" else _at_this_time(item) for key, item in value.items()}
    return [_at_this_time(item) for item in value] if isinstance(value, list) else value


def _embedded() -> str:
    """Start SecantusDB and return its URI."""
    from phaseline.local.database import mend

    try:
        from secantus.server import SecantusDBServer

        mend()
    except ImportError:
        raise UserError(
            "conditions and inputs are evaluated by a MongoDB, and there is none: "
            f"pip install 'phaseline[testing]' for one in memory, or name one with {VARIABLE}"
        ) from None
    # It lives as long as the process does, and has nothing to write down: stopping it would take two seconds.
    server = SecantusDBServer(storage_path=":memory:", replica_set_name=None, cache_size="64M")
    server.start()
    # It has made a folder, and keeps nothing there: nobody would delete it where the server is never stopped.
    Path(server.storage._tempdir).rmdir()
    return f"mongodb://127.0.0.1:{server.port}/?directConnection=true"
