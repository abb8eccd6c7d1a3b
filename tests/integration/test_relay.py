"""The relay: at least once, in Atlas's envelope, and never ahead of itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Timestamp

from phaseline_runtime.clock import now
from phaseline_runtime.relay import BATCH, Relay, entry, put_events
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store, to_document
from tests.support.waiting import until


def status(number: int, **more: Any) -> dict[str, Any]:
    found = Status(
        id=f"e/1/j{number}/1/end",
        kind="job",
        execution="e",
        state_machine="m",
        status="success",
        at=now(),
        round=1,
        **more,
    )
    return to_document(found)


class Taken:
    """A bus that takes entries; `refuse` refuses some of a call, or raises."""

    def __init__(self, refuse: Callable[[Sequence[dict[str, Any]]], list[dict[str, Any]]] | None = None) -> None:
        self.entries: list[dict[str, Any]] = []
        self.sizes: list[int] = []
        self.refuse = refuse or (lambda _: [])

    def put(self, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        refused = self.refuse(entries)
        self.sizes.append(len(entries))
        self.entries += [item for item in entries if item not in refused]
        return refused

    def ids(self) -> list[str]:
        return [json.loads(item["Detail"])["fullDocument"]["_id"] for item in self.entries]


@contextmanager
def relaying(store: Store, taken: Taken) -> Iterator[Relay]:
    relay = Relay(store.database, "bus", taken.put)
    thread = threading.Thread(target=relay.run)
    thread.start()
    until(lambda: store.database["relay"].find_one({"_id": "statuses"}) is not None)
    try:
        yield relay
    finally:
        relay.stop()
        thread.join(10)
        assert not thread.is_alive()


def test_an_entry_has_the_envelope_of_atlas() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    change = {
        "_id": {"_data": "82ab"},
        "operationType": "insert",
        "clusterTime": Timestamp(7, 1),
        "fullDocument": {"_id": "e/started", "at": at},
        "ns": {"db": "db", "coll": "statuses"},
        "documentKey": {"_id": "e/started"},
    }
    found = entry(change, "bus")
    assert (found["EventBusName"], found["DetailType"]) == ("bus", "MongoDB Database Trigger for db.statuses")
    assert json.loads(found["Detail"]) == {
        **change,
        "clusterTime": {"T": 7, "I": 1},
        "fullDocument": {"_id": "e/started", "at": "2026-01-02T03:04:05.678Z"},
    }


def test_inserts_are_relayed_in_batches_without_outputs(store: Store) -> None:
    taken = Taken()
    with relaying(store, taken):
        store.statuses.insert_many([status(number, output={"secret": 1}) for number in range(45)])
        until(lambda: len(taken.entries) == 45)
    assert taken.ids() == [f"e/1/j{number}/1/end" for number in range(45)]
    assert max(taken.sizes) <= BATCH
    assert not any("secret" in item["Detail"] for item in taken.entries)


def test_what_the_bus_refuses_is_sent_again(store: Store) -> None:
    calls = iter([ConnectionError("down"), "half", "none"])

    def refuse(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        match next(calls, "none"):
            case Exception() as error:
                raise error
            case "half":
                return list(entries[::2])
            case _:
                return []

    taken = Taken(refuse)
    with relaying(store, taken):
        store.statuses.insert_many([status(number) for number in range(8)])
        until(lambda: len(taken.entries) == 8)
    assert sorted(taken.ids()) == [f"e/1/j{number}/1/end" for number in range(8)]


def test_a_restarted_relay_goes_on_from_what_was_delivered(store: Store) -> None:
    first = Taken()
    with relaying(store, first):
        store.statuses.insert_one(status(1))
        until(lambda: len(first.entries) == 1)
    store.statuses.insert_many([status(number) for number in (2, 3)])
    second = Taken()
    with relaying(store, second):
        until(lambda: {"e/1/j2/1/end", "e/1/j3/1/end"} <= set(second.ids()))


def test_a_stop_while_the_bus_is_down_keeps_the_token_behind(store: Store) -> None:
    tried = threading.Event()

    def down(_: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        tried.set()
        raise ConnectionError("down")

    relay = Relay(store.database, "bus", Taken(down).put)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(relay.run()))
    thread.start()
    until(lambda: store.database["relay"].find_one({"_id": "statuses"}) is not None)
    before = store.database["relay"].find_one({"_id": "statuses"})
    store.statuses.insert_one(status(1))
    assert tried.wait(10)
    relay.stop()
    thread.join(30)
    assert answers == [False]
    assert store.database["relay"].find_one({"_id": "statuses"}) == before
    taken = Taken()
    with relaying(store, taken):
        until(lambda: taken.ids() == ["e/1/j1/1/end"])


def test_a_lost_resume_token_is_told_and_the_relay_goes_on(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    from pymongo.errors import OperationFailure

    taken = Taken()
    relay = Relay(store.database, "bus", taken.put)
    store.database["relay"].insert_one({"_id": "statuses", "token": {"_data": "00"}})
    watch = relay._statuses.watch

    def lost(*arguments: Any, **options: Any) -> Any:
        if options.get("resume_after") is not None:
            raise OperationFailure("resume of change stream was not possible", 286)
        return watch(*arguments, **options)

    class Watching:
        database = store.database

        def watch(self, *arguments: Any, **options: Any) -> Any:
            return lost(*arguments, **options)

    relay._statuses = Watching()  # type: ignore[assignment]
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        until(lambda: (store.database["relay"].find_one() or {"token": {"_data": "00"}})["token"] != {"_data": "00"})
        store.statuses.insert_one(status(1))
        until(lambda: taken.ids() == ["e/1/j1/1/end"])
    finally:
        relay.stop()
        thread.join(10)
    assert "relay.resume_token_lost" in capsys.readouterr().out


def test_refused_entries_of_put_events_come_back() -> None:
    class Events:
        def put_events(self, Entries: list[Any]) -> dict[str, Any]:
            return {"Entries": [{"EventId": "1"}, {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}]}

    assert put_events(Events())([{"n": 1}, {"n": 2}]) == [{"n": 2}]
