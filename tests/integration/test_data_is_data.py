"""Data that looks like an operator, a path or a field of ours is data: on its whole way, on a real server.

An execution's input and a job's output come from whoever may start one: they must never be read as MongoDB's query or
expression language.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from phaseline_runtime.client import Client
from phaseline_runtime.definition import Action, Definition, OnFailure, Phase, Transition, Use, Wait
from phaseline_runtime.errors import UnknownExecution
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus

HOSTILE: list[Any] = [
    {"$where": "sleep(10000)"},
    {"$function": {"body": "function() { return 1 }", "args": [], "lang": "js"}},
    {"$expr": {"$eq": [1, 1]}, "$or": [{}]},
    {"$ne": None},
    {"$gt": ""},
    {"$literal": {"$ne": None}},
    {"$set": {"status": "success"}, "$unset": "results"},
    {"a.b": 1, "a": {"b": 2}, "": 3, "$": 4, ".": 5, "$.": 6, "a.$[]": 7, "_id": "other", "status": "failed"},
    "$results.b",
    "$$ROOT",
    "$$REMOVE",
    ["$input", {"$getField": "x"}, [["$$NOW"]]],
]


def run(client: Client, store: Store, *phases: Phase, given: Any, **jobs: Any) -> tuple[dict[str, Any], Bus]:
    client.migrate({"m": Definition("m", phases)})
    execution = client.start("m", given)
    bus = Bus(store, jobs)
    document = bus.run(execution.id)
    assert client.rebuild(execution.id) == []
    return document, bus


def use(name: str, *after: str, **more: Any) -> Use:
    return Use(name, "job", after, **more)


@pytest.mark.parametrize("value", HOSTILE, ids=json.dumps)
def test_it_comes_out_as_it_went_in(client: Client, store: Store, value: Any) -> None:
    seen: list[Any] = []

    def echo(event: Any, _: Any) -> Any:
        seen.append(event)
        return event["it"] if isinstance(event, dict) and event.keys() == {"it"} else event

    chained = json.dumps({"it": "$results.a"})
    everything = json.dumps({"input": "$input", "results": "$results"})
    phases = (
        Phase("p", (use("a", input=json.dumps({"it": "$input.given"})), use("b", "a", input=chained))),
        Phase("q", (use("c", input=everything),)),
    )
    document, _ = run(client, store, *phases, given={"given": value}, a=echo, b=echo, c=echo)
    assert document["status"] == "success"
    assert seen[:2] == [{"it": value}, {"it": value}]
    assert seen[2] == {"input": {"given": value}, "results": {"a": value, "b": value}}
    assert document["input"] == {"given": value}
    assert document["results"]["b"] == value


@pytest.mark.parametrize("value", HOSTILE, ids=json.dumps)
def test_a_condition_compares_it_and_does_not_obey_it(client: Client, store: Store, value: Any) -> None:
    """Each of these would be met if the value were read as a query or an expression."""
    conditions = {
        "by_query": {"input.given": "nothing like it"},
        "by_expression": {"$expr": {"$eq": ["$input.secret", "$input.given"]}},
        "by_result": {"$expr": {"$eq": ["$input.secret", "$results.a"]}},
        "by_size": {"input.given": {"$type": "number"}},
    }
    guarded = [use(name, "a", when=json.dumps(when)) for name, when in conditions.items()]
    stay = Transition("p", json.dumps({"results.a": {"$type": "number"}}))
    given = {"given": value, "secret": "planted", "status": "failed"}
    phases = (Phase("p", (use("a"), *guarded), next=(stay,)), Phase("q", (use("z"),)))
    document, bus = run(client, store, *phases, given=given, a=lambda *_: value)
    assert document["status"] == "success"
    assert bus.runs == ["a", "z"]
    assert document["visits"] == {"p": 1, "q": 1}


@pytest.mark.parametrize("value", HOSTILE, ids=json.dumps)
def test_a_condition_can_find_it(client: Client, store: Store, value: Any) -> None:
    found = use("found", "a", when=json.dumps({"$expr": {"$eq": ["$results.a", "$input.given"]}}))
    _, bus = run(client, store, Phase("p", (use("a"), found)), given={"given": value}, a=lambda *_: value)
    assert bus.runs == ["a", "found"]


def test_keys_of_ours_in_an_output_change_nothing_of_ours(client: Client, store: Store) -> None:
    forged = {"status": "failed", "_id": "x", "settled": True, "round": {"number": 99}, "results": {"b": "forged"}}
    document, bus = run(client, store, Phase("p", (use("a"), use("b", "a"))), given=forged, a=lambda *_: forged)
    assert document["status"] == "success"
    assert document["results"] == {"a": forged, "b": None}
    assert document["round"]["number"] < 99
    assert bus.runs == ["a", "b"]


def test_an_error_that_holds_operators_is_data(client: Client, store: Store) -> None:
    def fails(*_: Any) -> Any:
        raise ValueError('{"$where": "1"} $input.secret $$ROOT')

    caught = use("caught", "a", run_if="all_done", input=json.dumps({"said": "$errors.a.message"}))
    phase = Phase("p", (use("a", on_failure=(OnFailure(Action.CONTINUE),)), caught))
    document, _ = run(client, store, phase, given={"secret": "planted"}, a=fails, caught=lambda event, _: event)
    assert document["results"]["caught"] == {"said": '{"$where": "1"} $input.secret $$ROOT'}


@pytest.mark.parametrize("operation", ["cancel", "pause", "resume", "redrive", "rebuild", "wait"])
def test_an_operator_is_no_execution(client: Client, store: Store, operation: str) -> None:
    run(client, store, Phase("p", (use("a"),)), given={})
    operator: Any = {"$ne": None}
    assert client.get(operator) is None
    with pytest.raises(UnknownExecution):
        getattr(client, operation)(operator)


def test_a_date_that_python_has_none_for_is_no_time_to_wait_for(client: Client, store: Store) -> None:
    microseconds = 1_764_000_000_000_000  # Taken for milliseconds, this is the year 57868.
    wait = Wait(until=json.dumps({"$toDate": "$input.at"}))
    document, bus = run(client, store, Phase("p", (use("a", wait=wait),)), given={"at": microseconds})
    assert bus.runs == []
    assert document["error"]["type"] == "Phaseline.ExpressionFailed"
    assert document["error"]["message"].endswith("and no DatetimeMS(1764000000000000)")
