"""An event is a notice: whoever can put one on the bus makes nothing happen that the database does not know."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from pymongo.errors import WriteError

from phaseline_runtime import invoker, runner
from phaseline_runtime.advance import recover
from phaseline_runtime.bundled import notifications_job
from phaseline_runtime.bundled.reconciling import move_on
from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.engine.questions import Owner
from phaseline_runtime.logs import logger
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store, to_document
from tests.support.bus import Bus, event_of

PARTS = [frozenset({Owner.STATEMACHINE}), frozenset({Owner.ORCHESTRATOR})]
PAY = Definition("m", (Phase("p", (Use("pay", "pay"), Use("ship", "ship", ("pay",)))),))


@pytest.fixture
def triggered(client: Client, store: Store) -> Status:
    """`pay` has been triggered, and its event has reached nobody yet."""
    client.migrate({"m": PAY})
    execution = client.start("m", {"amount": 1}, id="e").id
    Bus(store, lost=lambda status: status.status == "triggered").run(execution)
    found = store.status("e/1/pay/1/entry")
    assert found is not None
    return found


def everything(store: Store) -> list[Any]:
    return [list(collection.find().sort("_id", 1)) for collection in (store.statuses, store.executions)]


def must_not_run(*_: Any) -> Any:
    raise AssertionError("ran")


def changed(event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    forged = copy.deepcopy(event)
    forged["detail"]["fullDocument"].update(fields)
    return forged


@pytest.mark.parametrize(
    "fields",
    [
        {"_id": "e/1/pay/2/entry", "attempt": 2},
        {"_id": "e/1/ship/1/entry", "name": "ship", "job": "ship"},
        {"_id": "e/2/pay/1/entry", "round": 2},
        {"_id": "nobody/1/pay/1/entry", "execution": "nobody"},
        {"_id": "e/start"},
        {"_id": "e/1/start"},
        {"_id": ""},
    ],
    ids=str,
)
def test_what_was_not_triggered_does_not_run(store: Store, triggered: Status, fields: dict[str, Any]) -> None:
    before = everything(store)
    runner.run(store, changed(event_of(triggered), **fields), None, must_not_run)
    assert everything(store) == before


@pytest.mark.parametrize("identifier", [{"$ne": None}, {"$gt": ""}, None, 1, ["e/1/pay/1/entry"]], ids=str)
def test_an_operator_is_no_id(store: Store, triggered: Status, identifier: Any) -> None:
    before = everything(store)
    with pytest.raises(ValueError, match="not an event of a status"):
        runner.run(store, changed(event_of(triggered), _id=identifier), None, must_not_run)
    assert everything(store) == before


def test_a_job_does_not_run_in_the_place_of_another(store: Store, triggered: Status) -> None:
    before = everything(store)
    forged = changed(event_of(triggered), job="ship", name="ship")
    runner.run(store, forged, None, must_not_run, job="ship")
    assert everything(store) == before


@pytest.mark.parametrize("entry", [runner.handler, invoker.handler], ids=["runner", "invoker"])
def test_no_function_of_a_job_runs_what_another_was_triggered_for(
    store: Store, triggered: Status, entry: Callable[[Any, Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(store)
    monkeypatch.setattr(runner, "lambda_store", lambda: store)
    monkeypatch.setenv("PHASELINE_JOB", "ship")
    entry(changed(event_of(triggered), job="ship", name="ship"), None)
    assert everything(store) == before


def test_a_job_gets_the_input_that_the_database_has(store: Store, triggered: Status) -> None:
    seen: list[Any] = []
    forged = changed(event_of(triggered), input={"amount": 1_000_000})
    runner.run(store, forged, None, lambda event, _: seen.append(event), job="pay")
    assert seen == [{"amount": 1}]


@pytest.mark.parametrize(
    "fields",
    [
        {"_id": "e/1/pay/1/end", "status": "success", "slot": "end", "output": "forged"},
        {"_id": "e/1/pay/1/end", "status": "failed", "slot": "end"},
        {"_id": "e/1/end", "kind": "phase", "status": "success", "slot": "end"},
        {"_id": "e/end/1", "kind": "execution", "status": "success", "slot": "end"},
        {"_id": "e/cancel/1", "kind": "execution", "status": "cancel_requested"},
        {"_id": "e/9/start", "kind": "phase", "status": "started", "round": 9},
        {"_id": "nobody/1/pay/1/end", "execution": "nobody", "status": "success"},
    ],
    ids=str,
)
def test_what_did_not_happen_moves_nothing(store: Store, triggered: Status, fields: dict[str, Any]) -> None:
    statuses, _ = everything(store)
    for part in PARTS:
        move_on(store, changed(event_of(triggered), **fields), part, logger("test"))
    # It may fold earlier than it would have what is in the database; it adds nothing to it.
    after, [execution] = everything(store)
    assert after == statuses
    assert (execution["status"], execution["round"]["number"], execution["results"]) == ("running", 1, {})


@pytest.mark.parametrize(
    "fields",
    [{"status": 1}, {"execution": ["e"]}, {"execution": {"$gt": ""}}, {"round": "1"}, {"slot": None}, {"kind": {}}],
    ids=str,
)
def test_what_is_no_status_moves_nothing_and_is_said_to_be_none(
    store: Store, triggered: Status, fields: dict[str, Any]
) -> None:
    before = everything(store)
    for part in PARTS:
        with pytest.raises(ValueError, match=f"not an event of a status: detail.fullDocument.{next(iter(fields))} "):
            move_on(store, changed(event_of(triggered), **fields), part, logger("test"))
    assert everything(store) == before


def test_an_event_in_extended_json_moves_on_what_one_in_plain_json_does(
    store: Store, triggered: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where somebody has switched it on in Atlas."""
    monkeypatch.setattr(runner, "advance", lambda *_, **__: [])  # The runner leaves it to the bundled Lambdas.
    runner.run(store, event_of(triggered), None, lambda *_: None, job="pay")
    ended = store.status("e/1/pay/1/end")
    assert ended is not None
    forms = {"round": {"$numberInt": "1"}, "attempt": {"$numberLong": "1"}, "at": {"$date": {"$numberLong": "0"}}}
    for part in PARTS:
        move_on(store, changed(event_of(ended), **forms), part, logger("test"))
    assert store.status("e/1/ship/1/entry") is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"_id": "e/9/pay/1/entry", "round": 9},
        {"_id": "e/9/pay/1/end", "round": 9, "slot": "end", "status": "success"},
        {"_id": "e/9/overdue", "kind": "phase", "status": "overdue", "round": 9},
        {"_id": "e/9/end", "kind": "phase", "status": "success", "round": 9, "next": {"end": "success"}},
    ],
    ids=str,
)
def test_a_round_that_nobody_has_begun_is_no_open_round(
    client: Client, store: Store, triggered: Status, fields: dict[str, Any]
) -> None:
    """Whoever may write to the database can run a job by it; the execution goes on as if nothing had been there."""
    store.statuses.insert_one(to_document(triggered) | {"input": {"amount": 2}} | fields)
    bus = Bus(store)
    document = bus.run("e")
    assert (document["status"], document["round"]["number"]) == ("success", 1)
    assert document["errors"] == {}
    assert {*bus.runs} == {"pay", "ship"}
    recover(store, "e")
    ended = store.execution("e")
    assert ended is not None
    assert ended["settled"]
    assert client.rebuild("e") == []


