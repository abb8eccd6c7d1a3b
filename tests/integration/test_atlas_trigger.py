"""What the trigger of Atlas lets through, on real change events: all that any rule matches, and little else.

`Match` and `Project` are evaluated by the server, as stages of a change stream, and the rules by an EventBridge matcher
that is not ours (MiniStack's). Atlas itself is not here.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from ministack.services import eventbridge
from pymongo import MongoClient

from phaseline.cdk.bus import patterns
from phaseline_runtime.client import Client
from phaseline_runtime.clock import now
from phaseline_runtime.definition import Action, Definition, OnFailure, Phase, Retry, Use
from phaseline_runtime.engine.fold import ends_round, fold, holds, new_execution
from phaseline_runtime.envelope import IN_EVENTS, PROJECTION, notice
from phaseline_runtime.relay import entry
from phaseline_runtime.statuses import Status
from phaseline_runtime.store import schema
from phaseline_runtime.store.connection import database
from phaseline_runtime.store.expressions import INPUT_IN_EVENT
from phaseline_runtime.store.store import Store, from_document, to_document
from tests.support.bus import Bus

Document = dict[str, Any]

DATABASE = "phaseline_test"
SUBSCRIBED = ("execution.failed", "job.late")
LARGE = "x" * 100_000
"""Far more than what an event has room for here."""
LIMIT = 64 * 1024
"""In bytes; a quarter of the smallest limit of an event that any page of Atlas's names."""


@dataclass(frozen=True)
class Change:
    """One change event, as the server told of it, and as Atlas would send it; None where `Match` leaves it out."""

    whole: Document
    sent: Document | None

    @property
    def status(self) -> Status:
        return from_document(self.whole["fullDocument"])


@pytest.fixture(scope="module")
def changes(mongo: MongoClient[Document]) -> Iterator[list[Change]]:
    """The inserts of executions in which nearly everything happens that can."""
    store = Store(database(mongo, f"test_{secrets.token_hex(4)}"))
    schema.migrate(store.database)
    inserts: list[Document] = [{"$match": {"operationType": "insert"}}]
    trigger = [*inserts, {"$match": patterns.wanted(SUBSCRIBED)}, {"$project": PROJECTION}]
    with store.statuses.watch(inserts) as everything, store.statuses.watch(trigger) as through:
        _happen(store, Client(mongo, database=store.database.name))
        store.statuses.insert_many(EACH)
        last = store.statuses.insert_one(LAST).inserted_id
        sent = {change["fullDocument"]["_id"]: change for change in _until(last, through)}
        found = [Change(each, sent.get(each["fullDocument"]["_id"])) for each in _until(last, everything)]
    yield found
    mongo.drop_database(store.database.name)


def _made(kind: str, status: str, **more: Any) -> Document:
    common = {"kind": kind, "status": status, "stateMachine": "m", "at": now(), "round": 1}
    return {"_id": f"made/{kind}/{status}", "execution": "made", **common, **more}


EVERY: Mapping[str, str] = {
    "job": "triggered started success failed skipped cancelled waiting heartbeat late",
    "phase": "started success failed cancelled overdue waiting",
    "execution": "started success failed cancelled paused resumed cancel_requested overdue",
}
"""Every status there is."""
EACH = [
    _made(kind, status, **({"job": "job", "name": "a", "attempt": 1, "slot": "entry"} if kind == "job" else {}))
    for kind, statuses in EVERY.items()
    for status in statuses.split()
]
"""One of each, whatever has happened in the executions."""
LAST = {**_made("execution", "success"), "_id": "made/last"}
"""A status that every stream lets through."""


def _until(last: Any, stream: Any) -> Iterator[Document]:
    deadline = time.monotonic() + 30
    while True:
        change = stream.try_next()
        if change is None:
            assert time.monotonic() < deadline, f"{last} does not come"
            continue
        yield change
        if change["fullDocument"]["_id"] == last:
            return


