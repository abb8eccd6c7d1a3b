"""`phaseline atlas doctor` with a real database beside the stand-in of Atlas: indexes and what is overdue."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

from phaseline.cli.entry import run
from phaseline_runtime.client import Client
from phaseline_runtime.clock import now
from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.store.store import Store
from tests.support import atlas


def test_indexes_that_are_missing_and_what_the_watchdog_has_left_are_faults(
    mongo_uri: str, client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "job"),)),))})
    client.start("m", id="late")

    def doctor() -> tuple[int, list[str]]:
        code = run(["atlas", "doctor", "--mongo", mongo_uri, "--database", store.database.name, "--json"])
        found = json.loads(capsys.readouterr().out)["findings"]
        return code, [
            each["text"] for each in found if each["about"].startswith("database") and each["level"] == "fault"
        ]

    with atlas.serving() as served:
        for name, value in served.variables.items():
            monkeypatch.setenv(name, value)
        served.triggers = [atlas.trigger(config={"database": store.database.name})]
        served.roles = []
        assert doctor() == (0, [])
        store.statuses.drop_index("execution_at")
        store.statuses.drop_index("execution_round_at")
        store.statuses.create_index([("round", 1), ("at", 1)], name="execution_round_at")
        store.statuses.create_index("at", name="old_ones", expireAfterSeconds=86_400)
        store.executions.update_one({"_id": "late"}, {"$set": {"wakeAt": now() - timedelta(minutes=6)}})
        assert doctor() == (
            1,
            [
                "collection statuses lacks the index execution_at",
                "collection statuses has another index execution_round_at, on round, at",
                "collection statuses has an index old_ones, on at, that deletes documents",
                "executions that are overdue by more than 5 minutes: 1",
            ],
        )


def test_a_user_who_may_not_list_collections_is_told_so_and_all_else_is_looked_at(
    mongo_uri: str, client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The users that the docs ask for may not: no function needs it."""

    def refused(*_: object, **__: object) -> object:
        raise OperationFailure("not authorized on shop to execute command { listCollections: 1 }", 13)

    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "job"),)),))})
    client.start("m", id="late")
    monkeypatch.setattr(Database, "list_collections", refused)

    def doctor() -> tuple[int, list[tuple[str, str]]]:
        code = run(["atlas", "doctor", "--mongo", mongo_uri, "--database", store.database.name, "--json"])
        found = json.loads(capsys.readouterr().out)["findings"]
        return code, [(each["level"], each["text"]) for each in found if each["about"].startswith("database ")]

    with atlas.serving() as served:
        for name, value in served.variables.items():
            monkeypatch.setenv(name, value)
        served.triggers = [atlas.trigger(config={"database": store.database.name})]
        served.roles = []
        code, [_, (level, text)] = doctor()
        assert (code, level) == (0, "warning")
        assert "collections and indexes could not be looked at: " in text
        assert "not authorized on shop" in text
        store.executions.update_one({"_id": "late"}, {"$set": {"wakeAt": now() - timedelta(minutes=6)}})
        code, [_, _, late] = doctor()
        assert (code, late) == (1, ("fault", "executions that are overdue by more than 5 minutes: 1"))
