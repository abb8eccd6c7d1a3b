"""Collections, validators and indexes: what the migration command brings about, as often as it is run.

It adds and changes, and never drops data. Every query of the store by something else than `_id` has its index here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import OperationFailure

from phaseline_runtime.engine.fold import SLOTS
from phaseline_runtime.errors import UserError
from phaseline_runtime.statuses import KINDS

Document = dict[str, Any]

_STRING: Document = {"bsonType": "string"}
_NUMBER: Document = {"bsonType": ["int", "long"]}
_MAP: Document = {"bsonType": "object"}
_LIST: Document = {"bsonType": "array"}
_DATE: Document = {"bsonType": "date"}
_NAME: Document = {"bsonType": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]*$"}
"""A name of the config or of a compensation: a fold makes it part of a path in the execution's document."""


def _object(required: list[str], **properties: Document) -> Document:
    return {"$jsonSchema": {"bsonType": "object", "required": required, "properties": properties}}


VALIDATORS: Mapping[str, Document] = {
    "state-machines": _object(
        # All that a decision reads: who takes one away by hand is told so, and no execution comes to grief over it.
        [
            *("_id", "stateMachine", "definition", "definedIn", "status", "round", "results", "errors", "latest"),
            *("visits", "deadline", "startedAt", "lastAt", "endedAt"),
        ],
        _id={"bsonType": "string", "pattern": "^[^/]+$"},
        stateMachine=_STRING,
        definition=_STRING,
        status={"enum": ["running", "paused", "success", "failed", "cancelled"]},
        results=_MAP,
        errors=_MAP,
        visits=_MAP,
        round={"bsonType": "object", "required": ["number", "jobs"], "properties": {"number": _NUMBER, "jobs": _MAP}},
        startedAt=_DATE,
    ),
    "statuses": _object(
        ["_id", "kind", "execution", "stateMachine", "status", "at"],
        _id=_STRING,
        kind={"enum": list(KINDS)},
        execution=_STRING,
        stateMachine=_STRING,
        status=_STRING,
        at=_DATE,
        **dict.fromkeys(("job", "definition", "cause", "reason", "by", "asked", "startedBy"), _STRING),
        # What is folded: one status with a list in the place of a number, and its execution would go on no more.
        **dict.fromkeys(("phase", "name"), _NAME),
        **dict.fromkeys(("round", "visit", "attempt", "number"), _NUMBER),
        **dict.fromkeys(("due", "deadline", "startBy"), _DATE),
        **dict.fromkeys(("error", "retry", "next", "carried", "outcome"), _MAP),
        **dict.fromkeys(("used", "passedOver", "compensates"), _LIST),
        slot={"enum": [*SLOTS, "late"]},
    ),
    "definitions": _object(
        ["_id", "stateMachine", "phases"], _id=_STRING, stateMachine=_STRING, phases={"bsonType": "array"}
    ),
    "deployments": _object(["_id", "definition"], _id=_STRING, definition=_STRING),
}
"""What each collection accepts."""

LEVEL = "moderate"
"""A document of an older release that a newer validator would refuse can still be updated, so that executions go on."""

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


_EXISTS = 48  # NamespaceExists
_BUILDING = 12_587  # BackgroundOperationInProgressForNamespace
_OTHER_INDEX = (85, 86)  # IndexOptionsConflict, IndexKeySpecsConflict
_OTHER_NAME = "already exists with a different name:"
"""What the server says of an index that has another name than asked for, and is the same in all else."""
_CHANGING = ("unique", "sparse", "partialFilterExpression", "expireAfterSeconds", "collation")
"""Options by which an index refuses, leaves out or deletes documents, or compares them otherwise."""
_DISTURBING = {"expireAfterSeconds": "deletes", "unique": "refuses"}
"""What an index of others does to documents of ours."""


def migrate(database: Database[Document]) -> list[str]:
    """Create what is missing, bring validators up to date. Safe to run at any time, and twice at once.

    It waits for an index of ours that is being built already. Returns what had to be left as it is, each in a
    sentence. Raises UserError where indexes of others stand in the way, once all else is done: they are theirs to drop.
    """
    older = [name for name in VALIDATORS if not _created(database, name)]
    found = [_ensure_index(database, name, model) for name, models in INDEXES.items() for model in models]
    # Validators last: MongoDB changes none while it builds an index of the collection.
    left = [sentence for name in older if (sentence := _update_validator(database, name)) is not None]
    if faults := [fault for fault in found if fault is not None]:
        raise UserError("; ".join([*faults, *left]))
    return left


