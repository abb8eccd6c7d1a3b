"""Faults that the simulation has found, each as short as it can be told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from phaseline_runtime import operations, slots
from phaseline_runtime.alive import Alive
from phaseline_runtime.definition import COMPENSATION, Action, Definition, OnFailure, Phase, Transition, Use, Wait
from phaseline_runtime.engine import compensation
from phaseline_runtime.engine.fold import fold
from phaseline_runtime.engine.questions import Answer, Question
from phaseline_runtime.engine.reconcile import reconcile
from phaseline_runtime.engine.requests import Request, cancel, redrive
from phaseline_runtime.engine.wake import watched
from phaseline_runtime.errors import RequestRefused
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store
from tests.simulation.memory_database import Database
from tests.simulation.memory_store import MemoryStore
from tests.support.world import World

RAISES = json.dumps({"$divide": [1, 0]})


def raising(question: Question, _: Any) -> Answer:
    return Answer(error="boom") if question.text == RAISES else Answer(True)


def of_job(world: World, name: str, slot: str, status: str, **values: Any) -> Status:
    """A status of the first attempt of a job in round 1."""
    make = {"entry": slots.entry, "start": slots.attempt_start, "end": slots.attempt_end}[slot]
    return replace(
        world.started,
        id=make("e", 1, name, 1),
        kind="job",
        status=status,
        slot=slot,
        round=1,
        phase="p",
        name=name,
        job="j",
        attempt=1,
        input=None,
        definition=None,
        at=world.now,
        **values,
    )


def planned(phase: Phase, answers: dict[str, Answer]) -> list[tuple[str | None, str, str | None]]:
    """What the first list of a new execution says of its jobs, once all questions are answered."""
    world = World(Definition("m", (phase,)))
    plan = reconcile(world.definition, world.document, answers, world.now)
    return [(status.name, status.status, status.reason) for status in plan.statuses if status.kind == "job"]


def test_nothing_is_triggered_behind_a_failure_in_the_same_list() -> None:
    phase = Phase("p", (Use("a", "j", input=RAISES), Use("b", "j")))
    found = planned(phase, {"1/a/input": Answer(error="boom")})
    assert found == [("a", "failed", None), ("b", "skipped", "failing")]


def test_nothing_is_triggered_behind_the_end_that_was_waited_for_in_the_same_list() -> None:
    phase = Phase("p", (Use("a", "j", when="{}"), Use("b", "j")), wait_for_jobs=("a",))
    found = planned(phase, {"1/a/when": Answer(False)})
    assert found == [("a", "skipped", "when"), ("b", "skipped", "wait_for")]


def test_a_skip_is_judged_together_with_all_that_is_skipped_in_the_same_list() -> None:
    """Whether `d` counts as failed does not depend on who has inserted the list, and whether all of it."""

    def fails(_: Any) -> Any:
        raise ValueError("no boat")

    a = Use("a", "j", on_failure=(OnFailure(Action.CONTINUE),))
    b = Use("b", "j", ("a",), run_if="all_skipped")
    c = Use("c", "j", ("a", "b"), run_if="all_done_min_one_success")
    world = World(Definition("m", (Phase("p", (a, b, c, Use("d", "j", ("b", "c")))),)), jobs={"a": fails})
    world.run()
    assert [world.of(name) for name in "bcd"] == [
        ["skipped:upstream_skipped"],
        ["skipped:upstream_failed"],
        ["skipped:upstream_failed"],
    ]


def test_a_redelivery_after_a_pause_has_the_time_that_begins_anew() -> None:
    world = World(Definition("m", (Phase("p", (Use("a", "j", start_timeout=300),)),)))
    world.advance()
    for number, (status, minutes) in enumerate((("paused", 1), ("resumed", 60)), start=1):
        world.now += timedelta(minutes=minutes)
        values: dict[str, Any] = {
            "status": status,
            "number": number,
            "at": world.now,
            "input": None,
            "definition": None,
        }
        world.insert(replace(world.started, id=slots.pause("e", number), **values))
    world.now += timedelta(minutes=2)
    world.advance()
    again = world.statuses["e/1/a/1/redelivery/1"]
    assert again.start_by == world.now + timedelta(minutes=3)
    assert world.document["status"] == "running"


def test_a_cancel_before_the_first_round_does_not_hold_after_a_redrive() -> None:
    definition = Definition("m", (Phase("p", (Use("a", "j"),)),))
    world = World(definition)
    asked = cancel(world.document, Request(at=world.now))
    assert asked is not None
    world.insert(asked)
    world.advance()
    assert world.document["end"]["round"] == 0
    world.insert(redrive(world.document, definition, "hash", Request(at=world.now)))
    world.advance()
    assert world.of("a") == ["triggered"]
    again = cancel(world.document, Request(at=world.now))
    assert again is not None
    assert again.id != asked.id


def test_what_was_cancelled_by_a_slow_clock_does_not_meet_the_wait_before_the_failure_that_cancelled_it() -> None:
    phase = Phase("p", (Use("a", "j"), Use("b", "j", input=RAISES)), wait_for_jobs=("a",))
    following = Phase("q", (Use("c", "j"),))
    world = World(Definition("m", (phase, following)), evaluate=raising)
    world.advance()
    slow = world.now - timedelta(seconds=3)
    state = dict(world.document)
    state["round"] = {key: value for key, value in state["round"].items() if key != "end"}
    early = {name: {**entry, "at": slow} if name == "a" else entry for name, entry in state["round"]["jobs"].items()}
    state |= {"round": {**state["round"], "jobs": early}, "status": "running", "endedAt": None}
    state.pop("end", None)
    assert early["a"]["reason"] == "failing"
    plan = reconcile(world.definition, state, {}, world.now)
    assert [(s.status, s.next and s.next.get("end")) for s in plan.statuses if s.kind == "phase"] == [
        ("failed", "failed")
    ]


def test_a_round_given_up_at_its_deadline_does_not_end_well_where_only_that_is_known() -> None:
    phase = Phase("p", (Use("a", "j"),), deadline=60, on_failure=(OnFailure(Action.TO, "q"),))
    world = World(Definition("m", (phase, Phase("q", (Use("b", "j"),)))))
    world.advance()
    known = fold(world.document, [of_job(world, "a", "start", "cancelled", reason="failing")])
    assert reconcile(world.definition, known, {}, world.now).statuses == ()


def test_a_round_that_gave_up_for_what_was_waited_for_ends_once_that_is_known() -> None:
    phase = Phase("p", (Use("a", "j"), Use("b", "j")), wait_for_count=1, next=(Transition("q"),))
    world = World(Definition("m", (phase, Phase("q", (Use("c", "j"),)))))
    world.advance()
    started = of_job(world, "a", "start", "started", due=world.now + timedelta(minutes=1))
    given_up = of_job(world, "b", "start", "cancelled", reason="wait_for")
    known = fold(world.document, [started, given_up])
    assert reconcile(world.definition, known, {}, world.now).statuses == ()
    known = fold(known, [of_job(world, "a", "end", "success", output=1)])
    assert reconcile(world.definition, known, {}, world.now).statuses[0].next == {"phase": "q"}


UNDONE = Phase("p", (Use("a", "j", compensate=Use("", "u")),))


def stored(world: World) -> Store:
    """A store with all that has happened in a world."""
    store = MemoryStore(Database(lambda operation: operation()))
    store.keep(world.definition)
    store.executions.insert_one({**world.document, **watched(world.document)})
    for status in world.statuses.values():
        store.insert(status)
    return store


def test_an_insert_whose_answer_got_lost_has_won_its_slot_and_that_of_another_has_not() -> None:
    world = World(Definition("m", (UNDONE,)))
    store = stored(world)
    mine = of_job(world, "a", "start", "started", token="mine")
    assert store.insert(mine) is None
    assert store.insert(mine) is None
    assert store.insert(replace(mine, token="another's")) == mine
    assert store.insert(replace(mine, at=world.now + timedelta(seconds=1))) == mine


def test_a_compensation_is_not_told_that_nobody_wants_it() -> None:
    world = World(Definition("m", (UNDONE,)))
    world.advance()
    asked = cancel(world.document, Request(at=world.now), compensate=True)
    assert asked is not None
    world.insert(asked)
    started = of_job(world, "a", "start", "started")
    for phase, told in (("p", True), (COMPENSATION, False)):
        alive = Alive(stored(world), replace(started, phase=phase), Use("a", "j"), lambda: world.now)
        assert alive.cancelled() is told


@pytest.mark.parametrize("start", ["q", "b", "a"])
def test_what_is_undone_is_not_kept_by_a_rerun(start: str) -> None:
    def fails(_: Any) -> Any:
        raise ValueError("no boat")

    world = World(Definition("m", (UNDONE, Phase("q", (Use("b", "j"),)))), jobs={"b": fails})
    world.run()
    store = stored(world)
    with pytest.raises(RequestRefused, match="rerun from its first phase"):
        operations.rerun(store, "e", start)
    assert operations.rerun(store, "e", "p")[0]["currentPhase"] == "p"


def test_what_a_corrected_definition_has_moved_to_another_phase_is_undone() -> None:
    other = Phase("q", (Use("b", "j", compensate=Use("", "u")),))
    planned = compensation.plan(Definition("m", (UNDONE, other)), [[1, "a", 1], [1, "b", 1]])
    assert sorted(item["undoes"] for item in planned) == ["a", "b"]


def test_a_wait_that_is_recorded_after_its_job_was_cancelled_changes_nothing() -> None:
    world = World(Definition("m", (Phase("p", (Use("a", "j", wait=Wait(60)), Use("b", "j"))),)))
    world.advance()
    waiting = world.statuses.pop("e/1/a/wait")
    known = fold(world.document, [of_job(world, "a", "entry", "cancelled", reason="cancel")])
    assert fold(known, [waiting]) == known


def test_a_sign_of_life_after_the_end_of_its_attempt_changes_nothing() -> None:
    world = World(Definition("m", (Phase("p", (Use("a", "j", heartbeat=10), Use("b", "j"))),)))
    world.advance()
    ended = fold(world.document, [of_job(world, "a", "end", "failed", error={"type": "Phaseline.Timeout"})])
    beat = replace(
        of_job(world, "a", "start", "heartbeat"), id=slots.heartbeat("e", 1, "a", 1, 1), slot="heartbeat", number=1
    )
    assert fold(ended, [beat]) == ended
