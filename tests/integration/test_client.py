"""Starting, and what the client tells of an execution."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from pymongo import MongoClient

from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.errors import ExecutionConflict, InvalidId, InvalidInput, UnknownExecution, UnknownMachine
from phaseline_runtime.store.store import Store

SCHEMA = '{"type": "object", "required": ["age"], "properties": {"age": {"type": "integer", "minimum": 0}}}'


@pytest.fixture(autouse=True)
def deployed(client: Client) -> None:
    phases = (Phase("p", (Use("a", "a"),)),)
    client.migrate({"m": Definition("m", phases), "other": Definition("other", phases)})
    client.migrate({"strict": Definition("strict", phases, SCHEMA)})


def test_a_start_stores_the_execution_and_its_first_status(client: Client, store: Store) -> None:
    execution = client.start("m", {"n": 1}, id="mine", started_by="me")
    assert (execution.id, execution.status, execution.created) == ("mine", "running", True)
    [status] = client.statuses("mine")
    assert (status.id, status.input, status.started_by) == ("mine/started", {"n": 1}, "me")
    assert client.rebuild("mine") == []


def test_generated_ids_sort_by_time(client: Client) -> None:
    ids = [client.start("m").id for _ in range(5)]
    assert [identifier[:18] for identifier in ids] == sorted(identifier[:18] for identifier in ids)
    assert len(set(ids)) == 5


def test_the_same_id_and_input_gives_the_existing_execution(client: Client) -> None:
    first = client.start("m", {"n": [1, {"x": 2}]}, id="mine")
    again = client.start("m", {"n": [1, {"x": 2}]}, id="mine")
    assert (first.created, again.created) == (True, False)
    assert again.document == first.document


@pytest.mark.parametrize(("machine", "given"), [("m", {"n": 2}), ("other", {"n": 1}), ("m", {"n": True})])
def test_the_same_id_with_something_else_is_refused(client: Client, machine: str, given: Any) -> None:
    client.start("m", {"n": 1}, id="mine")
    with pytest.raises(ExecutionConflict, match="exists already"):
        client.start(machine, given, id="mine")
    assert len(client.statuses("mine")) == 1


def test_the_id_of_an_execution_whose_document_alone_was_deleted_is_refused(client: Client, store: Store) -> None:
    client.start("m", id="mine")
    store.executions.delete_one({"_id": "mine"})
    with pytest.raises(ExecutionConflict, match="'mine' has statuses and no document"):
        client.start("m", id="mine")
    store.statuses.delete_many({"execution": "mine"})
    assert client.start("m", id="mine").created


def test_mistakes_are_told_and_leave_nothing_behind(client: Client, store: Store) -> None:
    with pytest.raises(UnknownMachine, match="'nope' is not deployed here; deployed are: m, other, strict"):
        client.start("nope")
    with pytest.raises(InvalidInput, match=r"\$\.age: -1 is less than the minimum of 0"):
        client.start("strict", {"age": -1})
    with pytest.raises(InvalidInput, match="cannot be stored"):
        client.start("m", {"n": {1, 2}})
    for bad in ("a/b", "", "a\nb", "x" * 257):
        with pytest.raises(InvalidId, match="execution id"):
            client.start("m", id=bad)
    with pytest.raises(InvalidInput, match="cannot be stored"):
        client.start("m", {"n": Decimal("1" * 40)})
    with pytest.raises(UnknownMachine, match="the definition is one of state machine 'x', not 'm'"):
        client.start("m", definition=Definition("x", (Phase("p", ()),)))
    with pytest.raises(UnknownExecution, match="'nope'"):
        client.wait("nope")
    assert store.executions.count_documents({}) == store.statuses.count_documents({}) == 0


def test_many_starts_of_one_id_at_once_start_one_execution(client: Client, store: Store) -> None:
    created: list[bool] = []
    threads = [
        threading.Thread(target=lambda: created.append(client.start("m", {"n": 1}, id="mine").created))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created) == [False] * 7 + [True]
    assert store.statuses.count_documents({}) == 1


def test_a_start_joins_the_callers_transaction(
    client: Client, store: Store, mongo: MongoClient[dict[str, Any]]
) -> None:
    orders = store.database.create_collection("orders")
    with mongo.start_session() as session, session.start_transaction():
        orders.insert_one({"_id": 1}, session=session)
        client.start("m", id="with-order-1", session=session)
    assert client.get("with-order-1") is not None

    with mongo.start_session() as session:
        session.start_transaction()
        orders.insert_one({"_id": 2}, session=session)
        client.start("m", id="with-order-2", session=session)
        session.abort_transaction()
    assert client.get("with-order-2") is None
    assert client.statuses("with-order-2") == []
    assert [order["_id"] for order in orders.find()] == [1]


def test_a_concurrent_start_aborts_the_transaction_and_the_next_try_finds_it(
    client: Client, store: Store, mongo: MongoClient[dict[str, Any]]
) -> None:
    orders = store.database.create_collection("orders")
    tries: list[bool] = []

    def order_and_start(session: Any) -> None:
        orders.insert_one({"_id": len(tries)}, session=session)
        if not tries:
            threading.Thread(target=client.start, args=("m",), kwargs={"id": "same"}).run()
        tries.append(True)
        tries[-1] = client.start("m", id="same", session=session).created

    with mongo.start_session() as session:
        session.with_transaction(order_and_start)
    assert tries[-1] is False
    assert orders.count_documents({}) == 1


def test_find_gives_the_newest_first(client: Client) -> None:
    for number in range(3):
        client.start("m", {"n": number}, id=f"e{number}")
    assert [execution.id for execution in client.find({"input.n": {"$gte": 1}})] == ["e2", "e1"]


def test_wait_gives_up_after_its_timeout(client: Client) -> None:
    client.start("m", id="e")
    with pytest.raises(TimeoutError, match="still running"):
        client.wait("e", timeout=0.05)
