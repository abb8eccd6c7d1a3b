"""The store in memory answers as a server does, so what the simulation and `phaseline.testing` show holds for a server.

Whatever simulated runs have done to their database, concurrent calls held up and going on among it, is done to the
server once more, one operation after the other, and each answer compared. SecantusDB here, and a real MongoDB where
PHASELINE_TEST_MONGODB names one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any
from unittest import mock

import bson
import pytest
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from phaseline.testing import memory_store
from phaseline.testing.memory import Document
from phaseline_runtime.engine.fold import changes, fold, new_execution
from phaseline_runtime.engine.questions import Answer
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.connection import CODEC
from phaseline_runtime.store.expressions import evaluate
from phaseline_runtime.store.store import Store, from_document, to_document
from tests.simulation import memory_store as simulated
from tests.simulation.check import simulate
from tests.simulation.lambdas import EXECUTION
from tests.simulation.memory_database import Collection, Database
from tests.simulation.recording import Operation, Operations, recorded, single

SEEDS = range(20)
known = cache(recorded)
"""Recorded once for all tests."""


def replay(store: Store, operations: Operations) -> list[str]:
    """Do the same on a server; where it answers differently."""
    differences: list[str] = []
    for each in operations:
        if isinstance(each, list):
            with store.database.client.start_session() as session, session.start_transaction():
                differences += [found for one in each for found in _difference(store, one, session)]
        else:
            differences += _difference(store, each, None)
    return differences


def _difference(store: Store, done: Operation, session: ClientSession | None) -> Iterator[str]:
    expected, found = done.answer, _again(store, done, session)
    match done.what:
        case "find_now":
            _, _, order, _ = done.arguments
            expected, found = _in_order(expected, order), _in_order(found, order)
        case "evaluate_now":
            expected, found = _said(expected), _said(found)
    if _stored(expected) != _stored(found):
        yield f"{done.what} {done.arguments}: {expected} in memory, and {found} on the server"


def _again(store: Store, done: Operation, session: ClientSession | None) -> Any:
    collection = store.database[done.collection]
    match done.what:
        case "find_now":
            query, projection, order, most = done.arguments
            cursor = collection.find(query, projection, session=session).limit(most)
            return list(cursor.sort(list(order)) if order else cursor)
        case "insert_now":
            try:
                collection.insert_one(done.arguments[0], session=session)
            except DuplicateKeyError:
                return False
            return True
        case "update_now":
            query, change = done.arguments
            collection.update_one(query, change, upsert=done.options["upsert"], session=session)
            return None
        case "write_now":
            query, statuses = done.arguments
            return store._write(query, statuses, session)
        case "evaluate_now":
            return evaluate(store.executions, *done.arguments)
    raise ValueError(done.what)


def _in_order(found: Sequence[Document], order: Sequence[tuple[str, int]]) -> list[Any]:
    """What was found, by what it was sorted by and then by id: among equals, and without a sort, the order is open."""
    keys = [[item.get(field) for field, _ in order] for item in found]
    return [keys, sorted(found, key=lambda item: str(item["_id"]))]


def _said(answers: Mapping[str, Answer]) -> list[Any]:
    """The answers without the messages of their errors."""
    return [[key, found.value, found.error is None, found.large] for key, found in sorted(answers.items())]


def _stored(value: Any) -> Any:
    return bson.decode(bson.encode({"": value}, codec_options=CODEC), codec_options=CODEC)[""]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_answers_what_a_simulated_run_has_asked_in_the_same_way(store: Store, seed: int) -> None:
    assert replay(store, known(seed)) == []


def test_the_recorded_runs_ask_all_that_the_product_asks() -> None:
    asked: set[str] = set()
    for seed in SEEDS:
        operations = known(seed)
        asked |= {f"{one.collection} {one.what}" for one in single(operations)}
        asked |= {"transaction" for each in operations if isinstance(each, list)}
        asked |= {"taken" for one in single(operations) if one.what == "insert_now" and not one.answer}
        asked |= {"missed" for one in single(operations) if one.what == "write_now" and not one.answer}
    assert asked >= {
        *(f"statuses {what}" for what in ("find_now", "insert_now")),
        *(f"state-machines {what}" for what in ("find_now", "insert_now", "update_now", "write_now", "evaluate_now")),
        *("effects insert_now", "counters update_now", "transaction", "taken", "missed"),
    }


def insert_now(self: Collection, document: Mapping[str, Any]) -> bool:
    self.put(document)
    self.inserted(self.readable[document["_id"]])
    return True


def _keeps_the_first(document: Mapping[str, Any], statuses: Sequence[Status]) -> dict[str, Any]:
    return fold(document, statuses[:1])


def _always_true(*_: Any) -> Answer:
    return Answer(True)


@pytest.mark.parametrize(
    ("place", "name", "wrong"),
    [
        pytest.param(Collection, "insert_now", insert_now, id="an id is not unique"),
        pytest.param(memory_store, "fold", _keeps_the_first, id="a fold forgets"),
        pytest.param(simulated, "answer", _always_true, id="a condition is always true"),
    ],
)
def test_a_store_in_memory_that_answers_otherwise_is_found_out(
    store: Store, place: object, name: str, wrong: Any
) -> None:
    for seed in SEEDS:
        with mock.patch.object(place, name, wrong):
            operations = recorded(seed)
        if replay(store, operations):
            return
        for collection in ("statuses", "state-machines"):
            store.database[collection].delete_many({})
    pytest.fail("no difference")


def _bulk(database: Any, documents: Sequence[Document]) -> tuple[int, int] | None:
    try:
        database["statuses"].insert_many(documents, ordered=True)
    except BulkWriteError as error:
        [fault] = error.details["writeErrors"]
        return fault["index"], fault["code"]
    return None


def test_a_bulk_stops_at_the_first_id_that_is_taken(store: Store) -> None:
    first, *others = [to_document(entry.status) for entry in simulate(SEEDS[0]).world.history.entries[:6]]
    memory = Database(lambda operation: operation())
    for documents in ([first], [*others[:2], first, *others[2:]], others[2:]):
        given = [dict(document) for document in documents]
        assert _bulk(memory, documents) == _bulk(store.database, given)
        ids = [set(memory["statuses"].documents), {item["_id"] for item in store.statuses.find()}]
        assert ids[0] == ids[1]


@pytest.mark.parametrize("way", [1, -1])
def test_what_is_found_is_sorted_and_cut_off_as_a_server_does_it(store: Store, way: int) -> None:
    memory = Database(lambda operation: operation())["counters"]
    counters = store.database["counters"]
    given: list[Document] = [{"n": 2}, {}, {"n": 1}, {"n": 2}, {"n": None, "m": 1}]
    for number, values in enumerate(given):
        for collection in (memory, counters):
            collection.insert_one({"_id": str(number), **values})
    for most in (0, 1, 3, 9):
        for order in ([("n", way), ("_id", 1)], [("n", way), ("_id", -1)]):
            found, expected = (each.find({}, {"n": 1}).sort(order).limit(most) for each in (memory, counters))
            assert list(found) == list(expected)
        ids = [[item["_id"] for item in each.find({}).sort("_id", way).limit(most)] for each in (memory, counters)]
        assert ids[0] == ids[1]


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_threads_that_insert_and_fold_at_once_come_to_what_memory_comes_to(store: Store, seed: int) -> None:
    """Each thread has its own version of every status, in its own order: one of each wins, and all are told which."""
    first, *others = [entry.status for entry in simulate(seed).world.history.entries]
    document = new_execution(first)
    store.executions.insert_one({**document, "settled": False, "wakeAt": None})

    def work(thread: int) -> dict[str, Status]:
        mine = [replace(status, by=f"thread {thread}") for status in others]
        random.Random(thread).shuffle(mine)
        decided = {}
        for status in mine:
            decided[status.id] = store.insert(status) or status
            store.fold(EXECUTION, [decided[status.id]])
        return decided

    with ThreadPoolExecutor(4) as pool:
        one, *more = pool.map(work, range(4))
    assert all(each == one for each in more)
    stored = {item["_id"]: from_document(item) for item in store.statuses.find()}
    assert stored == {key: replace(status, at=stored[key].at) for key, status in one.items()}
    expected = fold(document, [status for status in stored.values() if changes(status)])
    found = store.execution(EXECUTION)
    assert found is not None
    assert {key: found.get(key) for key in expected} == _stored(expected)
