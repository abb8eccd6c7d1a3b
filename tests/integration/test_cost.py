"""What a transition costs: commands per call, and no query without an index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from phaseline_runtime import runner
from phaseline_runtime.advance import advance
from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.store.connection import database
from phaseline_runtime.store.store import Store
from tests.support.bus import ORCHESTRATOR, STATEMACHINE, Bus
from tests.support.commands import Commands

WHEN = json.dumps({"results.a": None})
CHAIN = Definition("m", (Phase("p", (Use("a", "j"), Use("b", "j", ("a",), when=WHEN, input='"$input"'))),))


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def watched(mongo_uri: str, store: Store, commands: Commands) -> Iterator[Store]:
    with MongoClient[dict[str, Any]](mongo_uri, event_listeners=[commands]) as client:
        yield Store(database(client, store.database.name))


def test_a_bundled_lambda_needs_one_fold_one_evaluation_and_one_insert(
    client: Client, watched: Store, commands: Commands
) -> None:
    client.migrate({"m": CHAIN})
    identifier = client.start("m").id
    started = watched.status(f"{identifier}/started")
    assert started is not None
    watched.definition(str(started.definition))
    advance(watched, identifier, [started], STATEMACHINE)
    round_started = watched.status(f"{identifier}/1/start")
    assert round_started is not None
    advance(watched, identifier, [round_started], ORCHESTRATOR)
    triggered = watched.status(f"{identifier}/1/a/1/entry")
    assert triggered is not None

    commands.clear()
    runner.run(watched, {"detail": {"fullDocument": {"_id": triggered.id}}}, None, lambda *_: None)
    assert commands.names() == [
        "find statuses",  # the status that triggered it
        "insert statuses",  # the claim
        "insert statuses",  # the end
        "findAndModify state-machines",
        "aggregate state-machines",  # b's condition and input together
        "insert statuses",  # b triggered
    ]
    ended = watched.status(f"{identifier}/1/a/1/end")
    assert ended is not None
    watched.statuses.delete_one({"_id": f"{identifier}/1/b/1/entry"})  # As if the runner had died before.
    commands.clear()
    advance(watched, identifier, [ended], ORCHESTRATOR)
    assert commands.names() == [
        "findAndModify state-machines",
        "aggregate state-machines",
        "insert statuses",
    ]
    commands.clear()
    advance(watched, identifier, [ended], STATEMACHINE)
    assert commands.names() == ["findAndModify state-machines"]


def test_every_query_uses_an_index(client: Client, watched: Store, commands: Commands) -> None:
    client.migrate({"m": CHAIN})
    watching = Client(watched.database.client, database=watched.database.name)
    execution = watching.start("m")
    Bus(watched, copies=2, seed=1).run(execution.id)
    watching.rebuild(execution.id)
    list(watching.find({"stateMachine": "m"}))
    list(watching.find({"status": "success"}))
    list(watching.find({"startedAt": {"$gt": execution.document["startedAt"]}}))
    list(watching.find())
    looked_at = 0
    for command in commands.seen:
        name = next(iter(command))
        if name not in ("find", "aggregate", "findAndModify"):
            continue
        kept = {key: value for key, value in command.items() if not key.startswith("$") and key not in _NOT_EXPLAINED}
        if name == "aggregate":
            kept["cursor"] = {}
        plan = json.dumps(watched.database.command("explain", kept, verbosity="queryPlanner"), default=str)
        assert "COLLSCAN" not in plan, command
        assert "IXSCAN" in plan or "IDHACK" in plan or "EXPRESS" in plan, plan
        looked_at += 1
    assert looked_at > 20


_NOT_EXPLAINED = ("lsid", "txnNumber", "startTransaction", "autocommit", "writeConcern", "readConcern")