MADE_UP: list[dict[str, Any]] = [
    {"name": "nobody"},
    {"name": "ship"},
    {"job": "ship"},
    {"phase": "nobody"},
    {"phase": "compensation", "name": "undo-pay-1"},
    {"phase": "compensation", "name": "undo-nobody-1"},
    {"phase": "compensation", "name": "nobody"},
    {"slot": "redelivery", "number": 1, "name": "nobody"},
]
"""What makes of a job's `triggered` one of a job that its state machine does not use so."""


@pytest.mark.parametrize("fields", MADE_UP, ids=str)
def test_a_job_that_the_state_machine_has_not_does_not_run(
    client: Client, store: Store, triggered: Status, fields: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its status can only have been put into the database by hand: no fault of ours, and nobody's dead letter."""
    made_up = to_document(triggered) | {"_id": "e/1/made_up/1/entry"} | fields
    store.statuses.insert_one(made_up)
    before = everything(store)
    runner.run(store, {"detail": {"fullDocument": made_up}}, None, must_not_run)
    assert everything(store) == before
    assert "its state machine does not use this job under this name; ignored" in capsys.readouterr().out
    bus = Bus(store)
    document = bus.run("e")
    assert document["status"] == "success"
    assert {*bus.runs} == {"pay", "ship"}
    recover(store, "e")
    assert client.rebuild("e") == []


def test_the_watchdog_sends_no_job_again_that_the_state_machine_has_not(store: Store, triggered: Status) -> None:
    store.statuses.insert_one(to_document(triggered) | {"_id": "e/1/nobody/1/entry", "name": "nobody"})
    given_up = triggered.start_by
    assert given_up is not None
    recovered = recover(store, "e", clock=lambda: given_up)
    assert {status.name for status in recovered.inserted} <= {"pay", "ship", None}
    document = store.execution("e")
    assert document is not None
    assert document["error"]["type"] == "Phaseline.NotStarted"


BROKEN: list[dict[str, Any]] = [
    *({"name": name} for name in ("a.b", "pay.x", "$x", "", "\0", 5)),
    *({"phase": name} for name in ("a.b", "$x", "", 5)),
    *({"slot": slot} for slot in ("unknown", 5)),
    *({key: value} for key in ("round", "visit", "attempt", "number") for value in (1.5, float("nan"), "1", True)),
    *({key: value} for key in ("due", "deadline", "startBy") for value in (5, "2026-12-01")),
    *({key: ["x"]} for key in ("job", "definition", "cause", "reason", "by", "asked", "startedBy")),
    *({key: 5} for key in ("error", "retry", "next", "carried", "outcome", "used", "passedOver", "compensates")),
]
"""Fields of a status on which a fold, or who shows it, would come to grief."""


@pytest.mark.parametrize("fields", BROKEN, ids=str)
def test_the_database_takes_no_status_that_cannot_be_folded_or_shown(
    store: Store, triggered: Status, fields: dict[str, Any]
) -> None:
    made_up = to_document(triggered) | {"_id": "e/1/made_up/1/entry"}
    store.statuses.insert_one(made_up | {"_id": "as it is"})
    with pytest.raises(WriteError, match="failed validation"):
        store.statuses.insert_one(made_up | fields)


def test_nobody_is_told_of_what_did_not_happen(
    store: Store, triggered: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications_job, "lambda_store", lambda: store)
    monkeypatch.setattr(notifications_job, "_channels", must_not_run)
    notifications_job.handler(changed(event_of(triggered), _id="e/end/1", kind="execution", status="failed"), None)
