"""Collections, validators and indexes: what the migration command brings about, as often as it is run.

It adds and changes, and never drops data. Every query of the store by something else than `_id` has its index here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import CollectionInvalid

from phaseline_runtime.definition import Definition
from phaseline_runtime.statuses import KINDS
from phaseline_runtime.store.store import Store

Document = dict[str, Any]

_STRING: Document = {"bsonType": "string"}
_NUMBER: Document = {"bsonType": ["int", "long"]}
_MAP: Document = {"bsonType": "object"}


def _object(required: list[str], **properties: Document) -> Document:
    return {"$jsonSchema": {"bsonType": "object", "required": required, "properties": properties}}


VALIDATORS: Mapping[str, Document] = {
    "state-machines": _object(
        ["_id", "stateMachine", "definition", "status", "round", "results", "errors", "visits", "startedAt"],
        _id={"bsonType": "string", "pattern": "^[^/]+$"},
        stateMachine=_STRING,
        definition=_STRING,
        status={"enum": ["running", "paused", "success", "failed", "cancelled"]},
        results=_MAP,
        errors=_MAP,
        visits=_MAP,
        round={"bsonType": "object", "required": ["number", "jobs"], "properties": {"number": _NUMBER, "jobs": _MAP}},
        startedAt={"bsonType": "date"},
    ),
    "statuses": _object(
        ["_id", "kind", "execution", "stateMachine", "status", "at"],
        _id=_STRING,
        kind={"enum": list(KINDS)},
        execution=_STRING,
        stateMachine=_STRING,
        status=_STRING,
        at={"bsonType": "date"},
        round=_NUMBER,
        attempt=_NUMBER,
    ),
    "definitions": _object(
        ["_id", "stateMachine", "phases"], _id=_STRING, stateMachine=_STRING, phases={"bsonType": "array"}
    ),
    "deployments": _object(["_id", "definition"], _id=_STRING, definition=_STRING),
}
"""What each collection accepts."""

INDEXES: Mapping[str, list[IndexModel]] = {
    "state-machines": [
        IndexModel([("startedAt", DESCENDING)], name="startedAt"),
        IndexModel([("stateMachine", ASCENDING), ("startedAt", DESCENDING)], name="stateMachine_startedAt"),
        IndexModel([("status", ASCENDING), ("startedAt", DESCENDING)], name="status_startedAt"),
        IndexModel(
            [("stateMachine", ASCENDING), ("status", ASCENDING), ("startedAt", DESCENDING)],
            name="stateMachine_status_startedAt",
        ),
        IndexModel([("settled", ASCENDING), ("wakeAt", ASCENDING)], name="settled_wakeAt"),
        IndexModel(
            [("stateMachine", ASCENDING), ("settled", ASCENDING), ("endedAt", ASCENDING)],
            name="stateMachine_settled_endedAt",
        ),
    ],
    "statuses": [
        IndexModel([("execution", ASCENDING), ("at", ASCENDING)], name="execution_at"),
        IndexModel([("execution", ASCENDING), ("round", ASCENDING), ("at", ASCENDING)], name="execution_round_at"),
    ],
}
"""What each query needs: lists of executions, newest first; what the watchdog should look at; what retention deletes;
the statuses of one execution in order, and those of its newest rounds."""


def migrate(database: Database[Document]) -> None:
    """Create what is missing, bring validators up to date. Safe to run at any time, and twice at once."""
    for name, validator in VALIDATORS.items():
        try:
            database.create_collection(name, validator=validator)
        except CollectionInvalid:
            database.command("collMod", name, validator=validator)
    for name, models in INDEXES.items():
        database[name].create_indexes(models)


def publish(database: Database[Document], definitions: Mapping[str, Definition]) -> None:
    """Store these definitions, and let executions that start from now on take them."""
    store = Store(database)
    for machine, definition in definitions.items():
        deployed = {"$set": {"definition": store.keep(definition)}}
        database["deployments"].update_one({"_id": machine}, deployed, upsert=True)
