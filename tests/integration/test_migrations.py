"""Migrations: as often as one likes, on whatever is there, and never at the cost of data."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure, WriteError

from phaseline_runtime.client import Client
from phaseline_runtime.clock import now
from phaseline_runtime.errors import UserError
from phaseline_runtime.store import schema
from phaseline_runtime.store.store import Store

Document = dict[str, Any]


def state(database: Database[Document]) -> Document:
    """Validators and indexes of all collections, as the server has them."""
    return {
        item["name"]: (
            item.get("options", {}).get("validator"),
            {name: (index["key"], index.get("unique")) for name, index in _indexes(database, item["name"]).items()},
        )
        for item in database.list_collections()
    }


def _indexes(database: Database[Document], name: str) -> Document:
    return dict(database[name].index_information())


def test_everything_that_is_listed_exists(store: Store) -> None:
    found = state(store.database)
    assert {name: found[name][0] for name in schema.VALIDATORS} == dict(schema.VALIDATORS)
    for name, models in schema.INDEXES.items():
        assert {model.document["name"] for model in models} <= set(found[name][1])


def test_a_second_run_changes_nothing_and_keeps_the_data(store: Store) -> None:
    store.database["deployments"].insert_one({"_id": "m", "definition": "d"})
    before = state(store.database)
    schema.migrate(store.database)
    assert state(store.database) == before
    assert store.database["deployments"].find_one() == {"_id": "m", "definition": "d"}


def test_a_changed_validator_replaces_the_old_one_and_spares_what_is_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployments = store.database["deployments"]
    deployments.insert_one({"_id": "old", "definition": "d"})
    changed = {"$jsonSchema": {"bsonType": "object", "required": ["_id", "definition", "by"]}}
    monkeypatch.setattr(schema, "VALIDATORS", {**schema.VALIDATORS, "deployments": changed})
    schema.migrate(store.database)
    assert state(store.database)["deployments"][0] == changed
    assert deployments.find_one({"_id": "old"}) is not None
    with pytest.raises(WriteError):
        deployments.insert_one({"_id": "new", "definition": "d"})
    deployments.insert_one({"_id": "new", "definition": "d", "by": "anna"})


def test_what_an_older_release_has_made_goes_on_under_a_validator_that_would_refuse_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployments = store.database["deployments"]
    store.database.command("collMod", "deployments", validationLevel="strict")  # As releases before had it.
    deployments.insert_many([{"_id": name, "definition": "d"} for name in ("old", "mended")])
    changed = {"$jsonSchema": {"bsonType": "object", "required": ["_id", "definition", "by"]}}
    monkeypatch.setattr(schema, "VALIDATORS", {**schema.VALIDATORS, "deployments": changed})
    assert schema.lacking(store.database) == ["collection deployments has another validator"]
    schema.migrate(store.database)
    assert schema.lacking(store.database) == []
    deployments.update_one({"_id": "old"}, {"$set": {"definition": "e"}})
    deployments.update_one({"_id": "mended"}, {"$set": {"by": "anna"}})
    with pytest.raises(WriteError):
        deployments.update_one({"_id": "mended"}, {"$unset": {"by": 1}})


def test_a_collection_that_somebody_has_used_before_gets_its_validator_and_its_indexes(store: Store) -> None:
    database = store.database.client[f"{store.database.name}_used"]
    database["statuses"].insert_one({"_id": "theirs", "note": "no status at all"})
    database["statuses"].create_index("note")
    schema.migrate(database)
    found = state(database)["statuses"]
    assert found[0] == schema.VALIDATORS["statuses"]
    assert {"note_1", "execution_at"} <= set(found[1])
    assert database["statuses"].find_one({"_id": "theirs"}) is not None
    store.database.client.drop_database(database.name)


def test_a_new_index_is_added_and_one_of_somebody_else_is_left(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.statuses.create_index("startedBy", name="theirs")
    more = [*schema.INDEXES["statuses"], IndexModel([("job", ASCENDING)], name="job")]
    monkeypatch.setattr(schema, "INDEXES", {**schema.INDEXES, "statuses": more})
    schema.migrate(store.database)
    assert {"theirs", "job", "execution_at"} <= set(_indexes(store.database, "statuses"))


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ([("execution", 1), ("at", 1)], {"name": "execution_at", "unique": True}),
        ([("execution", 1)], {"name": "execution_at"}),
    ],
)
def test_an_index_that_stands_in_the_way_is_named_and_stays(
    client: Client, store: Store, keys: list[tuple[str, int]], options: Document
) -> None:
    store.statuses.drop_index("execution_at")
    store.statuses.create_index(keys, **options)
    before = _indexes(store.database, "statuses")
    with pytest.raises(UserError) as raised:
        client.migrate()
    message = str(raised.value)
    assert (
        f"database {store.database.name}, collection statuses: the index execution_at on {{execution: 1, at: 1}}"
        in message
    )
    assert "Nothing was dropped" in message
    assert 'db.getCollection("statuses").getIndexes()' in message
    assert _indexes(store.database, "statuses") == before


def test_an_index_that_differs_in_its_name_alone_will_do(client: Client, store: Store) -> None:
    store.statuses.drop_index("execution_at")
    store.statuses.create_index([("execution", 1), ("at", 1)], name="theirs")
    before = _indexes(store.database, "statuses")
    client.migrate()
    assert _indexes(store.database, "statuses") == before
    assert client.lacking() == []


def test_one_index_in_the_way_keeps_no_other_from_being_made(client: Client, store: Store) -> None:
    for collection, names in (("state-machines", ["startedAt", "settled_wakeAt"]), ("statuses", ["execution_at"])):
        for name in names:
            store.database[collection].drop_index(name)
    store.executions.create_index([("startedAt", -1)], name="startedAt", expireAfterSeconds=3_600)
    store.statuses.create_index([("execution", 1), ("at", 1)], name="execution_at", unique=True, sparse=True)
    assert client.lacking() == [
        "collection state-machines has another index startedAt, on startedAt, with expireAfterSeconds",
        "collection state-machines lacks the index settled_wakeAt",
        "collection statuses has another index execution_at, on execution, at, with unique and sparse",
    ]
    with pytest.raises(UserError, match=r"the index startedAt on .*; database .* the index execution_at on"):
        client.migrate()
    assert [each.partition(" has")[0] for each in client.lacking()] == [
        "collection state-machines",
        "collection statuses",
    ]


def test_validators_wait_for_the_indexes_that_are_being_built(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """MongoDB refuses `collMod` meanwhile, and lets whoever asks for an index that is being built wait for it."""
    monkeypatch.setattr(schema, "VALIDATORS", {name: {"_id": {"$ne": 1}} for name in schema.VALIDATORS})
    building, asked = {"statuses"}, []
    command, create = Database.command, Collection.create_indexes

    def on_database(self: Database[Document], name: Any, value: Any = 1, **options: Any) -> Any:
        asked.append((name, value))
        if name == "collMod" and value in building:
            raise OperationFailure("cannot perform operation: an index build is currently running", 12_587)
        return command(self, name, value, **options)

    def on_collection(self: Collection[Document], indexes: Any, **options: Any) -> Any:
        asked.append(("createIndexes", self.name))
        return create(self, indexes, **options)

    monkeypatch.setattr(Database, "command", on_database)
    monkeypatch.setattr(Collection, "create_indexes", on_collection)
    (left,) = schema.migrate(store.database)
    assert left == (
        f"database {store.database.name}, collection statuses: its validator was left as it is, since MongoDB is "
        "building an index of the collection: migrate again once it is there"
    )
    names = [name for name, _ in asked]
    assert names.index("collMod") > len(names) - 1 - names[::-1].index("createIndexes")
    assert [name for name, (validator, _) in state(store.database).items() if validator != {"_id": {"$ne": 1}}] == [
        "statuses"
    ]
    building.clear()
    assert schema.migrate(store.database) == []


def test_two_at_once_bring_about_the_same(store: Store) -> None:
    database = store.database.client[f"{store.database.name}_twice"]
    faults: list[BaseException] = []

    def run() -> None:
        try:
            schema.migrate(database)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert state(database) == state(store.database)
    store.database.client.drop_database(database.name)


def test_what_is_lacking_is_told_and_nothing_is_once_it_was_migrated(client: Client, store: Store) -> None:
    assert client.lacking() == []
    store.statuses.drop_index("execution_at")
    store.database.drop_collection("deployments")
    store.database.command("collMod", "definitions", validator={})
    assert client.lacking() == [
        "collection deployments is missing",
        "collection definitions has another validator",
        "collection statuses lacks the index execution_at",
    ]
    client.migrate()
    assert client.lacking() == []
    assert client.overdue(now()) == 0
    assert client.missing_rights() == []


def test_what_others_have_made_that_deletes_or_refuses_documents_is_told(client: Client, store: Store) -> None:
    assert client.disturbing() == []
    store.statuses.create_index("trace", name="by_trace")
    store.statuses.create_index("at", name="old_ones", expireAfterSeconds=86_400)
    store.executions.create_index("input.order", name="one_each", unique=True)
    store.executions.create_index([("input.order", 1), ("_id", 1)], name="never_twice_anyway", unique=True)
    store.database.drop_collection("deployments")
    store.database.create_collection("deployments", capped=True, size=100_000)
    client.migrate()
    assert sorted(client.disturbing()) == [
        "collection deployments is capped: MongoDB deletes its oldest documents",
        "collection state-machines has an index one_each, on input.order, that refuses documents",
        "collection statuses has an index old_ones, on at, that deletes documents",
    ]
    assert client.lacking() == []