def _options(name: str) -> Document:
    return {"validator": VALIDATORS[name], "validationLevel": LEVEL}


def _created(database: Database[Document], name: str) -> bool:
    """Create a collection with its validator; whether it was not there."""
    try:
        # Without a look at what exists: that would need one more right.
        database.create_collection(name, check_exists=False, **_options(name))
    except OperationFailure as error:
        if error.code != _EXISTS:
            raise
        return False
    return True


def _update_validator(database: Database[Document], name: str) -> str | None:
    """Bring the validator of a collection up to date; why it was left as it is, where it was."""
    try:
        database.command("collMod", name, **_options(name))
    except OperationFailure as error:
        if error.code != _BUILDING:
            raise
        return (
            f"database {database.name}, collection {name}: its validator was left as it is, since MongoDB is building "
            "an index of the collection: migrate again once it is there"
        )
    return None


def _ensure_index(database: Database[Document], collection: str, model: IndexModel) -> str | None:
    """Create it where it is missing; what stands in the way, if anything does."""
    try:
        database[collection].create_indexes([model])
    except OperationFailure as error:
        if error.code not in _OTHER_INDEX:
            raise
        said = str((error.details or {}).get("errmsg") or error)
        if _OTHER_NAME in said:
            return None
        keys = ", ".join(f"{key}: {order}" for key, order in model.document["key"].items())
        return (
            f"database {database.name}, collection {collection}: the index {model.document['name']} on {{{keys}}} "
            f"cannot be created beside one that is there: {said}. Nothing was dropped. Look at the other by "
            f'`db.getCollection("{collection}").getIndexes()`; if nobody needs it, `dropIndex` it, and migrate again'
        )
    return None


def lacking(database: Database[Document]) -> list[str]:
    """What `migrate` would add or change, each in a sentence; it needs a right more than that, to list collections."""
    listed = [item for item in database.list_collections() if _is_collection(item)]
    found = {item["name"]: item.get("options", {}) for item in listed}
    sentences = [f"collection {name} is missing" for name in VALIDATORS if name not in found]
    for name, validator in VALIDATORS.items():
        options = found.get(name, {})
        if name in found and (options.get("validator"), options.get("validationLevel")) != (validator, LEVEL):
            sentences.append(f"collection {name} has another validator")
    for name in [name for name in INDEXES if name in found]:
        there = {index: _described(item) for index, item in database[name].index_information().items()}
        for index in [model.document for model in INDEXES[name]]:
            keys = list(index["key"].items())
            other = there.get(index["name"])
            if other is None and (keys, "") not in there.values():
                sentences.append(f"collection {name} lacks the index {index['name']}")
            elif other is not None and other != (keys, ""):
                on = ", ".join(key for key, _ in other[0])
                sentences.append(f"collection {name} has another index {index['name']}, on {on}{other[1]}")
    return sentences


def disturbing(database: Database[Document]) -> list[str]:
    """What others have made that deletes or refuses documents of ours, each in a sentence; `migrate` leaves it."""
    sentences = []
    for item in database.list_collections():
        name, options = item["name"], item.get("options", {})
        if name not in VALIDATORS:
            continue
        if not _is_collection(item):
            sentences.append(f"{name} is no collection, but a {item['type']}")
            continue
        if options.get("capped"):
            sentences.append(f"collection {name} is capped: MongoDB deletes its oldest documents")
        if options.get("collation"):
            sentences.append(f"collection {name} has a collation: ids that differ may be the same for it")
        ours = [model.document["name"] for model in INDEXES.get(name, [])]
        for index, found in database[name].index_information().items():
            keys = [key for key, _ in found["key"]]
            does = [did for option, did in _DISTURBING.items() if found.get(option) not in (None, False)]
            if does and index not in ours and "_id" not in keys:
                on = ", ".join(keys)
                sentences.append(
                    f"collection {name} has an index {index}, on {on}, that {' and '.join(does)} documents"
                )
    return sentences


def _is_collection(item: Mapping[str, Any]) -> bool:
    """Whether this is no view, nor a collection of time series."""
    return str(item.get("type", "collection")) == "collection"


def _described(index: Document) -> tuple[list[tuple[str, Any]], str]:
    """The keys of an index, and in words what it has besides."""
    options = [option for option in _CHANGING if index.get(option) not in (None, False)]
    return list(index["key"]), f", with {' and '.join(options)}" if options else ""
