"""What a transition costs: commands per call, and no query without an index."""

from __future__ import annotations

import json

from phaseline_runtime import runner
from phaseline_runtime.advance import advance
from phaseline_runtime.bundled.reconciling import move_on
from phaseline_runtime.bundled.watchdog_job import sweep
from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Transition, Use
from phaseline_runtime.engine.fold import fold, new_execution
from phaseline_runtime.engine.wake import watched as watched_by_watchdog
from phaseline_runtime.logs import logger
from phaseline_runtime.store.store import Store
from tests.support.bus import ORCHESTRATOR, STATEMACHINE, Bus, event_of
from tests.support.commands import Commands
from tests.support.faults import Clock

log = logger("test")
WHEN = json.dumps({"results.a": None})
CHAIN = Definition("m", (Phase("p", (Use("a", "j"), Use("b", "j", ("a",), when=WHEN, input='"$input"'))),))


def test_a_bundled_lambda_needs_one_fold_one_evaluation_and_one_insert(
    client: Client, watched: Store, commands: Commands
) -> None:
    client.migrate({"m": CHAIN})
    identifier = client.start("m").id
    started = watched.status(f"{identifier}/started")
    assert started is not None
    watched.definition(str(started.definition))
    advance(watched, identifier, [started], STATEMACHINE)
    round_started = watched.status(f"{identifier}/1/start")
    assert round_started is not None
    advance(watched, identifier, [round_started], ORCHESTRATOR)
    triggered = watched.status(f"{identifier}/1/a/1/entry")
    assert triggered is not None

    commands.clear()
    runner.run(watched, {"detail": {"fullDocument": {"_id": triggered.id}}}, None, lambda *_: None)
    assert commands.names() == [
        "find statuses",  # the status that triggered it
        "insert statuses",  # the claim
        "insert statuses",  # the end
        "findAndModify state-machines",
        "aggregate state-machines",  # b's condition and input together
        "insert statuses",  # b triggered
        "findAndModify state-machines",
    ]
    ended = watched.status(f"{identifier}/1/a/1/end")
    assert ended is not None
    for part in (STATEMACHINE, ORCHESTRATOR):  # The runner has done it all: one look shows it.
        commands.clear()
        move_on(watched, event_of(ended), part, log)
        assert commands.names() == ["find state-machines"]


def test_a_bundled_lambda_does_what_a_runner_that_died_has_left(
    client: Client, watched: Store, commands: Commands
) -> None:
    client.migrate({"m": CHAIN})
    identifier = client.start("m").id
    Bus(watched).run(identifier)
    watched.statuses.delete_many({"_id": {"$in": [f"{identifier}/1/b/1/{slot}" for slot in ("entry", "start", "end")]}})
    watched.statuses.delete_many({"_id": {"$in": [f"{identifier}/1/end", f"{identifier}/end/1"]}})
    first = watched.status(f"{identifier}/started")
    ended = watched.status(f"{identifier}/1/a/1/end")
    assert first is not None
    assert ended is not None
    opened = [watched.status(f"{identifier}/{slot}") for slot in ("0/end", "1/start", "1/a/1/entry", "1/a/1/start")]
    known = fold(new_execution(first), [status for status in opened if status is not None])
    watched.executions.replace_one({"_id": identifier}, {**known, **watched_by_watchdog(known)})
    commands.clear()
    move_on(watched, event_of(ended), ORCHESTRATOR, log)
    assert commands.names() == [
        "find state-machines",
        "find statuses",  # the output, which no event carries
        "findAndModify state-machines",
        "aggregate state-machines",
        "insert statuses",
    ]


def test_a_sweep_costs_one_query_however_many_executions_wait_or_have_ended(
    client: Client, watched: Store, commands: Commands
) -> None:
    client.migrate({"m": CHAIN})
    for _ in range(5):
        Bus(watched).run(client.start("m").id)
    clock = Clock().later(seconds=31)
    assert sweep(watched, clock=clock)["looked"] == 5
    for _ in range(50):
        client.start("m")
    commands.clear()
    assert sweep(watched)["looked"] == 0
    assert commands.names() == ["find state-machines"]


def test_settling_a_long_loop_looks_at_no_round_that_can_change_nothing_any_more(
    client: Client, watched: Store, commands: Commands
) -> None:
    again = (Transition("p", json.dumps({"visits.p": {"$lt": 9}})), Transition("end"))
    loop = Phase("p", (Use("a", "j"), Use("b", "j", ("a",))), next=again, wait_for_jobs=("a", "b"))
    client.migrate({"m": Definition("m", (loop, Phase("q", (Use("never", "j"),))))})
    identifier = client.start("m").id
    assert Bus(watched).run(identifier)["round"]["number"] == 9
    commands.clear()
    assert sweep(watched, clock=Clock().later(seconds=31))["looked"] == 1
    looked_at = [command["filter"] for command in commands.seen if command.get("find") == "statuses"]
    assert [query["round"] for query in looked_at] == [{"$gte": 9}, {"$gte": 9, "$lt": 9}]
    found = client.get(identifier)
    assert found is not None
    assert found.document["settled"]


def test_every_query_uses_an_index(client: Client, watched: Store, commands: Commands) -> None:
    client.migrate({"m": CHAIN})
    watching = Client(watched.database.client, database=watched.database.name)
    execution = watching.start("m")
    Bus(watched, copies=2, seed=1).run(execution.id)
    watching.rebuild(execution.id)
    list(watching.find({"stateMachine": "m"}))
    list(watching.find({"status": "success"}))
    list(watching.find({"startedAt": {"$gt": execution.document["startedAt"]}}))
    list(watching.find())
    sweep(watched, clock=Clock().later(seconds=31))
    looked_at = 0
    for command in commands.seen:
        name = next(iter(command))
        if name not in ("find", "aggregate"):
            continue
        kept = {key: value for key, value in command.items() if not key.startswith("$") and key not in _NOT_EXPLAINED}
        if name == "aggregate":
            kept["cursor"] = {}
        plan = json.dumps(watched.database.command("explain", kept, verbosity="queryPlanner"), default=str)
        assert "COLLSCAN" not in plan, command
        assert "IXSCAN" in plan or "IDHACK" in plan or "EXPRESS" in plan, plan
        looked_at += 1
    assert looked_at > 20


_NOT_EXPLAINED = ("lsid", "txnNumber", "startTransaction", "autocommit", "writeConcern", "readConcern")
