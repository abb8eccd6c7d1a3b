"""The meaning of a definition, as the engine carries it out. No server, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phaseline_runtime.definition import Action, Definition, OnFailure, Phase, Transition, Use
from phaseline_runtime.engine.questions import Answer, Question
from phaseline_runtime.engine.rules import RULES
from tests.support.world import World


def machine(*phases: Phase) -> Definition:
    return Definition("m", phases)


def use(name: str, *after: str, **more: Any) -> Use:
    return Use(name, "job", after, **more)


def fails(_: Any) -> Any:
    raise ValueError("no boat")


CONTINUE = (OnFailure(Action.CONTINUE),)


def to(phase: str) -> tuple[OnFailure, ...]:
    return (OnFailure(Action.TO, phase),)


def test_a_chain_runs_in_order_and_ends() -> None:
    names = [f"j{number}" for number in range(12)]
    uses = [use(name, *names[:index][-1:]) for index, name in enumerate(names)]
    world = World(machine(Phase("p", tuple(uses))))
    assert world.run()["status"] == "success"
    triggered = [s.name for s in world.statuses.values() if s.status == "triggered"]
    assert triggered == names


@pytest.mark.parametrize("seed", range(20))
def test_a_join_is_triggered_once_after_all_its_predecessors(seed: int) -> None:
    parallel = [f"p{number}" for number in range(10)]
    world = World(machine(Phase("p", (*map(use, parallel), use("join", *parallel)))), seed=seed)
    assert world.run()["status"] == "success"
    assert world.of("join") == ["triggered", "success"]
    ids = list(world.statuses)
    assert all(ids.index(f"e/1/{name}/1/end") < ids.index("e/1/join/1/entry") for name in parallel)


def test_a_false_condition_skips_the_job_and_its_followers_by_their_own_rule() -> None:
    phase = Phase("p", (use("a", when="no"), use("b", "a"), use("c", "a", run_if="none_failed"), use("d", "b")))
    world = World(machine(phase), evaluate=lambda question, _: Answer(question.text != "no"))
    assert world.run()["status"] == "success"
    assert [world.of(name) for name in "abcd"] == [
        ["skipped:when"],
        ["skipped:upstream_skipped"],
        ["triggered", "success"],
        ["skipped:upstream_skipped"],
    ]


def test_a_phase_whose_condition_is_false_is_passed_over_with_its_next() -> None:
    definition = machine(
        Phase("one", (use("a"),)),
        Phase("two", (use("b"),), when="no", next=(Transition("end"),)),
        Phase("three", (use("c"),)),
    )
    world = World(definition, evaluate=lambda question, _: Answer(question.text != "no"))
    world.run()
    assert world.phases() == ["one", "three"]
    assert world.statuses["e/1/end"].passed_over == ("two",)


def test_a_loop_counts_its_visits_and_leaves_closed_rounds() -> None:
    def evaluate(_: Question, document: Mapping[str, Any]) -> Answer:
        return Answer(document["visits"]["again"] < 5)

    definition = machine(Phase("again", (use("a"),), next=(Transition("again", "more"), Transition("end"))))
    world = World(definition, jobs={"a": lambda _: world.now.microsecond}, evaluate=evaluate)
    document = world.run()
    assert document["visits"] == {"again": 5}
    assert document["round"]["number"] == 5
    assert document["results"]["a"] == world.statuses["e/5/a/1/end"].output


def test_a_failure_fails_the_execution_and_only_a_clean_up_still_runs() -> None:
    phase = Phase("p", (use("a"), use("b", "a"), use("tidy", "b", run_if="all_done")))
    world = World(machine(phase, Phase("q", (use("c"),))), jobs={"a": fails})
    document = world.run()
    assert document["status"] == "failed"
    assert document["error"] == {"type": "ValueError", "message": "no boat", "job": "a"}
    assert world.of("b") == ["skipped:failing"]
    assert world.of("tidy") == ["triggered", "success"]
    assert world.phases() == ["p"]


def test_a_failure_may_lead_to_another_phase_and_the_execution_succeeds() -> None:
    definition = machine(Phase("p", (use("a", on_failure=to("r")),)), Phase("q", (use("b"),)), Phase("r", (use("c"),)))
    world = World(definition, jobs={"a": fails})
    assert world.run()["status"] == "success"
    assert world.phases() == ["p", "r"]


@pytest.mark.parametrize("seed", range(10))
def test_of_several_failures_one_that_fails_beats_one_that_leads_elsewhere(seed: int) -> None:
    phase = Phase("p", (use("a", on_failure=to("q")), use("b")))
    world = World(machine(phase, Phase("q", (use("c"),))), jobs={"a": fails, "b": fails}, seed=seed)
    world.run()
    started = {name for name in "ab" if f"e/1/{name}/1/end" in world.statuses}
    assert world.document["status"] == ("failed" if "b" in started else "success")


def test_a_failure_with_continue_is_judged_by_the_followers() -> None:
    uses = (use("a", on_failure=CONTINUE), use("b", "a"), use("c", "a", run_if="one_failed"), use("d", "b"))
    world = World(machine(Phase("p", uses)), jobs={"a": fails})
    assert world.run()["status"] == "success"
    assert [world.of(name) for name in "bcd"] == [
        ["skipped:upstream_failed"],
        ["triggered", "success"],
        ["skipped:upstream_failed"],
    ]


@pytest.mark.parametrize("seed", range(20))
def test_wait_for_any_leaves_the_rest_behind(seed: int) -> None:
    definition = machine(Phase("p", (use("a"), use("b"), use("c", "a")), wait_for_count=1), Phase("q", (use("d"),)))
    world = World(definition, seed=seed)
    assert world.run()["status"] == "success"
    assert world.phases() == ["p", "q"]
    assert world.document["round"]["number"] == 2
    assert world.of("c") == ["skipped:wait_for"]


def test_wait_for_more_successes_than_there_are_fails_the_round() -> None:
    phase = Phase("p", (use("a", on_failure=CONTINUE), use("b")), wait_for_count=2)
    document = World(machine(phase), jobs={"a": fails}).run()
    assert document["status"] == "failed"
    assert document["error"]["type"] == "Phaseline.WaitForNotMet"


def test_an_expression_that_fails_fails_its_own_job() -> None:
    def evaluate(question: Question, _: Mapping[str, Any]) -> Answer:
        return Answer(error="can't divide by zero") if question.text == "bad" else Answer({"n": 1})

    phase = Phase("p", (use("a", input="bad", on_failure=CONTINUE), use("b", input="good")))
    document = World(machine(phase), evaluate=evaluate).run()
    assert document["status"] == "success"
    assert document["errors"]["a"]["type"] == "Phaseline.ExpressionFailed"
    assert "divide by zero" in document["errors"]["a"]["message"]


def test_a_transition_that_fails_fails_its_round() -> None:
    phase = Phase("p", (use("a"),), next=(Transition("p", "bad"),))
    document = World(machine(phase), evaluate=lambda *_: Answer(error="boom")).run()
    assert document["status"] == "failed"
    assert document["error"]["type"] == "Phaseline.ExpressionFailed"


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    phases = []
    names = iter(f"j{number}" for number in range(100))
    for index in range(draw(st.integers(1, 3))):
        uses: list[Use] = []
        for _ in range(draw(st.integers(1, 6))):
            after = draw(st.lists(st.sampled_from([u.name for u in uses]), unique=True, max_size=3)) if uses else []
            uses.append(
                Use(
                    next(names),
                    "job",
                    tuple(after),
                    run_if=draw(st.sampled_from(RULES)) if after else "all_success",
                    when=draw(st.sampled_from([None, "yes", "no"])),
                    on_failure=draw(st.sampled_from([(), CONTINUE])),
                )
            )
        wait = draw(st.sampled_from([None, None, 1, 2]))
        phases.append(
            Phase(
                f"p{index}",
                tuple(uses),
                when=draw(st.sampled_from([None, None, "yes", "no"])),
                wait_for_count=None if wait is None else min(wait, len(uses)),
            )
        )
    return machine(*phases)


@settings(max_examples=300)
@given(definitions(), st.integers(0, 10_000), st.sets(st.integers(0, 17)))
def test_every_execution_ends_and_equals_its_rebuild(definition: Definition, seed: int, failing: set[int]) -> None:
    world = World(
        definition,
        jobs={f"j{number}": fails for number in failing},
        evaluate=lambda question, _: Answer(question.text == "yes"),
        seed=seed,
    )
    document = world.run()
    assert document["status"] in ("success", "failed")
    assert world.rebuilt(seed=seed) == document
    for status in world.statuses.values():
        if status.status == "triggered":
            [wanted] = [u for p in definition.phases for u in p.jobs if u.name == status.name]
            if wanted.run_if == "all_success":
                assert all(f"e/{status.round}/{name}/1/end" in world.statuses for name in wanted.after)
            assert wanted.when != "no"
