"""Compensation, as the engine carries it out: what is undone, in which order, and how the execution ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from phaseline_runtime import slots
from phaseline_runtime.definition import COMPENSATION, Definition, Phase, Retry, Transition, Use
from phaseline_runtime.engine import compensation
from phaseline_runtime.engine.compensation import use
from phaseline_runtime.engine.questions import Answer, Question
from phaseline_runtime.engine.requests import Request, cancel, redrive
from phaseline_runtime.errors import RequestRefused
from tests.support.world import World


def done(name: str, *after: str, **more: Any) -> Use:
    """A use whose effect can be undone."""
    return Use(name, "do", after, compensate=Use("", "undo", **more))


def fails(_: Any) -> Any:
    raise ValueError("no boat")


def undone(world: World) -> list[str]:
    return [str(s.name) for s in world.statuses.values() if s.phase == COMPENSATION and s.status == "triggered"]


BACK = (
    Phase("p", (done("a"), done("b", "a"), done("c", "a"), Use("d", "do", ("b", "c")))),
    Phase("q", (done("e"), Use("bad", "do", ("e",)))),
)


@pytest.mark.parametrize("seed", range(10))
def test_what_has_succeeded_is_undone_backwards_and_side_by_side(seed: int) -> None:
    world = World(Definition("m", BACK), jobs={"bad": fails}, seed=seed)
    document = world.run()
    assert document["status"] == "failed"
    assert document["error"]["job"] == "bad"
    order = undone(world)
    assert order[0] == "undo-e-2"
    assert set(order[1:3]) == {"undo-b-1", "undo-c-1"}
    assert order[3:] == ["undo-a-1"]
    ids = list(world.statuses)
    assert ids.index("e/3/undo-c-1/1/entry") < ids.index("e/3/undo-b-1/1/end")
    assert ids.index("e/3/undo-b-1/1/entry") < ids.index("e/3/undo-c-1/1/end")
    assert document["error"]["undone"][-1] == {"job": "a", "round": 1}
    assert document["error"]["notUndone"] == []
    assert world.rebuilt(seed=seed) == document


def test_a_compensation_is_given_what_the_job_was_given_and_has_returned() -> None:
    seen: list[Any] = []
    phase = Phase("p", (replace(done("a"), input="x"), Use("bad", "do", ("a",))))
    world = World(
        Definition("m", (phase,)),
        jobs={"a": lambda _: "ticket 7", "undo-a-1": seen.append, "bad": fails},
        evaluate=lambda *_: Answer({"seat": 3}),
    )
    world.run()
    assert seen == [{"input": {"seat": 3}, "output": "ticket 7"}]
    assert "undo-a-1" not in world.document["results"]


def test_it_may_have_an_input_of_its_own() -> None:
    seen: list[Any] = []
    phase = Phase("p", (done("a", input="mine"), Use("bad", "do", ("a",))))
    jobs = {"undo-a-1": seen.append, "bad": fails}
    World(Definition("m", (phase,)), jobs=jobs, evaluate=lambda *_: Answer("given")).run()
    assert seen == ["given"]


def test_each_round_of_a_loop_is_undone() -> None:
    def evaluate(_: Question, document: Mapping[str, Any]) -> Answer:
        return Answer(document["visits"]["p"] < 3)

    loop = Phase("p", (done("a"),), next=(Transition("p", "again"), Transition("q")))
    world = World(Definition("m", (loop, Phase("q", (Use("bad", "do"),)))), jobs={"bad": fails}, evaluate=evaluate)
    world.run()
    assert undone(world) == ["undo-a-3", "undo-a-2", "undo-a-1"]


def test_a_job_that_failed_is_not_undone_and_nothing_happens_where_all_went_well() -> None:
    world = World(Definition("m", (Phase("p", (done("a"),)),)), jobs={"a": fails})
    assert world.run()["status"] == "failed"
    assert undone(world) == []
    assert COMPENSATION not in world.phases()
    well = World(Definition("m", (Phase("p", (done("a"),)),)))
    assert well.run()["status"] == "success"
    assert undone(well) == []


def test_a_compensation_is_retried_and_one_that_fails_for_good_is_listed_while_the_others_run() -> None:
    phase = Phase("p", (done("a"), done("b", "a", retry=(Retry(max_attempts=2),)), Use("bad", "do", ("b",))))
    world = World(Definition("m", (phase,)), jobs={"bad": fails, "undo-b-1": fails})
    document = world.run()
    assert world.of("undo-b-1") == ["triggered", "failed"] * 3
    assert document["status"] == "failed"
    assert document["error"]["undone"] == [{"job": "a", "round": 1}]
    assert document["error"]["notUndone"] == [{"job": "b", "round": 1}]


@pytest.mark.parametrize("compensate", [True, False])
def test_a_cancel_undoes_where_it_is_asked_to(compensate: bool) -> None:
    world = World(Definition("m", (Phase("p", (done("a"), Use("b", "do", ("a",)))),)))
    world.jobs["b"] = lambda _: world.insert(asked(world, compensate))
    document = world.run()
    assert document["status"] == "cancelled"
    assert undone(world) == (["undo-a-1"] if compensate else [])


def test_more_than_an_execution_may_undo_is_said_and_nothing_of_it_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compensation, "MOST", 3)
    world = World(Definition("m", BACK), jobs={"bad": fails})
    document = world.run()
    assert document["status"] == "failed"
    assert undone(world) == []
    error = document["error"]
    assert (error["type"], error["job"]) == ("ValueError", "bad")
    told = "nothing was undone: 4 compensations are more than the 3 that an execution may have"
    assert error["message"] == f"no boat; {told}"
    assert error["undone"] == []
    assert error["notUndone"] == [{"job": name, "round": number} for name, number in (("e", 2), ("c", 1), ("b", 1))]
    assert world.rebuilt(seed=1) == document
    redrive(document, Definition("m", BACK), "d", Request(at=document["endedAt"]))


def test_a_cancel_that_would_undo_more_than_that_ends_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compensation, "MOST", 0)
    world = World(Definition("m", (Phase("p", (done("a"), Use("b", "do", ("a",)))),)))
    world.jobs["b"] = lambda _: world.insert(asked(world, compensate=True))
    document = world.run()
    assert document["status"] == "failed"
    assert document["error"]["message"].startswith("nothing was undone: 1 compensations are more")


def test_of_thousands_only_those_are_looked_at_of_which_something_is_to_be_decided() -> None:
    definition = Definition("m", (Phase("p", (done("a"),)),))
    planned = compensation.plan(definition, [[number, "a", 1] for number in range(1, 5_001)])
    assert [item["name"] for item in planned[:2]] == ["undo-a-5000", "undo-a-4999"]
    jobs = {"undo-a-5000": {"status": "success"}, "undo-a-4999": {"status": "started"}}
    opened = {"compensates": planned, "jobs": jobs}
    assert [use.name for use in compensation.phase(definition, opened).jobs] == ["undo-a-4999"]
    assert not compensation.all_ended(opened)


def asked(world: World, compensate: bool) -> Any:
    status = cancel(world.document, Request(at=world.now), compensate=compensate)
    assert status is not None
    assert status.id == slots.cancel_requested("e", 0)
    return status


def redriven(world: World) -> Mapping[str, Any]:
    """What becomes of the execution that somebody has redriven."""
    world.now += timedelta(minutes=1)
    world.insert(redrive(world.document, world.definition, str(world.document["definition"]), Request(at=world.now)))
    return world.run()


@pytest.mark.parametrize("seed", range(5))
def test_a_redrive_undoes_what_could_not_be_undone_and_that_alone(seed: int) -> None:
    world = World(Definition("m", BACK), jobs={"bad": fails, "undo-b-1": fails, "undo-a-1": fails}, seed=seed)
    first = world.run()
    assert [item["job"] for item in first["error"]["notUndone"]] == ["b", "a"]
    del world.jobs["undo-b-1"]
    second = redriven(world)
    assert (second["status"], second["error"]["notUndone"]) == ("failed", [{"job": "a", "round": 1}])
    assert [name for name in undone(world) if name == "undo-a-1"] == ["undo-a-1"] * 2, "after what it comes after"
    del world.jobs["undo-a-1"]
    third = redriven(world)
    assert third["error"] == {**first["error"], "undone": third["error"]["undone"], "notUndone": []}
    assert third["status"] == "failed", "it had failed before"
    assert sorted(undone(world)) == sorted(["undo-e-2", "undo-c-1", *["undo-b-1"] * 2, *["undo-a-1"] * 3])
    assert world.rebuilt(seed=seed) == third
    with pytest.raises(RequestRefused, match="what it had done is undone"):
        redriven(world)


def test_a_cancelled_execution_that_could_not_be_undone_is_cancelled_once_it_is() -> None:
    definition = Definition("m", (Phase("p", (done("a"), Use("b", "do", ("a",)))),))
    world = World(definition, jobs={"undo-a-1": fails, "b": lambda _: world.insert(asked(world, compensate=True))})
    first = world.run()
    assert (first["status"], first["error"]["notUndone"]) == ("failed", [{"job": "a", "round": 1}])
    del world.jobs["undo-a-1"]
    second = redriven(world)
    assert (second["status"], second["error"]["undone"]) == ("cancelled", [{"job": "a", "round": 1}])


def test_a_compensated_execution_is_not_redriven() -> None:
    definition = Definition("m", BACK)
    document = World(definition, jobs={"bad": fails}).run()
    with pytest.raises(RequestRefused, match="has been compensated"):
        redrive(document, definition, "d", Request(at=document["endedAt"]))


@pytest.mark.parametrize("name", ["undo-d-1", "undo-nobody-1"])
def test_a_compensation_that_the_definition_does_not_have_is_not_known(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        use(Definition("m", BACK), name)


def test_it_survives_the_way_through_the_database() -> None:
    definition = Definition("m", BACK)
    assert Definition.from_document(definition.to_document()) == definition


def test_what_was_built_on_an_effect_is_undone_before_it_whatever_stands_between_them() -> None:
    phase = Phase("p", (done("a"), Use("between", "do", ("a",)), done("c", "between")))
    planned = compensation.plan(Definition("m", (phase,)), [[1, "a", 2], [1, "c", 1]])
    assert [(item["name"], item["attempt"], item["after"]) for item in planned] == [
        ("undo-c-1", 1, []),
        ("undo-a-1", 2, ["undo-c-1"]),
    ]


def test_the_input_of_a_compensation_sees_the_results_up_to_the_round_that_it_undoes() -> None:
    phases = (Phase("p", (done("a", input="x"),)), Phase("q", (done("b", input="x"), Use("bad", "do", ("b",)))))
    world = World(Definition("m", phases), jobs={"bad": fails})
    world.run()
    asked = {key: question.until for key, question in world.asked.items() if question.text == "x"}
    assert asked == {"3/undo-a-1/input": 1, "3/undo-b-2/input": 2}


def test_a_success_undoes_nothing_although_an_earlier_life_was_cancelled_with_compensation() -> None:
    definition = Definition("m", (Phase("p", (done("a"),)),))
    world = World(definition)
    world.advance()
    asked = cancel(world.document, Request(at=world.now), compensate=True)
    assert asked is not None
    world.insert(asked)
    assert world.run()["status"] == "cancelled"
    world.insert(redrive(world.document, definition, str(world.started.definition), Request(at=world.now)))
    assert world.run()["status"] == "success"
    assert undone(world) == []
