"""Whole executions through the real store and the real handlers; only the bus is in memory."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId

from phaseline_runtime.client import Client
from phaseline_runtime.definition import Action, Definition, OnFailure, Phase, Transition, Use
from phaseline_runtime.store.expressions import INPUT_IN_EVENT
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus


def use(name: str, *after: str, **more: Any) -> Use:
    return Use(name, "job", after, **more)


def run(client: Client, store: Store, *phases: Phase, given: Any = None, **bus: Any) -> tuple[dict[str, Any], Bus]:
    client.migrate({"m": Definition("m", phases)})
    execution = client.start("m", given)
    deliver = Bus(store, **bus)
    document = deliver.run(execution.id)
    assert client.rebuild(execution.id) == []
    return document, deliver


DELIVERIES = [{}, {"copies": 2, "reverse": True}, {"copies": 2, "seed": 3}, {"copies": 3, "seed": 4}]


@pytest.mark.parametrize("how", DELIVERIES)
def test_a_chain_with_a_join_runs_every_job_once(client: Client, store: Store, how: dict[str, Any]) -> None:
    uses = (use("a"), *(use(f"p{n}", "a") for n in range(10)), use("join", *(f"p{n}" for n in range(10))))
    document, bus = run(client, store, Phase("p", uses), Phase("q", (use("z"),)), **how)
    assert document["status"] == "success"
    assert Counter(bus.runs) == Counter(["a", *(f"p{n}" for n in range(10)), "join", "z"])


@pytest.mark.parametrize("how", DELIVERIES)
def test_conditions_inputs_and_a_loop_are_evaluated_by_mongodb(
    client: Client, store: Store, how: dict[str, Any]
) -> None:
    catch = Use("catch", "job", input=json.dumps({"try": "$visits.fish", "bait": "$input.bait", "none": "$input.no"}))
    drink = Use("drink", "job", when=json.dumps({"input.age": {"$gte": 18}}))
    again = Transition("fish", json.dumps({"results.catch.kilos": {"$lt": 3}}))
    skipped = Phase("never", (use("never_job"),), when=json.dumps({"results.catch.kilos": {"$gt": 100}}))
    got: list[Any] = []

    def fish(event: Any, _: Any) -> Any:
        got.append(event)
        return {"kilos": event["try"]}

    document, bus = run(
        client,
        store,
        Phase("fish", (catch, drink), next=(again,)),
        skipped,
        Phase("home", (use("cook"),)),
        given={"age": 17, "bait": "$worm"},
        jobs={"catch": fish},
        **how,
    )
    assert document["status"] == "success"
    assert got == [{"try": n, "bait": "$worm"} for n in (1, 2, 3)]
    assert Counter(bus.runs) == Counter(["catch"] * 3 + ["cook"])
    assert document["visits"] == {"fish": 3, "home": 1}


@pytest.mark.parametrize("how", DELIVERIES)
def test_a_phase_that_was_not_entered_yet_was_entered_0_times(
    client: Client, store: Store, how: dict[str, Any]
) -> None:
    fewer = json.dumps({"visits.rest": {"$lt": 2}})
    fish = Use("fish", "job", input=json.dumps("$visits"))
    got: list[Any] = []
    document, bus = run(
        client,
        store,
        Phase("sea", (fish,), next=(Transition("rest"),)),
        Phase("rest", (use("sleep"),), when=fewer, next=(Transition("sea"),)),
        Phase("home", (use("cook"),)),
        jobs={"fish": lambda event, _: got.append(event)},
        **how,
    )
    assert document["status"] == "success"
    assert got == [{"sea": n, "rest": n - 1, "home": 0} for n in (1, 2, 3)]
    assert Counter(bus.runs) == Counter({"fish": 3, "sleep": 2, "cook": 1})
    assert document["visits"] == {"sea": 3, "rest": 2, "home": 1}


@pytest.mark.parametrize("how", DELIVERIES)
def test_a_failure_is_recorded_and_the_clean_up_runs(client: Client, store: Store, how: dict[str, Any]) -> None:
    def fails(*_: Any) -> Any:
        raise ValueError("no boat")

    uses = (use("a"), use("b", "a"), use("tidy", "b", run_if="all_done"))
    document, bus = run(client, store, Phase("p", uses), jobs={"a": fails}, **how)
    assert document["status"] == "failed"
    assert document["errors"]["a"] == {"type": "ValueError", "message": "no boat"}
    assert Counter(bus.runs) == Counter(["a", "tidy"])
    failed = store.status(f"{document['_id']}/1/a/1/end")
    assert failed is not None
    assert failed.error is not None
    assert "Traceback" in failed.error["traceback"]


def test_one_expression_that_fails_does_not_spoil_the_others(client: Client, store: Store) -> None:
    uses = (
        Use(
            "bad",
            "job",
            input=json.dumps({"x": {"$divide": [1, "$input.zero"]}}),
            on_failure=(OnFailure(Action.CONTINUE),),
        ),
        Use("good", "job", input=json.dumps({"x": {"$add": [1, "$input.zero"]}})),
    )
    document, _ = run(client, store, Phase("p", uses), given={"zero": 0}, jobs={"good": lambda event, _: event})
    assert document["status"] == "success"
    assert document["errors"]["bad"]["type"] == "Phaseline.ExpressionFailed"
    assert document["results"]["good"] == {"x": 1}


def test_values_keep_their_types_on_the_way_through_jobs(client: Client, store: Store) -> None:
    value = {
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "price": Decimal("1.10"),
        "id": ObjectId(),
        "data": {"$where": "x", "a.b": [1]},
    }
    uses = (use("a"), use("b", "a", input=json.dumps("$results.a")))
    seen: list[Any] = []
    run(client, store, Phase("p", uses), jobs={"a": lambda *_: value, "b": lambda event, _: seen.append(event)})
    assert seen == [value]


def test_an_async_handler_is_awaited(client: Client, store: Store) -> None:
    async def later(event: Any, _: Any) -> Any:
        return {"n": event["n"] + 1}

    document, _ = run(client, store, Phase("p", (use("a"),)), given={"n": 1}, jobs={"a": later})
    assert document["results"]["a"] == {"n": 2}


@pytest.mark.parametrize(
    ("output", "kind"),
    [("x" * 1_000_001, "Phaseline.OutputTooLarge"), ({1, 2}, "OutputNotStorable"), (2**80, "OutputNotStorable")],
)
def test_an_output_that_cannot_be_kept_fails_the_job(client: Client, store: Store, output: Any, kind: str) -> None:
    document, _ = run(client, store, Phase("p", (use("a"),)), jobs={"a": lambda *_: output})
    assert document["status"] == "failed"
    assert document["errors"]["a"]["type"] == kind


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise KeyError("words")


@pytest.mark.parametrize(
    ("error", "message"),
    [(ValueError("no file n\udcff"), "no file n?"), (Unspeakable(), "its __str__ raises KeyError")],
    ids=["no UTF-8", "no text"],
)
def test_an_error_that_cannot_be_told_fails_the_job_under_its_name(
    client: Client, store: Store, error: Exception, message: str
) -> None:
    def raises(*_: Any) -> Any:
        raise error

    document, _ = run(client, store, Phase("p", (use("a"),)), jobs={"a": raises})
    assert document["errors"]["a"] == {"type": type(error).__name__, "message": message}


def test_a_large_input_reaches_the_job_and_no_event(client: Client, store: Store) -> None:
    given = {"text": "x" * (INPUT_IN_EVENT + 1)}
    seen: list[Any] = []
    document, _ = run(
        client, store, Phase("p", (use("a"),)), given=given, jobs={"a": lambda event, _: seen.append(event)}
    )
    assert seen == [given]
    stored = store.statuses.find_one({"_id": f"{document['_id']}/1/a/1/entry"})
    assert stored is not None
    assert "input" not in stored
    assert stored["largeInput"] == given


def test_a_forged_event_runs_nothing(client: Client, store: Store) -> None:
    from phaseline_runtime import runner

    def must_not_run(*_: Any) -> Any:
        raise AssertionError("ran")

    runner.run(store, {"detail": {"fullDocument": {"_id": "e/1/a/1/entry"}}}, None, must_not_run)
    assert store.statuses.count_documents({}) == 0


@pytest.mark.parametrize("how", DELIVERIES)
def test_wait_for_any_goes_on_without_the_late_one(client: Client, store: Store, how: dict[str, Any]) -> None:
    phases = (Phase("p", (use("a"), use("b")), wait_for_count=1), Phase("q", (use("c"),)))
    document, bus = run(client, store, *phases, **how)
    assert document["status"] == "success"
    assert bus.runs.count("c") == 1
    assert Counter(bus.runs).most_common(1)[0][1] == 1


@pytest.mark.parametrize(("length", "error"), [(10, None), (9_000, "Phaseline.InputTooLarge")])
def test_an_input_that_a_rule_has_to_look_into_must_fit_into_an_event(
    client: Client, store: Store, length: int, error: str | None
) -> None:
    uses = (use("a", filtered=True), use("b"))
    document, bus = run(client, store, Phase("p", uses), given={"text": "x" * length})
    assert (document["error"] or {}).get("type") == error
    assert ("a" in bus.runs) is (error is None)


def test_so_must_what_a_compensation_gets_of_the_attempt_that_it_undoes(client: Client, store: Store) -> None:
    undone = use("a", compensate=Use("", "undo", filtered=True))
    jobs = {"a": lambda *_: "x" * 9_000, "b": lambda *_: 1 / 0}
    document, bus = run(client, store, Phase("p", (undone,)), Phase("q", (use("b"),)), jobs=jobs)
    assert document["error"]["notUndone"] == [{"job": "a", "round": 1}]
    assert document["round"]["jobs"]["undo-a-1"]["error"] == "Phaseline.InputTooLarge"
    assert "undo-a-1" not in bus.runs
