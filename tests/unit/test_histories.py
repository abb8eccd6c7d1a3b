"""Histories in full: every field of every status that the engine makes, which is what users query and what is kept.

One history for each kind of thing that can happen. After a change that is meant, `pytest --snapshot-update` writes
them anew; read them before you commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from phaseline_runtime import slots
from phaseline_runtime.definition import Action, Definition, Fail, OnFailure, Phase, Retry, Transition, Use, Wait
from phaseline_runtime.engine.questions import Answer, Question
from phaseline_runtime.engine.requests import Request, cancel, pause, redrive, resume
from phaseline_runtime.statuses import Status
from tests.support.telling import told
from tests.support.world import Still

CONTINUE = (OnFailure(Action.CONTINUE),)
ANSWERS: Mapping[str, Answer] = {
    "yes": Answer(True),
    "no": Answer(False),
    "raises": Answer(error="boom"),
    "large": Answer("much", large=True),
    "soon": Answer("2026-01-01T00:01:00.123456"),
    "abroad": Answer("2026-01-01T01:02:00+01:00"),
    "later": Answer(datetime(2026, 1, 1, 0, 5, tzinfo=UTC)),
    "tomorrow": Answer("tomorrow"),
    "seven": Answer(7),
    '"$input"': Answer({"boat": 1}),
}


class Text(SingleFileSnapshotExtension):
    """Each history is a text file of its own."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture
