"""The newest executions are found in spans of time, and are the same as without."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from phaseline_runtime.engine.fold import new_execution
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.connection import database
from phaseline_runtime.store.newest import newest
from phaseline_runtime.store.store import Store
from tests.support.commands import Commands

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AGES = [
    timedelta(hours=hours) for hours in (-1, 0, 0.5, 1, 2, 7, 8, 9, 63, 64, 65, 500, 512, 4_000, 4_096, 9_000, 90_000)
]
QUERIES: list[dict[str, Any]] = [
    {},
    {"status": "failed"},
    {"status": {"$in": ["failed", "running"]}},
    {"stateMachine": "n", "status": "failed"},
    {"startedAt": {"$gte": NOW - timedelta(hours=9)}},
    {"startedAt": {"$gte": NOW - timedelta(hours=64)}, "stateMachine": "m"},
    {"startedAt": {"$gte": NOW - timedelta(days=900)}},
    {"startedAt": {"$lt": NOW}},
    {"startedAt": NOW},
    {"startedAt": {"$gte": datetime(2026, 11, 20)}},
    {"$or": [{"stateMachine": "n"}, {"status": "failed"}]},
]


@pytest.fixture
def executions(store: Store) -> Store:
    dice = random.Random(0)
    for number, age in enumerate(AGES * 3):
        status, machine = dice.choice(["failed", "success", "running"]), dice.choice("mn")
        begun = Status(
            id=f"e{number}/started",
            kind="execution",
            execution=f"e{number}",
            state_machine=machine,
            status="started",
            at=NOW - age + timedelta(milliseconds=number),
            definition="d",
        )
        store.executions.insert_one(new_execution(begun) | {"status": status})
    return store


@pytest.mark.parametrize("query", QUERIES, ids=str)
@pytest.mark.parametrize("limit", [0, 1, 5, 20, 1_000])
def test_they_are_what_one_sorted_query_finds(executions: Store, query: dict[str, Any], limit: int) -> None:
    expected = [item["_id"] for item in executions.executions.find(query).sort("startedAt", -1).limit(limit)]
    assert [item["_id"] for item in newest(executions.executions, query, limit, NOW)] == expected


def test_where_enough_are_recent_no_query_reaches_back_further(executions: Store, mongo_uri: str) -> None:
    commands = Commands()
    with MongoClient[dict[str, Any]](mongo_uri, event_listeners=[commands]) as client:
        found = list(newest(database(client, executions.database.name)["state-machines"], {}, 14, NOW))
    assert len(found) == 14
    spans = [command["filter"]["startedAt"] for command in commands.seen]
    assert spans == [
        {"$gte": NOW - timedelta(hours=1)},
        {"$gte": NOW - timedelta(hours=8), "$lt": NOW - timedelta(hours=1)},
    ]
