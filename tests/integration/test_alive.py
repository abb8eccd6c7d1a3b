"""Signs of life, and being told of a cancel: what a running attempt says and hears."""

from __future__ import annotations

from contextvars import Context, copy_context
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pymongo.client_session import ClientSession
from pymongo.errors import ServerSelectionTimeoutError

import phaseline_runtime
from phaseline_runtime import slots
from phaseline_runtime.advance import EVERYTHING, advance, recover
from phaseline_runtime.alive import Alive
from phaseline_runtime.client import Client
from phaseline_runtime.clock import now
from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.runner import _claim
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus

Document = dict[str, Any]


def started(client: Client, store: Store, **more: Any) -> str:
    client.migrate({"m": Definition("m", (Phase("p", (Use("pay", "pay", **more),)),))})
    return client.start("m", {"n": 1}).id


def test_a_heartbeat_is_recorded_and_changes_nothing_else(client: Client, store: Store) -> None:
    identifier = started(client, store, heartbeat=30)

    def handler(event: Any, context: Any) -> None:
        for percent in range(5):
            phaseline_runtime.heartbeat({"percent": percent})  # Only the first: the others follow too soon.
        assert not phaseline_runtime.current().cancelled

    assert Bus(store, {"pay": handler}).run(identifier)["status"] == "success"
    beats = [s for s in client.statuses(identifier) if s.status == "heartbeat"]
    assert [s.progress for s in beats] == [{"percent": 0}]
    assert beats[0].due is not None
    assert client.rebuild(identifier) == []


def test_a_job_is_told_that_its_execution_is_cancelled(client: Client, store: Store) -> None:
    identifier = started(client, store)
    told: list[bool] = []

    def handler(event: Any, context: Any) -> None:
        client.cancel(identifier)
        told.append(phaseline_runtime.current().cancelled)

    assert Bus(store, {"pay": handler}).run(identifier)["status"] == "cancelled"
    assert told == [True]


def test_a_thread_that_outlives_its_handler_says_nothing_for_it(client: Client, store: Store) -> None:
    identifier = started(client, store)
    of_the_handler: list[Context] = []

    def handler(event: Any, context: Any) -> None:
        of_the_handler.append(copy_context())

    assert Bus(store, {"pay": handler}).run(identifier)["status"] == "success"
    for late in (phaseline_runtime.current, phaseline_runtime.heartbeat, phaseline_runtime.transaction().__enter__):
        with pytest.raises(RuntimeError, match="the handler has returned"):
            of_the_handler[0].run(late)
    assert [s.status for s in client.statuses(identifier) if s.kind == "job"] == ["triggered", "started", "success"]


class Away(Store):
    """A store whose server cannot be reached while `away` says so."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.database)
        self.away = False

    def insert(self, status: Status) -> Status | None:
        self._reach()
        return super().insert(status)

    def execution(self, identifier: str, *, session: ClientSession | None = None) -> Document | None:
        self._reach()
        return super().execution(identifier, session=session)

    def _reach(self) -> None:
        if self.away:
            raise ServerSelectionTimeoutError("127.0.0.1:27017: [Errno 111] Connection refused")


def test_an_attempt_is_not_failed_by_a_sign_of_life_while_the_database_is_away(client: Client, store: Store) -> None:
    identifier = started(client, store)
    away = Away(store)
    told: list[bool] = []

    def handler(event: Any, context: Any) -> str:
        away.away = True
        phaseline_runtime.heartbeat({"percent": 50})
        told.append(phaseline_runtime.current().cancelled)
        away.away = False
        return "done"

    assert Bus(store, {"pay": handler}, runs_on=lambda _: away).run(identifier)["status"] == "success"
    assert told == [False]
    assert [s.status for s in client.statuses(identifier) if s.name == "pay"] == ["triggered", "started", "success"]


def test_who_was_told_of_a_cancel_is_not_told_otherwise_while_the_database_is_away(
    client: Client, store: Store
) -> None:
    identifier = started(client, store)
    recover(store, identifier)
    triggered = store.status(slots.entry(identifier, 1, "pay"))
    assert triggered is not None
    claim = _claim(store, triggered, Use("pay", "pay"), None, now())
    assert claim is not None
    time = now()
    away = Away(store)
    alive = Alive(away, claim, Use("pay", "pay"), lambda: time)
    assert not alive.cancelled()
    client.cancel(identifier)
    told = []
    for away.away in (True, False, True):
        time += timedelta(seconds=1)
        told.append(alive.cancelled())
    assert told == [False, True, True]


def test_a_compensation_is_not_told_that_nobody_wants_it(client: Client, store: Store) -> None:
    phase = Phase("p", (Use("pay", "pay", compensate=Use("", "give_back")),))
    client.migrate({"m": Definition("m", (phase,))})
    identifier = client.start("m").id
    told: dict[str, bool] = {}

    def handler(event: Any, context: Any) -> None:
        if not told:
            client.cancel(identifier, compensate=True)
        told[phaseline_runtime.current().name] = phaseline_runtime.current().cancelled

    bus = Bus(store, {"pay": handler, "undo-pay-1": handler})
    assert bus.run(identifier)["status"] == "cancelled"
    assert told == {"pay": True, "undo-pay-1": False}


def test_a_sign_of_life_counts_for_whoever_looks_at_the_clock(client: Client, store: Store) -> None:
    """A neighbour that ends does not give up an attempt whose signs of life nobody has folded yet."""
    beating, quick = Use("a", "a", heartbeat=30, timeout=600), Use("b", "b", timeout=600)
    client.migrate({"m": Definition("m", (Phase("p", (beating, quick)),))})
    identifier = client.start("m").id
    recover(store, identifier)
    begun = now()
    claims: dict[str, Status] = {}
    for use in (beating, quick):
        triggered = store.status(slots.entry(identifier, 1, use.name))
        assert triggered is not None
        claim = _claim(store, triggered, use, None, begun)
        assert claim is not None
        claims[use.name] = claim
        store.fold(identifier, [claim])
    time = begun
    alive = Alive(store, claims["a"], beating, lambda: time)

    def neighbour_ends(after: float) -> Status | None:
        nonlocal time
        time = begun + timedelta(seconds=after)
        end = slots.attempt_end(identifier, 1, "b", 1)
        ended = replace(claims["b"], id=end, slot="end", status="success", at=time, due=None, cause=claims["b"].id)
        store.insert(ended)
        advance(store, identifier, [ended], EVERYTHING, clock=lambda: time)
        return store.status(slots.attempt_end(identifier, 1, "a", 1))

    for seconds in range(0, 100, 10):
        time = begun + timedelta(seconds=seconds)
        alive.beat({"seconds": seconds})
    assert neighbour_ends(100) is None
    given_up = neighbour_ends(141)
    assert given_up is not None
    assert given_up.error is not None
    assert given_up.error["type"] == "Phaseline.Timeout"