def history(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(Text)


def answer(question: Question, _: Mapping[str, Any]) -> Answer:
    return ANSWERS[question.text]


def fails(_: Any) -> Any:
    raise ValueError("no boat")


def use(name: str, *after: str, **more: Any) -> Use:
    return Use(name, "job", after, **more)


def world(*phases: Phase, deadline: float | None = None, **jobs: Any) -> Still:
    made = Still(Definition("m", phases, deadline=deadline), jobs=jobs, evaluate=answer, given={"boat": 1})
    made.advance()
    return made


def ask(world: Still, status: Status | None) -> None:
    assert status is not None
    world.insert(status)


def by(world: Still) -> Request:
    return Request(at=world.now, by="ada", reason="fog")


def hold(found: Still, history: SnapshotAssertion) -> None:
    assert told(found) == history
    for seed in range(5):
        assert found.rebuilt(seed=seed) == found.document


# How rounds follow each other.


def test_conditions_and_rules(history: SnapshotAssertion) -> None:
    first = Phase(
        "p",
        (
            use("a", when="no"),
            use("b", "a"),
            use("c", on_failure=CONTINUE),
            use("d", "c"),
            use("e", "c", run_if="all_failed", when="yes", input="soon"),
        ),
        next=(Transition("end", "no"), Transition("r", "yes"), Transition("p")),
    )
    passed = Phase("r", (use("f"),), when="no")
    last = Phase("s", (use("g"),), when="yes", deadline=60)
    found = world(Phase("o", (), when="no"), first, Phase("q", ()), passed, last, deadline=600, c=fails)
    found.run()
    hold(found, history)


def test_a_transition_without_a_condition(history: SnapshotAssertion) -> None:
    found = world(
        Phase("p", (), next=(Transition("r", "no"), Transition("s"))), Phase("q", ()), Phase("r", ()), Phase("s", ())
    )
    found.run()
    hold(found, history)


def test_failures_that_lead_elsewhere(history: SnapshotAssertion) -> None:
    to = (OnFailure(Action.TO, "r"),)
    first = Phase("p", (use("a", on_failure=to), use("b", "a"), use("tidy", "a", run_if="all_done")))
    passed = Phase("r", (use("c"),), when="no")
    found = world(first, Phase("q", (use("d"),)), passed, Phase("s", (), succeed=True), Phase("t", ()), a=fails)
    found.run()
    hold(found, history)


def test_a_wait_for_that_leaves_a_job_behind(history: SnapshotAssertion) -> None:
    found = world(Phase("p", (use("a"), use("b"), use("c", "b")), wait_for_jobs=("a",)), Phase("q", (use("d"),)))
    found.start()
    found.start()
    found.run()
    hold(found, history)


def test_a_last_round_that_waits_for_what_still_runs(history: SnapshotAssertion) -> None:
    found = world(Phase("p", (use("a"), use("b"), use("c")), wait_for_jobs=("a",)))
    found.start()
    found.start()
    found.end()
    assert found.document["status"] == "running"
    found.run()
    hold(found, history)


@pytest.mark.parametrize("action", Action)
def test_a_wait_for_that_cannot_be_met(history: SnapshotAssertion, action: Action) -> None:
    ways = (OnFailure(action, "q" if action is Action.TO else None, ("Phaseline.WaitForNotMet",)),)
    jobs = (use("a", on_failure=CONTINUE), use("b"), use("c"))
    found = world(Phase("p", jobs, wait_for_count=3, on_failure=ways), Phase("q", (use("d"),)), a=fails)
    found.run()
    hold(found, history)


def test_a_phase_that_fails_the_execution(history: SnapshotAssertion) -> None:
    found = world(Phase("p", (use("a"),), fail=Fail("NoFish", "the sea is empty")), Phase("q", (use("b"),)))
    found.run()
    hold(found, history)


def test_several_failures_of_which_one_decides(history: SnapshotAssertion) -> None:
    late = (OnFailure(Action.TO, "q"),)
    found = world(
        Phase("p", (use("a", on_failure=late), use("b"), use("c"))), Phase("q", ()), a=fails, b=fails, c=fails
    )
    for _ in "abc":
        found.start()
    found.run()
    hold(found, history)


# What cannot be evaluated.


@pytest.mark.parametrize("where", ["when", "input", "filter", "wait", "no_time", "no_text"])
def test_a_job_that_cannot_be_triggered(history: SnapshotAssertion, where: str) -> None:
    faults: Mapping[str, Mapping[str, Any]] = {
        "when": {"when": "raises"},
        "input": {"input": "raises"},
        "filter": {"input": "large", "filtered": True},
        "wait": {"wait": Wait(until="raises")},
        "no_time": {"wait": Wait(until="tomorrow")},
        "no_text": {"wait": Wait(until="seven")},
    }
    found = world(Phase("p", (use("a", on_failure=CONTINUE, **faults[where]), use("b", filtered=True))))
    found.run()
    hold(found, history)


@pytest.mark.parametrize("where", ["transition", "phase", "wait", "first"])
def test_a_round_that_cannot_go_on(history: SnapshotAssertion, where: str) -> None:
    phases = {
        "transition": (Phase("p", (use("a"),), next=(Transition("q", "raises"),)), Phase("q", ())),
        "phase": (Phase("p", (use("a"),)), Phase("q", (), when="raises")),
        "wait": (Phase("p", (use("a"),), wait=Wait(until="raises")),),
        "first": (Phase("p", (use("a"),), when="raises"), Phase("q", (), when="yes")),
    }
    found = world(*phases[where])
    found.run()
    hold(found, history)


# What takes time.


def test_waits(history: SnapshotAssertion) -> None:
    jobs = (
        use("a", wait=Wait(30)),
        use("b", "a", wait=Wait(until="later"), input="soon"),
        use("c", when="yes", wait=Wait(until="abroad")),
    )
    found = world(Phase("p", jobs, wait=Wait(until="soon")), Phase("q", (), wait=Wait(5)))
    found.run()
    hold(found, history)


def test_retries(history: SnapshotAssertion) -> None:
    policies = (Retry(errors=("KeyError",)), Retry(max_attempts=2, interval=3))
    found = world(Phase("p", (use("a", retry=policies, input="seven"), use("b", "a"))), a=fails)
    found.run()
    hold(found, history)


def test_an_attempt_that_nobody_starts(history: SnapshotAssertion) -> None:
    found = world(Phase("p", (use("a", start_timeout=1000, retry=(Retry(max_attempts=2),)),)))
    for seconds in (60, 120, 240, 480, 99, 1, 1, 60, 120, 820, 2):
        found.later(seconds=seconds)
    found.run()
    hold(found, history)


@pytest.mark.parametrize("heartbeat", [None, 20.0])
def test_an_attempt_that_does_not_end(history: SnapshotAssertion, heartbeat: float | None) -> None:
    found = world(Phase("p", (use("a", timeout=60, heartbeat=heartbeat), use("b", "a"))))
    found.start()
    started = found.statuses["e/1/a/1/start"]
    slot = slots.heartbeat("e", 1, "a", 1, 1)
    due = found.now + timedelta(seconds=70)
    found.insert(replace(started, id=slot, slot="heartbeat", status="heartbeat", number=1, due=due))
    found.later(seconds=69)
    found.later(seconds=1)
    hold(found, history)


@pytest.mark.parametrize("whose", ["phase", "execution"])
def test_a_deadline(history: SnapshotAssertion, whose: str) -> None:
    ways = (OnFailure(Action.TO, "q", ("Phaseline.Timeout",)),)
    jobs = (use("a", timeout=900), use("b", "a"), use("c"))
    of_phase, of_execution = (60, None) if whose == "phase" else (None, 60)
    found = world(Phase("p", jobs, deadline=of_phase, on_failure=ways), Phase("q", (use("d"),)), deadline=of_execution)
    found.start()
    found.later(seconds=60)
    found.run()
    hold(found, history)


def test_a_deadline_that_has_passed_before_the_start(history: SnapshotAssertion) -> None:
    found = Still(Definition("m", (Phase("p", (use("a"),)),), deadline=60))
    found.later(seconds=61)
    hold(found, history)


@pytest.mark.parametrize("closing", ["failing", "wait_for", "cancel"])
def test_what_a_closing_round_gives_up(history: SnapshotAssertion, closing: str) -> None:
    """A job that waits, one that is to be retried, one whose retry nobody has started, one that nobody has started."""
    jobs = (
        use("waits", wait=Wait(60)),
        use("fails", retry=(Retry(interval=60),)),
        use("again", retry=(Retry(interval=0.0),)),
        use("x"),
        use("y"),
        use("z", "y"),
        use("tidy", "waits", "y", run_if="all_done"),
    )
    phase = Phase("p", jobs, wait_for_jobs=("x",) if closing == "wait_for" else ())
    end = fails if closing == "failing" else str
    found = world(phase, Phase("q", ()), fails=fails, again=fails, x=end)
    found.start()
    found.start()
    found.end()
    found.end()
    found.start()
    found.end()
    if closing == "cancel":
        ask(found, cancel(found.document, by(found)))
    found.run()
    hold(found, history)


# What people ask for.


def test_a_pause(history: SnapshotAssertion) -> None:
    found = world(Phase("p", (use("a", timeout=900), use("b", "a"), use("c"))), Phase("q", (use("d"),), wait=Wait(60)))
    found.start()
    ask(found, pause(found.document, by(found)))
    found.later(minutes=10)
    ask(found, resume(found.document, by(found)))
    found.later(seconds=61)
    found.run()
    hold(found, history)


def test_a_cancel_and_a_redrive(history: SnapshotAssertion) -> None:
    phase = Phase("p", (use("a"), use("b", "a", wait=Wait(60)), use("c", "b")), deadline=900)
    found = world(phase, deadline=3600)
    found.start()
    found.end()
    ask(found, cancel(found.document, by(found)))
    found.run()
    found.now += timedelta(hours=2)
    found.insert(redrive(found.document, found.definition, "corrected", by(found)))
    found.run()
    hold(found, history)


def test_a_cancel_before_the_first_round(history: SnapshotAssertion) -> None:
    found = Still(Definition("m", (Phase("p", (use("a"),)),)))
    ask(found, cancel(found.document, by(found)))
    found.advance()
    hold(found, history)


@pytest.mark.parametrize("compensate", [True, False])
def test_a_cancel_with_something_to_undo(history: SnapshotAssertion, compensate: bool) -> None:
    found = world(Phase("p", (use("a", compensate=Use("", "undo")), use("b", "a"))))
    found.start()
    found.end()
    ask(found, cancel(found.document, by(found), compensate=compensate))
    found.run()
    hold(found, history)


def test_a_cancel_that_cannot_be_undone(history: SnapshotAssertion) -> None:
    found = world(Phase("p", (use("a", compensate=Use("", "undo")), use("b", "a"))))
    found.jobs["undo-a-1"] = fails
    found.start()
    found.end()
    ask(found, cancel(found.document, by(found), compensate=True))
    found.run()
    hold(found, history)


def test_a_compensation_of_which_a_part_fails(history: SnapshotAssertion) -> None:
    undo = Use("", "undo", retry=(Retry(max_attempts=1),))
    first = Phase("p", (use("a", compensate=undo), use("b", "a", compensate=undo), use("c-2", "a", compensate=undo)))
    second = Phase("q", (use("d", compensate=undo), use("e", "d")))
    found = world(first, second, deadline=600, **{"e": fails, "undo-b-1": fails})
    found.run()
    hold(found, history)
