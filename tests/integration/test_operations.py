"""Cancel, pause, resume, redrive and rerun, through the client and the real handlers."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import pytest

from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Retry, Transition, Use
from phaseline_runtime.engine.questions import Answer, Kind, Owner, Question
from phaseline_runtime.errors import ExecutionConflict, InvalidInput, RequestRefused, UnknownExecution, UserError
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus


def use(name: str, *after: str, **more: Any) -> Use:
    return Use(name, "job", after, **more)


def fails(*_: Any) -> Any:
    raise ValueError("no boat")


MACHINE = Definition(
    "m",
    (Phase("p", (use("a"), use("b", "a"), use("c", "a"), use("d", "b", "c"))), Phase("q", (use("e"),))),
)


def failed(client: Client, store: Store, name: str = "d") -> str:
    """An execution of MACHINE in which one job has failed."""
    client.migrate({"m": MACHINE})
    identifier = client.start("m", {"n": 1}).id
    Bus(store, {name: fails}).run(identifier)
    assert client.wait(identifier, 1).status == "failed"
    return identifier


def test_a_definition_that_somebody_has_deleted_is_missed_in_words(client: Client, store: Store) -> None:
    client.migrate({"m": MACHINE})
    client.start("m", {"n": 1}, id="before")
    store.definitions.delete_many({})
    fresh = Client(store.database.client, database=store.database.name)  # Which has not read it yet.
    for ask in (partial(fresh.cancel, "before"), partial(fresh.start, "m")):
        with pytest.raises(UserError, match="is not in the database: was it deleted"):
            ask()


def test_a_redrive_goes_on_from_what_failed_and_keeps_what_succeeded(client: Client, store: Store) -> None:
    identifier = failed(client, store)
    execution = client.redrive(identifier, by="ann", reason="the harbour is open again")
    assert execution.status == "running"
    bus = Bus(store)
    assert bus.run(identifier)["status"] == "success"
    assert Counter(bus.runs) == Counter(["d", "e"])
    opened = store.status(f"{identifier}/2/start")
    assert opened is not None
    assert (opened.by, opened.reason, opened.visit) == ("ann", "the harbour is open again", 2)
    assert client.rebuild(identifier) == []


def test_a_redrive_may_bring_a_corrected_definition(client: Client, store: Store) -> None:
    wrong = Definition("m", (Phase("p", (use("a"), use("b", "a", input=json.dumps({"$divide": [1, 0]})))),))
    client.migrate({"m": wrong})
    identifier = client.start("m").id
    Bus(store).run(identifier)
    assert client.wait(identifier, 1).status == "failed"
    right = Definition("m", (Phase("p", (use("a"), use("b", "a"), use("new", "b"))),))
    execution = client.redrive(identifier, definition=right)
    assert execution.document["definition"] == right.to_document()["_id"]
    bus = Bus(store)
    assert bus.run(identifier)["status"] == "success"
    assert bus.runs == ["b", "new"]
    assert client.rebuild(identifier) == []


def test_a_redrive_of_a_choice_that_failed_makes_it_again(client: Client, store: Store) -> None:
    bad = (Transition("q", json.dumps({"$expr": {"$divide": [1, 0]}})),)
    wrong = Definition("m", (Phase("p", (use("a"),), next=bad), Phase("q", (use("b"),))))
    client.migrate({"m": wrong})
    identifier = client.start("m").id
    Bus(store).run(identifier)
    assert client.wait(identifier, 1).document["error"]["type"] == "Phaseline.ExpressionFailed"
    client.redrive(identifier, definition=Definition("m", (Phase("p", (use("a"),)), Phase("q", (use("b"),)))))
    bus = Bus(store)
    assert bus.run(identifier)["status"] == "success"
    assert bus.runs == ["b"]


CHOOSES = Definition("m", (Phase("p", (use("a"),), when=json.dumps({"input.n": 2})), Phase("q", (use("b"),))))


def test_a_redrive_of_what_ended_before_its_first_round_chooses_the_first_phase_anew(
    client: Client, store: Store
) -> None:
    client.migrate({"m": CHOOSES})
    identifier = client.start("m", {"n": 1}).id
    assert client.cancel(identifier).status == "cancelled"
    assert client.redrive(identifier).document["currentPhase"] == "q"
    bus = Bus(store)
    assert bus.run(identifier)["status"] == "success"
    assert bus.runs == ["b"]
    assert client.rebuild(identifier) == []


@pytest.mark.parametrize(
    ("when", "refused"),
    [
        ({"input.n": 2}, "the `when` of no phase holds: there is nothing to redrive"),
        ({"$expr": {"$divide": [1, 0]}}, "has to choose its first phase anew: `when` of phase p"),
    ],
)
def test_a_redrive_without_a_phase_to_begin_in_is_refused(
    client: Client, store: Store, when: Any, refused: str
) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (use("a"),), when=json.dumps(when)),))})
    identifier = client.start("m", {"n": 1}).id
    client.cancel(identifier)
    before = store.execution(identifier)
    with pytest.raises(RequestRefused, match=refused):
        client.redrive(identifier)
    assert store.execution(identifier) == before


def redriven(client: Client, identifier: str) -> str:
    return client.redrive(identifier, by="ann", reason="fair weather").status


def rerun(client: Client, identifier: str) -> str:
    return client.rerun(identifier, start="p", by="ann", reason="fair weather").status


@pytest.mark.parametrize("begin", [redriven, rerun])
def test_what_ended_while_it_was_paused_goes_on_when_it_is_begun_again(
    client: Client, store: Store, begin: Callable[[Client, str], str]
) -> None:
    client.migrate({"m": MACHINE})
    identifier = client.start("m").id
    client.pause(identifier)
    assert client.cancel(identifier).status == "cancelled"
    assert begin(client, identifier) == "running"
    resumed = store.status(f"{identifier}/pause/2")
    assert resumed is not None
    assert (resumed.status, resumed.by, resumed.reason) == ("resumed", "ann", "fair weather")
    bus = Bus(store)
    assert bus.run(identifier)["status"] == "success"
    assert Counter(bus.runs) == Counter("abcde")
    assert client.rebuild(identifier) == []


@pytest.mark.parametrize(("text", "seen"), [("$results.a", {"boat": 7}), ("$results", {"a": {"boat": 7}})])
def test_a_compensation_sees_the_result_of_what_it_undoes_though_nobody_has_heard_of_it(
    client: Client, store: Store, text: str, seen: Any
) -> None:
    """Its runner has died with the success recorded, and its events are lost: the document knows nothing of it."""
    client.migrate({"m": MACHINE})
    identifier = client.start("m").id
    started, document = store.status(f"{identifier}/started"), store.execution(identifier)
    assert started is not None
    assert document is not None
    end = replace(started, id=f"{identifier}/1/a/1/end", kind="job", status="success", slot="end", output={"boat": 7})
    store.insert(replace(end, name="a", job="job", attempt=1, round=1))
    compensating = {**document, "round": {"number": 2, "compensates": [{"name": "undo-a-1", "undoes": "a"}]}}
    question = Question("undo", Kind.EXPRESSION, json.dumps(text), Owner.ORCHESTRATOR, until=1)
    assert store.evaluate(compensating, [question]) == {"undo": Answer(seen)}


def test_a_rerun_keeps_what_has_happened_though_it_has_not_reached_the_document(client: Client, store: Store) -> None:
    skipped = use("c", when=json.dumps({"input.n": 2}))
    client.migrate({"m": Definition("m", (Phase("p", (use("a"), use("b", "a"), skipped)),))})
    identifier = client.start("m", {"n": 1}).id
    Bus(store, {"b": fails}).run(identifier)
    # As it is where nobody has folded this status yet.
    store.executions.update_one({"_id": identifier}, {"$unset": {"round.jobs.c": True}})
    client.rerun(identifier, start="b")
    opened = store.status(f"{identifier}/2/start")
    assert opened is not None
    assert {name: entry["status"] for name, entry in (opened.carried or {}).items()} == {"a": "success", "c": "skipped"}


def test_a_definition_that_lacks_the_phase_is_refused_and_nothing_changes(client: Client, store: Store) -> None:
    identifier = failed(client, store)
    before = store.execution(identifier)
    with pytest.raises(RequestRefused, match="'p', which the definition does not have; it has: other"):
        client.redrive(identifier, definition=Definition("m", (Phase("other", (use("a"),)),)))
    assert store.execution(identifier) == before


def test_a_definition_that_would_run_something_twice_is_refused_and_nothing_changes(
    client: Client, store: Store
) -> None:
    identifier = failed(client, store)
    before = store.execution(identifier)
    moved = Definition(
        "m", (Phase("p", (use("b"), use("c"), use("d", "b", "c"))), Phase("q", (use("a"), use("e", "a"))))
    )
    with pytest.raises(RequestRefused, match=r"job a .* has succeeded, and would run once more in phase q"):
        client.redrive(identifier, definition=moved)
    assert store.execution(identifier) == before


def test_what_has_succeeded_or_runs_cannot_be_redriven(client: Client, store: Store) -> None:
    client.migrate({"m": MACHINE})
    identifier = client.start("m").id
    with pytest.raises(RequestRefused, match="is running"):
        client.redrive(identifier)
    Bus(store).run(identifier)
    with pytest.raises(RequestRefused, match="has succeeded"):
        client.redrive(identifier)
    with pytest.raises(UnknownExecution):
        client.redrive("nowhere")


def test_two_who_redrive_at_once_get_one_round(client: Client, store: Store) -> None:
    identifier = failed(client, store)
    refused: list[Exception] = []

    def redrive() -> None:
        try:
            client.redrive(identifier)
        except RequestRefused as error:
            refused.append(error)

    threads = [threading.Thread(target=redrive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    bus = Bus(store)
    assert bus.run(identifier)["round"]["number"] == 3
    assert Counter(bus.runs) == Counter(["d", "e"])


@pytest.mark.parametrize(
    ("start", "expected"), [("q", ["e"]), ("c", ["c", "d", "e"]), ("p", ["a", "b", "c", "d", "e"])]
)
def test_a_rerun_starts_where_it_is_told(client: Client, store: Store, start: str, expected: list[str]) -> None:
    client.migrate({"m": MACHINE})
    identifier = client.start("m", {"n": 1}).id
    Bus(store).run(identifier)
    client.rerun(identifier, start, input={"n": 2})
    seen: list[Any] = []
    bus = Bus(store, {name: lambda event, _: seen.append(event) for name in "abcde"})
    assert bus.run(identifier)["status"] == "success"
    assert Counter(bus.runs) == Counter(expected)
    assert seen == [{"n": 2}] * len(expected)
    assert client.rebuild(identifier) == []


@pytest.mark.parametrize(
    "given", [{"n": "two"}, {"n": {1, 2}}, {"n": 1, "more": "x" * 4_000_000}], ids=["schema", "kept", "large"]
)
def test_a_rerun_takes_no_input_that_a_start_would_not_take(client: Client, store: Store, given: Any) -> None:
    schema = json.dumps({"properties": {"n": {"type": "integer"}}})
    client.migrate({"m": Definition("m", (Phase("p", (use("a"),)),), input_schema=schema)})
    identifier = client.start("m", {"n": 1}).id
    before = Bus(store).run(identifier)
    with pytest.raises(InvalidInput, match="the input of m"):
        client.rerun(identifier, "p", input=given)
    assert store.execution(identifier) == before


def test_a_rerun_from_somewhere_unknown_is_refused(client: Client, store: Store) -> None:
    identifier = failed(client, store)
    with pytest.raises(RequestRefused, match="there is no phase or job 'x' in m; there is: p, a, b, c, d, q, e"):
        client.rerun(identifier, "x")
    with pytest.raises(RequestRefused, match="has never been in phase q"):
        client.rerun(identifier, "e")


UNDONE = Definition(
    "m",
    (
        Phase("p", (use("a", compensate=Use("", "undo")), use("b", "a"))),
        Phase("q", (use("c", compensate=Use("", "undo")), use("d", "c"))),
    ),
)


@pytest.mark.parametrize("start", ["q", "d", "b"])
def test_nothing_is_kept_by_a_rerun_that_was_compensated(client: Client, store: Store, start: str) -> None:
    client.migrate({"m": UNDONE})
    identifier = client.start("m").id
    Bus(store, {"d": fails}).run(identifier)
    with pytest.raises(RequestRefused, match="rerun from its first phase"):
        client.rerun(identifier, start)
    client.rerun(identifier, "p")
    bus = Bus(store)
    assert bus.run(identifier)["status"] == "success"
    assert Counter(bus.runs) == Counter(["a", "b", "c", "d"])
    client.rerun(identifier, "d")
    bus = Bus(store)
    assert bus.run(identifier)["status"] == "success"
    assert bus.runs == ["d"]


def test_a_rerun_of_the_first_phase_needs_no_visit_to_it(client: Client, store: Store) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (use("a"),), when=json.dumps({"input.n": 2})),))})
    identifier = client.start("m", {"n": 1}).id
    assert Bus(store).run(identifier)["status"] == "success"
    client.rerun(identifier, "p")
    assert Bus(store).run(identifier)["visits"] == {"p": 1}


def test_a_pause_holds_and_a_resume_goes_on(client: Client, store: Store) -> None:
    client.migrate({"m": MACHINE})
    identifier = client.start("m").id
    for first in (True, False):
        paused = client.pause(identifier)
        assert (paused.status, paused.changed) == ("paused", first)
    bus = Bus(store)
    assert bus.run(identifier)["status"] == "paused"
    assert bus.runs == []
    assert [client.resume(identifier).changed for _ in range(2)] == [True, False]
    assert bus.run(identifier)["status"] == "success"
    assert client.rebuild(identifier) == []
    with pytest.raises(RequestRefused, match="has ended"):
        client.pause(identifier)


def test_a_cancel_ends_what_has_not_started(client: Client, store: Store) -> None:
    client.migrate({"m": MACHINE})
    identifier = client.start("m").id

    changed = []

    def storm(*_: Any) -> None:
        changed.append(client.cancel(identifier, by="bob", reason="storm").changed)
        changed.append(client.cancel(identifier, by="ann").changed)

    bus = Bus(store, {"a": storm})
    document = bus.run(identifier)
    assert document["status"] == "cancelled"
    assert changed == [True, False]
    assert bus.runs == ["a"]
    assert client.rebuild(identifier) == []
    asked = store.status(f"{identifier}/cancel/0")
    assert asked is not None
    assert (asked.by, asked.reason) == ("bob", "storm")
    client.redrive(identifier)
    assert bus.run(identifier)["status"] == "success"
    assert Counter(bus.runs) == Counter("abcde")


def test_a_retry_goes_through_the_store_with_its_input(client: Client, store: Store) -> None:
    soon = Retry(interval=0, max_attempts=2)
    client.migrate({"m": Definition("m", (Phase("p", (use("a", retry=(soon,), input=json.dumps("$input.n")),)),))})
    identifier = client.start("m", {"n": 7}).id
    seen: list[Any] = []

    def twice(event: Any, _: Any) -> str:
        seen.append(event)
        if len(seen) < 3:
            raise ValueError("no boat")
        return "done"

    bus = Bus(store, {"a": twice})
    document = bus.run(identifier)
    assert document["status"] == "success"
    assert seen == [7, 7, 7]
    assert document["errors"] == {}
    assert client.rebuild(identifier) == []


def test_a_definition_with_jobs_that_are_not_deployed_is_refused(client: Client, store: Store) -> None:
    identifier = failed(client, store)
    other = Definition("m", (Phase("p", (Use("a", "nowhere"),)),))
    with pytest.raises(UserError, match="jobs that are not deployed here: nowhere; deployed are: job"):
        client.redrive(identifier, definition=other)
    with pytest.raises(UserError, match="nowhere"):
        client.start("m", definition=other)


def test_an_undeployed_definition_runs_over_deployed_jobs(client: Client, store: Store) -> None:
    client.migrate({"m": MACHINE})
    trial = Definition("m", (Phase("only", (use("x"),)),))
    identifier = client.start("m", definition=trial).id
    bus = Bus(store)
    assert bus.run(identifier)["status"] == "success"
    assert bus.runs == ["x"]
    assert client.start("m").document["definition"] == MACHINE.to_document()["_id"]


@pytest.mark.parametrize("whole", [False, True])
def test_what_undoes_a_job_of_a_loop_sees_the_results_that_the_job_could_see(
    client: Client, store: Store, whole: bool
) -> None:
    """`tide` of the next phase comes after the first two rounds of `book`; `late` is there only at the end."""
    one_by_one = {name: f"$results.{name}" for name in ("book", "order", "tide", "late")}
    undo = Use("", "job", input=json.dumps("$results" if whole else one_by_one), retry=(Retry(interval=0),))
    booking = Phase("booking", (use("order"), use("book", "order", compensate=undo)))
    again = (Transition("booking", json.dumps({"visits.tiding": {"$lt": 3}})), Transition("closing"))
    phases = (booking, Phase("tiding", (use("tide"),), next=again), Phase("closing", (use("late"), use("bad", "late"))))
    client.migrate({"m": Definition("m", phases)})
    identifier = client.start("m", {}).id
    seen: dict[int, Any] = {}
    jobs: dict[str, Any] = {"bad": fails}
    for name in ("order", "book", "tide", "late"):
        jobs[name] = partial(lambda name, counted, *_: f"{name} {next(counted)}", name, count(1))
    for number in (1, 3, 5):
        jobs[f"undo-book-{number}"] = partial(lambda number, event, _: seen.update({number: event}), number)
    document = Bus(store, jobs, copies=2, seed=3).run(identifier)
    assert document["error"]["notUndone"] == []
    late = {"late": "late 1"}
    assert seen == {
        1: {"book": "book 1", "order": "order 1", "tide": "tide 3", **late},
        3: {"book": "book 2", "order": "order 2", "tide": "tide 1", **late},
        5: {"book": "book 3", "order": "order 3", "tide": "tide 2", **late},
    }


def test_what_was_done_is_undone_through_the_store(client: Client, store: Store) -> None:
    undo = Use("", "job", retry=(Retry(interval=0),))
    pay = use("pay", input=json.dumps("$input.n"), compensate=undo)
    client.migrate({"m": Definition("m", (Phase("p", (pay, use("ship", "pay"))),))})
    identifier = client.start("m", {"n": 7}).id
    seen: list[Any] = []

    def refund(event: Any, _: Any) -> None:
        seen.append(event)
        if len(seen) == 1:
            raise ValueError("the bank is closed")

    bus = Bus(store, {"pay": lambda *_: "receipt", "ship": fails, "undo-pay-1": refund}, copies=2, seed=3)
    document = bus.run(identifier)
    assert document["status"] == "failed"
    assert seen == [{"input": 7, "output": "receipt"}] * 2
    assert document["error"]["undone"] == [{"job": "pay", "round": 1}]
    assert client.rebuild(identifier) == []
    with pytest.raises(RequestRefused, match="compensated"):
        client.redrive(identifier)
    client.rerun(identifier, "p")
    Bus(store).run(identifier)
    assert client.wait(identifier, 1).status == "success"


def test_what_could_not_be_undone_is_undone_by_a_redrive_with_a_corrected_definition(
    client: Client, store: Store
) -> None:
    def machine(*undone: str, given: str) -> Definition:
        undo = Use("", "job", input=json.dumps(given))
        uses = [use(name, compensate=undo if name in undone else None) for name in ("pay", "book")]
        return Definition("m", (Phase("p", (*uses, use("ship", "pay", "book"))),))

    client.migrate({"m": machine("pay", "book", given="$results.pay.account")})
    identifier = client.start("m").id
    seen: list[Any] = []
    jobs: dict[str, Any] = {"pay": lambda *_: {"iban": "DE02"}, "ship": fails, "undo-pay-1": fails}
    document = Bus(store, jobs).run(identifier)
    assert document["error"]["notUndone"] == [{"job": "pay", "round": 1}]
    with pytest.raises(RequestRefused, match=r"job pay of execution .* is still to be undone"):
        client.redrive(identifier, definition=machine("book", given="$results.pay.iban"))
    client.redrive(identifier, definition=machine("pay", given="$results.pay.iban"), reason="the bank wants an iban")
    bus = Bus(store, {"undo-pay-1": lambda event, _: seen.append(event)})
    document = bus.run(identifier)
    assert seen == ["DE02"]
    assert bus.runs == ["undo-pay-1"]
    assert (document["status"], document["error"]["notUndone"]) == ("failed", [])
    assert document["error"]["type"] == "ValueError"
    assert client.rebuild(identifier) == []


def test_a_start_that_comes_again_is_the_same_though_a_rerun_has_replaced_the_input(
    client: Client, store: Store
) -> None:
    client.migrate({"m": MACHINE})
    client.start("m", {"n": 1}, id="order-7")
    Bus(store).run("order-7")
    client.rerun("order-7", "p", input={"n": 2})
    Bus(store).run("order-7")
    again = client.start("m", {"n": 1}, id="order-7")
    assert (again.created, again.document["input"]) == (False, {"n": 2})
    with pytest.raises(ExecutionConflict, match="with another input"):
        client.start("m", {"n": 2}, id="order-7")
