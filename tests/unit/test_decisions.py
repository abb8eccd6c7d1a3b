"""What counts as the same decision for a slot: only then does a plan go on behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phaseline_runtime.statuses import Status
from tests.simulation.memory_database import Database
from tests.simulation.memory_store import MemoryStore

AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(seconds=1)
DECIDED = Status(
    id="e/1/end",
    kind="phase",
    execution="e",
    state_machine="m",
    status="failed",
    reason="failing",
    phase="p",
    next={"phase": "q"},
    retry={"attempt": 2, "at": AT, "used": [1]},
    carried={"a": {"attempt": 0}},
    error={"type": "Storm", "message": "far out"},
    at=AT,
)
BEHIND = replace(DECIDED, id="e/2/start", status="started")


@pytest.mark.parametrize(
    "other",
    [
        {"status": "success"},
        {"reason": "wait_for"},
        {"phase": "q"},
        {"next": {"end": "failed"}},
        {"retry": {"attempt": 2, "at": LATER, "used": [1]}},
        {"retry": None},
        {"carried": None},
        {"error": {"type": "NoBoat", "message": "far out"}},
        {"error": None},
    ],
)
def test_behind_a_slot_that_is_decided_otherwise_nothing_is_inserted(other: dict[str, Any]) -> None:
    store = MemoryStore(Database(lambda operation: operation()))
    winner = replace(DECIDED, **other)
    store.insert(winner)
    found = store.insert_all([DECIDED, BEHIND])
    assert (found.statuses, found.stale) == ([winner], True)
    assert store.status(BEHIND.id) is None


@pytest.mark.parametrize(
    "other", [{}, {"at": LATER}, {"error": {"type": "Storm", "message": "near by"}}, {"cause": "e/1/a/1/end"}]
)
def test_behind_a_slot_that_is_decided_alike_the_plan_goes_on(other: dict[str, Any]) -> None:
    store = MemoryStore(Database(lambda operation: operation()))
    winner = replace(DECIDED, **other)
    store.insert(winner)
    found = store.insert_all([DECIDED, BEHIND])
    assert (found.statuses, found.stale) == ([winner, BEHIND], False)
    assert store.status(BEHIND.id) == BEHIND
