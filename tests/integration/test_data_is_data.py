"""Data that looks like an operator, a path or a field of ours is data: on its whole way, on a real server.

An execution's input and a job's output come from whoever may start one: they must never be read as MongoDB's query or
expression language.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson.datetime_ms import DatetimeMS

import phaseline_runtime
from phaseline.cli.entry import run as cli
from phaseline_runtime import plain_json
from phaseline_runtime.bundled import starter_job
from phaseline_runtime.client import Client
from phaseline_runtime.definition import Action, Definition, OnFailure, Phase, Transition, Use, Wait
from phaseline_runtime.errors import InvalidInput, UnknownExecution, UserError
from phaseline_runtime.relay import entry
from phaseline_runtime.store.connection import CODEC
from phaseline_runtime.store.storable import MAX_DEPTH
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
    {"$ref": "state-machines", "$id": {"$ref": "statuses", "$id": 1, "$db": "admin"}, "more": 2},
    {"$oid": "0" * 24, "$date": 0, "$numberLong": "1", "$binary": {"base64": "", "subType": "00"}},
    {"$timestamp": {"t": 1, "i": 1}},
]


def nested(levels: int, inside: Any = "deep") -> Any:
    for level in range(levels):
        inside = {"a": inside} if level % 2 else [inside]
    return inside


EXTREME: dict[str, Any] = {
    "prototype": {"__proto__": {"polluted": True}, "constructor": {"prototype": 1}, "toString": None},
    "nul_in_a_text": "before\0after",
    "largest_number": [2**63 - 1, -(2**63), 1.7976931348623157e308, 5e-324, -0.0],
    "huge_text": "$results." + "x" * 600_000,
    "long_key": {"$" + "k" * 20_000 + ".$[]": 1},
    "as_deep_as_it_may_be": nested(MAX_DEPTH - 1),
    "of_bson": {"pattern": re.compile("^a"), "bytes": b"\x00", "decimal": Decimal("0.1")},
}
"""Values at the edge of what can be stored."""


def itself() -> Any:
    found: list[Any] = []
    found.append(found)
    return found


NOT_STORABLE: dict[str, tuple[Callable[[], Any], str]] = {
    "beyond_64_bits": (lambda: 2**63, "8-byte ints"),
    "too_many_digits": (lambda: Decimal("1." + "1" * 40), "Inexact"),
    "too_deep": (lambda: nested(MAX_DEPTH + 1), "nested more than 90 levels"),
    # Some versions of Python give up on the way, and say so by themselves.
    "far_too_deep": (lambda: nested(3_000), r"nested (too deeply|more than 90 levels)"),
    "itself": (itself, "holds itself"),
    "nul_in_a_key": (lambda: {"a\0b": 1}, "NULL"),
    "half_a_character": (lambda: "\ud800", "surrogates not allowed"),
    "half_a_character_as_key": (lambda: {"\ud800": 1}, "surrogates not allowed"),
    "a_key_that_is_no_text": (lambda: {1: 2}, "only string keys"),
    "a_set": (lambda: {1}, "<class 'set'>"),
    "a_generator": (lambda: (each for each in [1]), "<class 'generator'>"),
    "a_time_span": (lambda: timedelta(1), "datetime.timedelta"),
}
"""How to make what MongoDB cannot hold, and what is said of it."""


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


CONTROLS = "\x1b]0;title\x07\x1b[2J\x9b31m\r\x00 in red"
"""What a terminal would obey."""


@pytest.mark.parametrize("command", ["show", "statuses", "watch", "rebuild"])
@pytest.mark.parametrize("as_json", [False, True], ids=["for people", "as JSON"])
def test_a_terminal_does_not_obey_it(
    client: Client, store: Store, mongo_uri: str, capsys: pytest.CaptureFixture[str], command: str, as_json: bool
) -> None:
    def fails(*_: Any) -> Any:
        phaseline_runtime.heartbeat({"at": CONTROLS})
        raise ValueError(CONTROLS)

    phase = Phase("p", (use("a"), use("b", "a"), use("c", "b", on_failure=(OnFailure(Action.CONTINUE),))))
    document, _ = run(client, store, phase, given={}, a=lambda *_: CONTROLS, b=lambda *_: CONTROLS, c=fails)
    if command == "rebuild":
        store.executions.update_one({"_id": document["_id"]}, {"$set": {"results.a": "\x9b2J"}})
    capsys.readouterr()
    where = ["--mongo", mongo_uri, "--database", store.database.name]
    cli([command, document["_id"], *where, *(["--json"] if as_json else [])])
    said = capsys.readouterr().out
    assert "in red" in said
    assert [each for each in said if unicodedata.category(each) == "Cc" and each != "\n"] == []
    assert "\\u001b" in said
    if as_json and command != "watch":
        assert "\\x1b[2J" in repr(json.loads(said))


@pytest.mark.parametrize("operation", ["cancel", "pause", "resume", "redrive", "rebuild", "wait"])
def test_an_operator_is_no_execution(client: Client, store: Store, operation: str) -> None:
    run(client, store, Phase("p", (use("a"),)), given={})
    operator: Any = {"$ne": None}
    assert client.get(operator) is None
    assert client.statuses(operator) == []
    with pytest.raises(UnknownExecution):
        getattr(client, operation)(operator)


def test_a_date_that_python_has_none_for_is_no_time_to_wait_for(client: Client, store: Store) -> None:
    microseconds = 1_764_000_000_000_000  # Taken for milliseconds, this is the year 57868.
    wait = Wait(until=json.dumps({"$toDate": "$input.at"}))
    document, bus = run(client, store, Phase("p", (use("a", wait=wait),)), given={"at": microseconds})
    assert bus.runs == []
    assert document["error"]["type"] == "Phaseline.ExpressionFailed"
    assert document["error"]["message"].endswith("and no DatetimeMS(1764000000000000)")


@pytest.mark.parametrize("name", EXTREME)
def test_what_is_extreme_comes_out_as_it_went_in(client: Client, store: Store, name: str) -> None:
    value, seen = EXTREME[name], list[Any]()
    used = use("b", "a", input=json.dumps({"it": "$results.a"}))
    phase = Phase("p", (use("a", input=json.dumps("$input.given")), used))
    document, _ = run(
        client, store, phase, given={"given": value}, a=lambda event, _: event, b=lambda e, _: seen.append(e)
    )
    assert document["status"] == "success"
    assert repr(seen) == repr([{"it": document["input"]["given"]}])
    assert repr(document["results"]["a"]) == repr(document["input"]["given"])
    if name != "of_bson":  # A pattern comes back as bson's own.
        assert document["input"]["given"] == value


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")], ids=str)
def test_an_event_is_json_whatever_a_number_is(client: Client, store: Store, number: float) -> None:
    """EventBridge refuses all else, and a relay that is refused tries for ever."""
    seen: list[Any] = []
    document, _ = run(
        client, store, Phase("p", (use("a"),)), given={"n": [number]}, a=lambda event, _: seen.append(event)
    )
    assert document["status"] == "success"
    assert repr(seen) == repr([{"n": [number]}])
    with store.database.client.watch() as stream:
        assert [client.start("m", {"n": [number]}, id="again").created for _ in range(2)] == [True, False]
        while (change := stream.next())["ns"]["coll"] != "statuses":
            pass
    detail = json.loads(entry(change, "bus")["Detail"], parse_constant=pytest.fail)
    assert detail["fullDocument"]["input"] == {
        "n": [{"$numberDouble": str(number).replace("inf", "Infinity").replace("nan", "NaN")}]
    }


def test_a_date_beyond_those_of_python_can_be_read_and_sent() -> None:
    """An expression can make one of a number. SecantusDB cannot keep it, so here it is the codec alone."""
    at = {"at": DatetimeMS(9_999_999_999_999_999)}
    assert bson.decode(bson.encode(at, codec_options=CODEC), codec_options=CODEC) == at
    assert json.loads(plain_json.dumps(at)) == {"at": {"$date": {"$numberLong": "9999999999999999"}}}


@pytest.mark.parametrize("name", NOT_STORABLE)
def test_an_input_that_cannot_be_stored_is_refused_by_a_start_and_a_rerun(
    client: Client, store: Store, name: str
) -> None:
    make, said = NOT_STORABLE[name]
    document, _ = run(client, store, Phase("p", (use("a"),)), given={"n": 1}, a=lambda *_: None)
    with pytest.raises(InvalidInput, match=said):
        client.start("m", {"given": make()}, id="refused")
    with pytest.raises(InvalidInput, match=said):
        client.rerun(document["_id"], "a", input={"given": make()})
    assert client.get("refused") is None
    assert store.execution(document["_id"]) == document


@pytest.mark.parametrize("name", NOT_STORABLE)
def test_an_output_that_cannot_be_stored_fails_its_attempt_and_says_why(
    client: Client, store: Store, name: str
) -> None:
    make, said = NOT_STORABLE[name]
    document, _ = run(client, store, Phase("p", (use("a"),)), given={}, a=lambda *_: {"given": make()})
    assert document["errors"]["a"]["type"] == "OutputNotStorable"
    assert re.search(said, document["errors"]["a"]["message"])


@pytest.mark.parametrize("name", NOT_STORABLE)
def test_a_progress_that_cannot_be_stored_fails_its_attempt_and_says_why(
    client: Client, store: Store, name: str
) -> None:
    make, said = NOT_STORABLE[name]
    document, _ = run(
        client, store, Phase("p", (use("a"),)), given={}, a=lambda *_: phaseline_runtime.heartbeat({"given": make()})
    )
    assert document["errors"]["a"]["type"] == "NotStorable"
    assert re.search(said, document["errors"]["a"]["message"])


def test_a_progress_has_a_limit_so_that_each_change_can_be_told(client: Client, store: Store) -> None:
    def says(size: int) -> dict[str, Any]:
        document, _ = run(
            client, store, Phase("p", (use("a"),)), given={}, a=lambda *_: phaseline_runtime.heartbeat("x" * size)
        )
        return document

    assert says(900_000)["status"] == "success"
    assert says(1_000_000)["errors"]["a"] == {
        "type": "NotStorable",
        "message": "the progress has 1000012 bytes; allowed are 1000000",
    }


def test_a_rerun_asks_the_schema_as_a_start_does(client: Client, store: Store) -> None:
    schema = json.dumps({"type": "object", "required": ["n"]})
    client.migrate({"m": Definition("m", (Phase("p", (use("a"),)),), input_schema=schema)})
    execution = client.start("m", {"n": 1}).id
    Bus(store).run(execution)
    with pytest.raises(InvalidInput, match="input_schema"):
        client.rerun(execution, "a", input={"$set": {"n": 1}})
    client.rerun(execution, "a", input={"n": 2})


def test_what_is_said_of_an_input_that_is_wrong_does_not_hold_all_of_it(client: Client, store: Store) -> None:
    """The record of a start that failed holds the event besides, and SQS would not take both."""
    schema = json.dumps({"properties": {"n": {"type": "integer"}}})
    client.migrate({"m": Definition("m", (Phase("p", (use("a"),)),), input_schema=schema)})
    with pytest.raises(InvalidInput, match=r"input_schema: \$\.n: 'xxx.* … x.*x' is not of type 'integer'$") as raised:
        client.start("m", {"n": "x" * 200_000})
    assert len(str(raised.value)) < 1_000


@pytest.mark.parametrize(
    "request_",
    [
        {"machine": "m", "id": "x" * 200_000},
        {"machine": "m", "id": ["x" * 200_000]},
        {"machine": "x" * 200_000},
        {"machine": "m", "x" * 200_000: 1},
        {"machine": "m", **{str(number): 1 for number in range(50_000)}},
        {"machine": "m", "schedule": "x" * 200_000},
        {"machine": "m", "schedule": "x" * 200_000, "time": "t"},
    ],
    ids=range(7),
)
def test_what_is_said_of_a_start_that_is_wrong_does_not_hold_all_of_it(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, request_: dict[str, Any]
) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (use("a"),)),))})
    monkeypatch.setattr(starter_job, "lambda_store", lambda: store)
    with pytest.raises(UserError, match=r"got|is not deployed") as raised:
        starter_job.handler(request_, None)
    assert len(str(raised.value)) < 1_000


@pytest.mark.parametrize("machine", [{"$ne": None}, None, 5, ["m"]], ids=json.dumps)
def test_what_is_no_text_is_no_state_machine(client: Client, machine: Any) -> None:
    with pytest.raises(UserError, match="is not deployed here"):
        client.start(machine)


@pytest.mark.parametrize("said", [{"$where": "1"}, ["x"], 5, "x" * 17_000_000], ids=lambda said: repr(said)[:20])
def test_who_asks_and_why_is_a_text(client: Client, store: Store, said: Any) -> None:
    document, _ = run(client, store, Phase("p", (use("a"),)), given={})
    for key in ("by", "reason"):
        with pytest.raises(UserError, match=f"^{key}: got .* allowed is a text") as raised:
            client.rerun(document["_id"], "a", **{key: said})
        assert len(str(raised.value)) < 1_000
    with pytest.raises(UserError, match="started_by: got"):
        client.start("m", {}, id="refused", started_by=said)
    assert store.execution(document["_id"]) == document
    assert client.get("refused") is None


class _Silent(Exception):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    "error",
    [
        ValueError("half a character: \ud800"),
        ValueError("a\0b"),
        ValueError("x" * 100_000),
        type("$where", (Exception,), {})("a.b"),
        type("x" * 10_000, (Exception,), {})("long"),
        _Silent(),
        ExceptionGroup("several", [ValueError("\ud800"), KeyError("$ne")]),
    ],
    ids=lambda error: type(error).__name__[:20],
)
def test_whatever_a_job_raises_is_recorded_as_its_failure(client: Client, store: Store, error: Exception) -> None:
    def fails(*_: Any) -> None:
        raise error

    document, _ = run(client, store, Phase("p", (use("a"),)), given={}, a=fails)
    assert document["status"] == "failed"
    assert document["errors"]["a"]["type"] == type(error).__name__[:200]
    assert 0 < len(document["errors"]["a"]["message"]) <= 2_000


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"machine": "m", "input": {"n": NaN}}', "NaN is no number"),
        ('{"machine": "m", "input": {"n": -Infinity}}', "-Infinity is no number"),
        ('{"machine": "m", "input": {"n": 1e400}}', "1e400 is larger"),
        ('{"machine": "m", "input": {"n": 9223372036854775808}}', "8-byte ints"),
        ('{"machine": "m", "input": {"n": 1, "n": 2}}', "'n' occurs twice"),
        ('{"machine": "m", "input": {"a\\u0000b": 1}}', "NULL"),
        ('{"machine": "m", "input": "\\ud800"}', "surrogates"),
        ('{"machine": "m", "input": ' + "[" * 200 + "]" * 200 + "}", "nested"),
        ('{"machine": "m", "input": ' + "[" * 90_000 + "]" * 90_000 + "}", "nested too deeply"),
        ('{"machine": "\\ud800"}', "is not deployed"),
        ('{"machine": {"$ne": null}}', "a start takes"),
        ('{"machine": "m", "id": {"$gt": ""}}', "execution id"),
        ('{"machine": "m", "id": "a\\ud800"}', "execution id"),
        ('{"machine": "m", "id": "a/1/start"}', "execution id"),
        ('{"machine": "m", "schedule": "x"}', "schedule and time"),
        ('{"machine": "m", "eventId": "x"}', "event and eventId"),
        ('{"machine": "m", "input": {}, "status": "success"}', "a start takes"),
        ("[]", "not a JSON object"),
    ],
)
def test_a_request_that_is_no_data_is_told_so(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch, body: str, said: str
) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (use("a"),)),))})
    monkeypatch.setattr(starter_job, "lambda_store", lambda: store)
    answer = starter_job.handler({"requestContext": {}, "body": body}, None)
    assert answer["statusCode"] == 400
    assert said in json.loads(answer["body"])["message"]
    assert list(client.find()) == []


def test_an_event_that_starts_is_data(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (use("a"),)),))})
    monkeypatch.setattr(starter_job, "lambda_store", lambda: store)
    for number, value in enumerate(HOSTILE):
        request = {"machine": "m", "event": "cd34", "eventId": str(number), "input": value}
        execution = client.get(starter_job.handler(request, None)["id"])
        assert execution is not None
        assert execution.document["input"] == value
    with pytest.raises(UserError, match="NULL"):
        starter_job.handler({"machine": "m", "event": "e", "eventId": "1", "input": {"\0": 1}}, None)


@pytest.mark.parametrize("event", [None, 5, "m", ["m"], [{"machine": "m"}]], ids=json.dumps)
def test_an_invocation_with_something_else_than_an_object_is_told_so(event: Any) -> None:
    with pytest.raises(UserError, match="a start is a JSON object"):
        starter_job.handler(event, None)
