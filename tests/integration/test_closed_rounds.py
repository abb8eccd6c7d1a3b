"""A closed round is complete in the document: what ends a round, or opens one, takes with it all that came before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from phaseline_runtime import slots
from phaseline_runtime.clock import now
from phaseline_runtime.engine.fold import new_execution
from phaseline_runtime.engine.wake import watched
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store, to_document

AT = now()


def status(identifier: str, kind: str, what: str, **values: Any) -> Status:
    return Status(id=identifier, kind=kind, execution="e", state_machine="m", status=what, **{"at": AT, **values})


def not_started(error: str) -> Status:
    """A failure that a plan has recorded, and of which no event has arrived."""
    values: dict[str, Any] = {"round": 1, "phase": "p", "name": "a", "job": "j", "attempt": 1, "slot": "start"}
    return status(slots.attempt_start("e", 1, "a", 1), "job", "failed", error={"type": error}, **values)


END = status(slots.round_end("e", 1), "phase", "success", round=1, phase="p", next={"phase": "q"})
OPENED = status(slots.round_start("e", 2), "phase", "started", round=2, phase="q", visit=1)


@pytest.fixture
def in_round_1(store: Store) -> Store:
    """The document knows of the first round's start; the rest of the history is inserted, and folded by nobody."""
    started = status(slots.execution_started("e"), "execution", "started", definition="d", input={})
    document = new_execution(started)
    store.executions.insert_one({**document, **watched(document)})
    store.statuses.insert_one(to_document(started))
    first = status(slots.round_start("e", 1), "phase", "started", round=1, phase="p", visit=1)
    store.insert(first)
    store.fold("e", [first])
    for each in (not_started("Late"), END, OPENED):
        store.insert(each)
    return store


@pytest.mark.parametrize("arrives", [END, OPENED])
def test_what_came_before_is_folded_along(in_round_1: Store, arrives: Status) -> None:
    document = in_round_1.fold("e", [arrives])
    assert document is not None
    assert document["errors"]["a"]["type"] == "Late"
    assert document["visits"] == {"p": 1, "q": 1}
    assert document["round"]["number"] == 2


def test_a_status_within_the_open_round_is_folded_alone(in_round_1: Store) -> None:
    values: dict[str, Any] = {"round": 1, "phase": "p", "name": "b", "job": "j", "attempt": 1, "slot": "entry"}
    document = in_round_1.fold("e", [status(slots.entry("e", 1, "b"), "job", "skipped", reason="when", **values)])
    assert document is not None
    assert document["round"]["number"] == 1
    assert document["errors"] == {}


def test_what_derives_from_the_document_is_folded_alone(in_round_1: Store) -> None:
    document = in_round_1.fold("e", [END], derived=True)
    assert document is not None
    assert document["round"]["number"] == 1
    assert document["errors"] == {}


def test_a_document_catches_up_with_everything_whatever_its_times(in_round_1: Store) -> None:
    document = in_round_1.execution("e")
    assert document is not None
    values: dict[str, Any] = {"round": 2, "phase": "q", "name": "c", "job": "j", "attempt": 1, "slot": "end"}
    early = AT - timedelta(seconds=5)
    in_round_1.insert(status(slots.attempt_end("e", 2, "c", 1), "job", "success", output=7, at=early, **values))
    caught_up = in_round_1.catch_up(document)
    assert caught_up is not None
    assert caught_up["results"] == {"c": 7}
    assert in_round_1.unfolded(caught_up) == []
