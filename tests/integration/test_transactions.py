"""Transactional jobs: the handler's writes and its success are one, whatever goes wrong."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from pymongo.client_session import ClientSession

import phaseline_runtime
from phaseline_runtime import slots, transactions
from phaseline_runtime.client import Client
from phaseline_runtime.clock import now
from phaseline_runtime.definition import DEFAULT_RETRIES, Action, Definition, OnFailure, Phase, Use
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus

PAYMENTS = "payments"


def started(client: Client, store: Store, **more: Any) -> str:
    client.migrate({"m": Definition("m", (Phase("p", (Use("pay", "pay", **{"retry": DEFAULT_RETRIES, **more}),)),))})
    store.database.create_collection(PAYMENTS)
    return client.start("m", {"n": 1}).id


def payments(store: Store) -> int:
    return store.database[PAYMENTS].count_documents({})


def pay(session: ClientSession, store: Store) -> None:
    session.client[store.database.name][PAYMENTS].insert_one({"amount": 5}, session=session)


def test_a_session_is_asked_for_by_a_third_argument_that_is_needed_or_is_called_so() -> None:
    assert transactions.wants_session(lambda event, context, held: None)
    assert transactions.wants_session(lambda event, context, session=None: None)
    assert not transactions.wants_session(lambda event, context, retries=3: None)
    assert not transactions.wants_session(lambda event, context, *rest, session=None: None)
    assert not transactions.wants_session(lambda event, context: None)


def test_a_third_argument_is_the_session_and_its_writes_commit_with_the_success(client: Client, store: Store) -> None:
    identifier = started(client, store)
    seen: list[int] = []

    def handler(event: Any, context: Any, session: ClientSession) -> str:
        pay(session, store)
        seen.append(payments(store))  # Seen from outside, it is not there yet.
        return "paid"

    document = Bus(store, {"pay": handler}).run(identifier)
    assert document["status"] == "success"
    assert document["results"] == {"pay": "paid"}
    assert (seen, payments(store)) == ([0], 1)
    assert client.rebuild(identifier) == []


def test_the_same_by_a_block_inside_a_plain_handler(client: Client, store: Store) -> None:
    identifier = started(client, store)

    def handler(event: Any, context: Any) -> None:
        with phaseline_runtime.transaction() as session:
            pay(session, store)
        with phaseline_runtime.transaction() as again:
            assert again is session
            pay(again, store)

    assert Bus(store, {"pay": handler}).run(identifier)["status"] == "success"
    assert payments(store) == 2


def test_a_handler_that_fails_has_written_nothing(client: Client, store: Store) -> None:
    identifier = started(client, store)

    def handler(event: Any, context: Any, session: ClientSession) -> None:
        pay(session, store)
        raise ValueError("no money")

    document = Bus(store, {"pay": handler}).run(identifier)
    assert document["error"]["type"] == "ValueError"
    assert payments(store) == 0


def test_an_error_in_the_block_takes_all_back_even_if_the_handler_goes_on(client: Client, store: Store) -> None:
    identifier = started(client, store)

    def handler(event: Any, context: Any) -> None:
        try:
            with phaseline_runtime.transaction() as session:
                pay(session, store)
                raise ValueError("half-way")
        except ValueError:
            pass

    document = Bus(store, {"pay": handler}).run(identifier)
    assert document["error"]["type"] == "TransactionBroken"
    assert payments(store) == 0


@pytest.mark.parametrize("end", ["commit_transaction", "abort_transaction"])
def test_a_handler_that_ends_the_transaction_by_itself_is_told_so(client: Client, store: Store, end: str) -> None:
    identifier = started(client, store)

    def handler(event: Any, context: Any, session: ClientSession) -> None:
        pay(session, store)
        getattr(session, end)()

    document = Bus(store, {"pay": handler}).run(identifier)
    assert document["status"] == "failed"
    assert document["error"]["type"] == "TransactionBroken"
    assert "has committed or aborted its transaction" in document["error"]["message"]
    assert client.rebuild(identifier) == []


@pytest.mark.parametrize("written_first", [True, False])
def test_an_attempt_that_has_timed_out_meanwhile_has_written_nothing(
    client: Client, store: Store, written_first: bool
) -> None:
    identifier = started(client, store, on_failure=(OnFailure(Action.CONTINUE),))
    end = slots.attempt_end(identifier, 1, "pay", 1)

    def handler(event: Any, context: Any, session: ClientSession) -> None:
        if written_first:
            pay(session, store)
        first = store.status(slots.attempt_start(identifier, 1, "pay", 1))
        assert first is not None
        values = {**{name: getattr(first, name) for name in first.__slots__}, "id": end, "slot": "end"}
        store.insert(Status(**{**values, "status": "failed", "error": {"type": "Phaseline.Timeout"}, "at": now()}))
        if not written_first:
            pay(session, store)

    document = Bus(store, {"pay": handler}).run(identifier)
    assert document["errors"]["pay"]["type"] == "Phaseline.Timeout"
    assert payments(store) == 0
    late = store.status(slots.attempt_late(identifier, 1, "pay", 1))
    assert late is not None
    # MongoDB itself aborts a transaction that has begun before somebody else wrote what it would write.
    assert (late.status, late.reason) == ("late", "failed" if written_first else "rolled_back")


def test_a_conflict_fails_the_attempt_and_is_tried_again_at_once(client: Client, store: Store) -> None:
    at_once = replace(DEFAULT_RETRIES[1], interval=0.0)
    identifier = started(client, store, retry=(at_once,))
    store.database[PAYMENTS].insert_one({"_id": "account", "balance": 10})
    conflicts = 0

    def handler(event: Any, context: Any, session: ClientSession) -> None:
        nonlocal conflicts
        accounts = session.client[store.database.name][PAYMENTS]
        accounts.find_one({"_id": "account"}, session=session)
        if conflicts < 2:
            conflicts += 1
            other = threading.Thread(target=lambda: store.database[PAYMENTS].update_one({}, {"$inc": {"balance": 1}}))
            other.start()
            other.join()
        accounts.update_one({"_id": "account"}, {"$inc": {"balance": -5}}, session=session)

    document = Bus(store, {"pay": handler}).run(identifier)
    assert document["status"] == "success"
    assert store.database[PAYMENTS].find_one() == {"_id": "account", "balance": 7}
    failed = [s for s in client.statuses(identifier) if s.status == "failed"]
    assert [s.error["type"] for s in failed if s.error] == ["Phaseline.TransactionConflict"] * 2


def test_a_transaction_that_lasts_longer_than_mongodb_allows_says_so_and_is_not_tried_again(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "LIFETIME", 0.0)
    identifier = started(client, store)
    store.database[PAYMENTS].insert_one({"_id": "account", "balance": 10})

    def handler(event: Any, context: Any, session: ClientSession) -> None:
        accounts = session.client[store.database.name][PAYMENTS]
        accounts.find_one({"_id": "account"}, session=session)
        other = threading.Thread(target=lambda: store.database[PAYMENTS].update_one({}, {"$inc": {"balance": 1}}))
        other.start()
        other.join()
        accounts.update_one({"_id": "account"}, {"$inc": {"balance": -5}}, session=session)

    document = Bus(store, {"pay": handler}).run(identifier)
    assert document["error"]["type"] == "Phaseline.TransactionTooLong"
    assert "begin it later" in document["error"]["message"]


def test_a_transaction_outside_of_a_job_is_refused() -> None:
    with pytest.raises(RuntimeError, match="inside a job"), phaseline_runtime.transaction():
        pass
