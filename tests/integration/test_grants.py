"""The rights of the database users, held against the commands that are really sent: no less, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from phaseline_runtime.bundled import retention_job, watchdog_job
from phaseline_runtime.client import Client
from phaseline_runtime.clock import now
from phaseline_runtime.definition import Definition, Phase, Retry, Use
from phaseline_runtime.store import deployments, schema
from phaseline_runtime.store.connection import database
from phaseline_runtime.store.grants import GRANTS, Purpose
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus

ACTIONS = {
    "find": ["FIND"],
    "aggregate": ["FIND"],
    "insert": ["INSERT"],
    "delete": ["REMOVE"],
    "create": ["CREATE_COLLECTION"],
    "collMod": ["COLL_MOD"],
    "createIndexes": ["CREATE_INDEX"],
}
"""What each command needs (MongoDB Manual, "Privilege Actions"); `update` depends on whether it may insert."""
ALWAYS_ALLOWED = {"hello", "ping", "getMore", "commitTransaction", "abortTransaction", "endSessions", "killCursors"}
"""What needs no right of its own, or that of the command before."""


class Used(CommandListener):
    """The rights that a client's commands have needed."""

    def __init__(self) -> None:
        self.pairs: set[tuple[str, str]] = set()

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in ALWAYS_ALLOWED:
            return
        collection = str(event.command[event.command_name])
        for action in self._actions(event):
            self.pairs.add((collection, action))
        stages = json.dumps(event.command.get("pipeline", []), default=str)
        assert not any(word in stages for word in ("$lookup", "$graphLookup", "$unionWith", "$merge", "$out"))

    @staticmethod
    def _actions(event: CommandStartedEvent) -> list[str]:
        if event.command_name == "update":
            inserts = any(each.get("upsert") for each in event.command["updates"])
            return ["UPDATE", *(["INSERT"] if inserts else [])]
        return ACTIONS[event.command_name]

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Only starts count."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Only starts count."""


@pytest.fixture
def used() -> Used:
    return Used()


@pytest.fixture
def observed(mongo_uri: str, store: Store, used: Used) -> Iterator[Store]:
    """The same database, through a client whose commands are looked at."""
    with MongoClient[dict[str, Any]](mongo_uri, event_listeners=[used]) as client:
        yield Store(database(client, store.database.name))


def granted(purpose: Purpose) -> set[tuple[str, str]]:
    return {(collection, action) for collection, actions in GRANTS[purpose].items() for action in actions}


def definition(**more: Any) -> Mapping[str, Definition]:
    uses = (Use("a", "job", retry=(Retry(max_attempts=1, interval=0.001),)), Use("b", "job", ("a",)))
    return {"m": Definition("m", (Phase("p", uses, **more),))}


def test_the_runtime_needs_what_its_user_may_and_nothing_besides(client: Client, observed: Store, used: Used) -> None:
    client.migrate(definition())
    runtime = Client(observed.database.client, database=observed.database.name)
    first = runtime.start("m", {"n": 1})
    Bus(observed, {"a": lambda *_: {"x": 1}}).run(first.id)
    second = runtime.start("m", {"n": 2}, id="second")
    runtime.pause(second.id)
    runtime.resume(second.id)
    runtime.cancel(second.id)
    Bus(observed).run(second.id)
    runtime.redrive(second.id)
    Bus(observed).run(second.id)
    runtime.rerun(first.id, "a")
    watchdog_job.sweep(observed, clock=lambda: now() + timedelta(minutes=5))
    assert [each.id for each in runtime.find({"status": "success"})]
    assert runtime.statuses(first.id)
    assert runtime.rebuild(first.id) == []
    observed.keep(definition(when='{"input.n": 1}')["m"])
    assert used.pairs == granted(Purpose.RUNTIME)


def test_migrations_need_what_their_user_may_and_nothing_besides(
    mongo_uri: str, store: Store, used: Used, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{store.database.name}_new"
    with MongoClient[dict[str, Any]](mongo_uri, event_listeners=[used]) as client:
        found = database(client, name)
        schema.migrate(found)
        deployments.publish(found, definition())
        deployments.withdraw_others(found, definition())
        monkeypatch.setattr(schema, "VALIDATORS", {each: {"_id": {"$exists": True}} for each in schema.VALIDATORS})
        schema.migrate(found)
    store.database.client.drop_database(name)
    assert used.pairs == granted(Purpose.MIGRATIONS)


def test_retention_needs_what_its_user_may_and_nothing_besides(
    client: Client, store: Store, observed: Store, used: Used
) -> None:
    client.migrate(definition())
    execution = client.start("m")
    Bus(store).run(execution.id)
    watchdog_job.sweep(store, clock=lambda: now() + timedelta(minutes=5))
    gone = retention_job.sweep(observed, {"m": 60}, clock=lambda: now() + timedelta(days=1))
    assert gone["executions"] == 1
    assert used.pairs == granted(Purpose.RETENTION)