def _happen(store: Store, client: Client) -> None:
    failures = (OnFailure(Action.CONTINUE),)
    uses = (
        Use("large", "job", input=json.dumps({"boat": LARGE})),
        Use("small", "filtered", input=json.dumps({"region": "eu-central-1"})),
        Use("fails", "job", on_failure=failures, retry=(Retry(max_attempts=2, interval=0.001),)),
        Use("skipped", "job", when=json.dumps({"input.no": 1})),
        Use("after", "job", ("fails",), run_if="all_done"),
    )
    client.migrate({"m": Definition("m", (Phase("p", uses), Phase("q", (Use("z", "job"),))))})

    def fails(*_: Any) -> Any:
        raise ValueError(LARGE)

    jobs = {"fails": fails, "large": lambda event, _: {"out": LARGE}}
    execution = client.start("m", {"large": LARGE}, started_by=LARGE)
    client.pause(execution.id, reason=LARGE)
    client.resume(execution.id, reason=LARGE)
    Bus(store, jobs).run(execution.id)
    cancelled = client.start("m", {"region": "eu"})
    client.cancel(cancelled.id, reason=LARGE)
    Bus(store, jobs).run(cancelled.id)
    client.redrive(cancelled.id, reason=LARGE)
    Bus(store, jobs).run(cancelled.id)


def rules() -> Mapping[str, Document]:
    """The patterns of every rule that an orchestration makes."""
    subscribed = patterns.subscribed(SUBSCRIBED)
    return {
        "job": patterns.of_job(DATABASE, "job"),
        "filtered": patterns.of_job(DATABASE, "filtered", {"region": [{"prefix": "eu-"}]}),
        "statemachine_job": patterns.of_statuses(DATABASE, patterns.STATEMACHINE_JOB),
        "orchestrator_job": patterns.of_statuses(DATABASE, patterns.ORCHESTRATOR_JOB),
        "notifications_job": patterns.of_statuses(DATABASE, subscribed),
    }


def matching(change: Mapping[str, Any]) -> set[str]:
    """The rules that match this change event, as EventBridge gets it."""
    event = {**entry(change, "bus"), "Detail": json.loads(entry(change, "bus")["Detail"])}
    event["Detail"]["ns"]["db"] = DATABASE
    event["Detail"] = json.dumps(event["Detail"])
    return {
        name
        for name, pattern in rules().items()
        if eventbridge._matches_pattern(json.dumps({"detail": pattern}), event)
    }


def test_whatever_a_rule_matches_is_let_through_and_matched_by_the_same_rules(changes: list[Change]) -> None:
    seen: set[str] = set()
    for change in changes:
        expected = matching(change.whole)
        assert (matching(change.sent) if change.sent is not None else set()) == expected, change.whole["fullDocument"]
        seen |= expected
    assert seen == set(rules())


def test_what_is_left_out_is_what_no_rule_matches(changes: list[Change]) -> None:
    left_out = {(change.status.kind, change.status.status) for change in changes if change.sent is None}
    assert left_out == {("job", "started"), ("job", "heartbeat"), ("execution", "paused")}
    assert all(matching(change.whole) for change in changes if change.sent is not None)


def test_what_the_bundled_lambdas_decide_by_the_event_they_decide_as_by_the_status(changes: list[Change]) -> None:
    told = {
        change.status.id: notice({"detail": json.loads(entry(change.sent, "bus")["Detail"])})
        for change in changes
        if change.sent is not None
    }
    for execution in {change.status.execution for change in changes} - {"made"}:
        statuses = [change.status for change in changes if change.status.execution == execution]
        document = new_execution(statuses[0])
        for newest in statuses:
            document = fold(document, [newest])
            for status in statuses:
                if status.id in told:
                    event = told[status.id]
                    assert (event.execution, event.round) == (status.execution, status.round)
                    assert ends_round(event) == ends_round(status)
                    assert holds(document, event) == holds(document, status), status.id


def test_an_event_stays_small_whatever_a_status_holds(changes: list[Change]) -> None:
    sizes = [len(json.dumps(change.whole["fullDocument"], default=str)) for change in changes]
    assert len([size for size in sizes if size > len(LARGE)]) > 6
    for change in changes:
        if change.sent is not None:
            assert len(entry(change.sent, "bus")["Detail"].encode()) < LIMIT
            assert set(change.sent["fullDocument"]) <= set(IN_EVENTS)
            assert {"_id", "operationType", "ns", "documentKey", "clusterTime"} <= set(change.sent)


def test_the_largest_input_that_travels_is_far_below_the_limit(store: Store) -> None:
    control = {"text": "\x01" * (INPUT_IN_EVENT - 40)}
    document = to_document(
        Status(
            id="e/1/j/1/entry", kind="job", execution="e" * 256, state_machine="m", status="triggered", input=control
        )
    )
    assert "input" in document
    with store.statuses.watch([{"$project": PROJECTION}]) as stream:
        store.statuses.insert_one({**document, "at": now()})
        assert len(entry(stream.next(), "bus")["Detail"].encode()) < LIMIT
