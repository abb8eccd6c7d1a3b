"""The picture of what takes time, fails, is operated or undone; drawn from statuses that the engine itself has made."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from phaseline.cli.output import clock
from phaseline.cli.picture import Picture, RoundPicture, picture
from phaseline.cli.tree import tree
from phaseline.cli.watching import line
from phaseline_runtime import slots
from phaseline_runtime.definition import COMPENSATION, Definition, Phase, Retry, Use, Wait
from phaseline_runtime.engine import requests
from phaseline_runtime.engine.requests import Request
from phaseline_runtime.statuses import Status
from tests.support.world import World

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class Still(World):
    """A world in which jobs start and end by hand, and time passes by hand."""

    def __init__(self, *phases: Phase, deadline: float | None = None, **more: Any) -> None:
        super().__init__(Definition("m", phases, deadline=deadline), **more)
        self.advance()

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)
        self.advance()

    def start(self) -> Status:
        self._start(self.open.pop(0))
        return next(status for status in reversed(self.statuses.values()) if status.status == "started")

    def drawn(self) -> Picture:
        statuses = list(self.statuses.values())
        found = picture(statuses)
        for seed in range(3):
            random.Random(seed).shuffle(statuses)
            assert picture(statuses) == found, "the order of arrival shows"
        return found

    def shown(self, *, height: int | None = None) -> str:
        console = Console(width=120, color_system=None, highlight=False, markup=False)
        with console.capture() as capture:
            console.print(tree(self.drawn(), width=120, height=height, now=self.now))
        return capture.get()

    def ask(self, status: Status | None) -> None:
        assert status is not None
        self.insert(status)
        self.advance()


def fails(_: Any) -> Any:
    raise ValueError("no boat")


def request(world: World, reason: str = "a storm") -> Request:
    return Request(at=world.now, by="cli:anna", reason=reason)


def only(drawn: Picture) -> RoundPicture:
    (found,) = drawn.rounds
    return found


# Waiting.


def test_a_phase_that_waits_is_neither_begun_anew_nor_ended() -> None:
    world = Still(Phase("p", (Use("a", "j"),), wait=Wait(600)))
    here = only(world.drawn())
    assert (here.status, here.ended, here.started, here.until) == ("running", None, T0, T0 + timedelta(minutes=10))
    assert f"waits until {clock(here.until)}" in world.shown()
    world.later(minutes=10)
    assert "waits until" not in world.shown()
    assert only(world.drawn()).started == T0


def test_a_job_that_waits_says_until_when_and_then_runs() -> None:
    world = Still(Phase("p", (Use("a", "j", wait=Wait(600)),)))
    job = only(world.drawn()).jobs["a"]
    assert (job.status, job.newest.ended) == ("waiting", None)
    assert f"waiting  until {clock(T0 + timedelta(minutes=10))}" in world.shown()
    world.later(minutes=10)
    assert only(world.drawn()).jobs["a"].status == "triggered"
    world.start()
    job = only(world.drawn()).jobs["a"]
    assert (job.status, job.newest.triggered) == ("started", T0 + timedelta(minutes=10))


def test_a_phase_past_its_deadline_runs_until_its_end() -> None:
    world = Still(Phase("p", (Use("a", "j", timeout=600),), deadline=60))
    world.start()
    world.later(seconds=60)
    here = only(world.drawn())
    assert (here.status, here.ended, here.overdue) == ("running", None, T0 + timedelta(seconds=60))
    assert f"its deadline had passed at {clock(here.overdue)}" in world.shown()
    world.run()
    assert only(world.drawn()).status == "failed"


def test_an_execution_past_its_deadline_says_so() -> None:
    world = Still(Phase("p", (Use("a", "j", timeout=600),)), deadline=3600)
    world.start()
    world.statuses["e/1/a/1/start"] = replace(world.statuses["e/1/a/1/start"], due=T0 + timedelta(hours=9))
    world.document["round"]["jobs"]["a"]["due"] = T0 + timedelta(hours=9)
    world.later(hours=1)
    drawn = world.drawn()
    assert (drawn.status, drawn.ended, drawn.overdue) == ("running", None, T0 + timedelta(hours=1))
    assert world.shown().splitlines()[1].endswith(f"its deadline had passed at {clock(drawn.overdue)}")


# Attempts.


def test_progress_is_shown_while_the_attempt_runs_and_its_output_after_that() -> None:
    world = Still(Phase("p", (Use("a", "j", heartbeat=30),)), jobs={"a": lambda _: "all of it"})
    started = world.start()
    for number in (1, 2):
        beat: dict[str, Any] = {
            "status": "heartbeat",
            "slot": "heartbeat",
            "number": number,
            "progress": {"done": number},
        }
        id = slots.heartbeat("e", 1, "a", 1, number)
        world.insert(replace(started, id=id, at=world.now + timedelta(seconds=number), **beat))
    job = only(world.drawn()).jobs["a"]
    assert (job.status, job.newest.ended, job.newest.progress, job.newest.started) == ("started", None, {"done": 2}, T0)
    assert '{"done": 2}' in world.shown()
    world.run()
    shown = world.shown()
    assert '"all of it"' in shown
    assert "done" not in shown


def test_a_trigger_that_is_sent_again_is_the_same_attempt() -> None:
    world = Still(Phase("p", (Use("a", "j"),)))
    world.later(minutes=1)
    world.later(minutes=2)
    job = only(world.drawn()).jobs["a"]
    assert (job.status, job.newest.number, job.newest.sent_again, job.newest.triggered) == ("triggered", 1, 2, T0)
    assert "sent again: 2" in world.shown()


def test_what_a_round_has_left_behind_is_not_tried_again() -> None:
    uses = (Use("a", "j"), Use("b", "j", retry=(Retry(interval=60),)))
    world = Still(Phase("p", uses, wait_for_count=1), Phase("q", (Use("c", "j"),)), jobs={"b": fails})
    world.start()
    world.start()
    for _ in uses:
        world._end(world.pending.pop(0))
    job = world.drawn().rounds[0].jobs["b"]
    assert job.newest.retry is not None
    assert job.status == "failed"
    assert "attempt 2 at" not in world.shown()


def test_a_failure_that_is_tried_again_says_when() -> None:
    world = Still(Phase("p", (Use("a", "j", retry=(Retry(interval=60),)),)), jobs={"a": fails})
    world.start()
    world._happen()
    job = only(world.drawn()).jobs["a"]
    assert job.status == "retrying"
    assert job.newest.retry is not None
    shown = world.shown()
    assert "↻ a" in shown
    assert f"1 ms  attempt 2 at {clock(job.newest.retry['at'])}  ValueError: no boat" in shown


def test_earlier_attempts_are_told_each_with_its_error_and_many_are_cut() -> None:
    world = Still(Phase("p", (Use("a", "j", retry=(Retry(max_attempts=9, interval=0),)),)), jobs={"a": fails})
    world.run()
    job = only(world.drawn()).jobs["a"]
    assert (job.status, job.newest.number) == ("failed", 10)
    assert [attempt.number for attempt in job.earlier] == list(range(1, 10))
    lines = [row.strip(" │├└─") for row in world.shown().splitlines()]
    assert "… 6 earlier attempts" in lines
    told = [row.split()[1] for row in lines if row.startswith("attempt ")]
    assert told == ["7", "8", "9"]
    assert all("ValueError: no boat" in row for row in lines if row.startswith("attempt "))


def test_a_retry_that_was_given_up_is_no_retry() -> None:
    world = Still(
        Phase("p", (Use("a", "j", retry=(Retry(interval=3600),)), Use("b", "j"))), jobs={"a": fails, "b": fails}
    )
    world.run()
    job = only(world.drawn()).jobs["a"]
    assert job.status == "cancelled"
    assert "a  cancelled: the round was failing" in world.shown()


def test_what_ends_late_changes_nothing_and_is_told() -> None:
    world = Still(Phase("p", (Use("a", "j", timeout=60),)))
    started = world.start()
    world.later(seconds=90)
    before = only(world.drawn())
    late: dict[str, Any] = {"status": "late", "slot": "late", "reason": "success", "output": 7}
    id = slots.attempt_late("e", 1, "a", 1)
    world.statuses[id] = replace(started, id=id, at=world.now + timedelta(minutes=1), **late)
    after = only(world.drawn())
    job = after.jobs["a"]
    assert (job.status, job.newest.ended, job.output) == ("failed", before.jobs["a"].newest.ended, None)
    assert "it ended late (success): that changes nothing" in world.shown()


# Operating.


def test_a_pause_holds_until_it_is_resumed() -> None:
    world = Still(Phase("p", (Use("a", "j"), Use("b", "j", ("a",)))))
    world.ask(requests.pause(world.document, request(world)))
    assert world.drawn().status == "paused"
    shown = world.shown().splitlines()
    assert shown[0].startswith("‖ m")
    assert "paused by cli:anna: a storm" in shown[1]
    world.now += timedelta(seconds=1)
    world.ask(requests.resume(world.document, request(world)))
    assert (world.drawn().status, world.drawn().paused) == ("running", None)


def test_a_request_to_cancel_is_told_and_ends_nothing_by_itself() -> None:
    world = Still(Phase("p", (Use("a", "j", compensate=Use("", "undo")), Use("b", "j"))))
    world.start()
    world.ask(requests.cancel(world.document, request(world, "when"), compensate=True))
    assert (world.drawn().status, world.drawn().ended) == ("running", None)
    shown = world.shown()
    assert "cancel requested, to be undone by cli:anna: when" in shown
    assert "b  cancelled: the execution was cancelled" in shown
    world.run()
    assert world.drawn().status == "cancelled"


def test_a_cancel_and_an_end_hold_for_one_life_of_the_execution() -> None:
    world = Still(Phase("p", (Use("a", "j"), Use("b", "j", ("a",)))), jobs={"b": fails})
    world.run()
    assert world.drawn().status == "failed"
    world.now += timedelta(minutes=1)
    world.ask(requests.redrive(world.document, world.definition, "d", request(world)))
    drawn = world.drawn()
    assert (drawn.status, drawn.ended, drawn.error, len(drawn.rounds)) == ("running", None, None, 2)
    assert (drawn.rounds[1].jobs["a"].carried, drawn.rounds[1].jobs["a"].status) == (True, "success")
    assert (drawn.rounds[1].jobs["b"].carried, drawn.rounds[1].jobs["b"].status) == (False, "triggered")
    shown = world.shown()
    assert "✓ a  kept from an earlier round" in shown
    assert "redriven by cli:anna: a storm" in shown
    opened = world.statuses[slots.round_start("e", 2)]
    assert line(opened, T0).endswith("phase p  started  redrive  by cli:anna  (a storm)")
    world.statuses[opened.id] = replace(opened, asked=None)  # As an earlier release has written it.
    assert "run again by cli:anna: a storm" in world.shown()
    world.ask(requests.cancel(world.document, request(world)))
    world.run()
    assert world.drawn().status == "cancelled"
    world.now += timedelta(minutes=1)
    world.ask(requests.redrive(world.document, world.definition, "d", request(world)))
    assert (world.drawn().status, world.drawn().cancel) == ("running", None)


def test_a_rerun_is_told_from_a_redrive() -> None:
    world = Still(Phase("p", (Use("a", "j"),)))
    world.run()
    jobs = world.document["round"]["jobs"]
    world.ask(
        requests.rerun(
            world.document, world.definition, "d", request(world), phase="p", job=None, jobs=jobs, given=None
        )
    )
    assert "rerun by cli:anna: a storm" in world.shown()


# Compensation.

SAGA = Phase(
    "p",
    (
        Use("hotel", "book", compensate=Use("", "unbook")),
        Use("car", "rent", compensate=Use("", "give_back")),
        Use("pay", "pay", ("hotel", "car")),
    ),
)


def test_a_compensated_execution_shows_what_was_undone_and_what_was_not() -> None:
    world = Still(SAGA, jobs={"pay": fails, "undo-car-1": fails})
    world.run()
    drawn = world.drawn()
    undoing = drawn.rounds[1]
    assert (undoing.phase, undoing.status) == (COMPENSATION, "failed")
    assert (undoing.undone, undoing.not_undone) == (["hotel (round 1)"], ["car (round 1)"])
    shown = world.shown()
    assert "✗ compensation" in shown
    assert "undone: hotel (round 1)\n" in shown
    assert "not undone: car (round 1)\n" in shown
    assert drawn.status == "failed"


def test_all_undone_is_said_without_what_is_left() -> None:
    world = Still(SAGA, jobs={"pay": fails})
    world.run()
    shown = world.shown()
    assert "undone: car (round 1), hotel (round 1)\n" in shown
    assert "not undone" not in shown
    assert "✓ compensation" in shown


@pytest.mark.parametrize(
    ("undo", "status", "said"),
    [({}, "cancelled", ""), ({"undo-hotel-1": fails}, "failed", "not undone: hotel (round 1)")],
)
def test_a_cancel_that_was_undone_has_no_other_error(undo: dict[str, Any], status: str, said: str) -> None:
    world = Still(SAGA, jobs=undo)
    world.start()
    world.ask(requests.cancel(world.document, request(world), compensate=True))
    world.run()
    assert lines_of(world)[-1].endswith(f"execution  {status}  {said}".rstrip())
    shown = world.shown().rstrip().splitlines()
    assert shown[-1].rstrip().endswith(said or "undone: hotel (round 1)")


def test_what_is_still_being_undone_is_not_said_to_be_left() -> None:
    world = Still(SAGA, jobs={"pay": fails})
    while len(world.drawn().rounds) < 2:
        world._happen()
    shown = world.shown()
    assert "to be undone: car (round 1), hotel (round 1)\n" in shown
    assert "not undone" not in shown


# Each status on a line of its own.


def lines_of(world: World) -> list[str]:
    return [line(status, T0) for status in world.statuses.values()]


def has(lines: list[str], *words: str) -> bool:
    return any(all(word in each for word in words) for each in lines)


def test_each_status_says_on_its_line_what_it_is_about() -> None:
    world = Still(
        Phase("p", (Use("a", "j", wait=Wait(60), retry=(Retry(),)), Use("pay", "j", ("a",))), wait=Wait(30)),
        jobs={"a": fails},
    )
    world.later(seconds=30)
    world.later(seconds=60)
    world.later(seconds=60)
    world.ask(requests.pause(world.document, request(world, "when")))
    world.start()
    world.open.clear()
    world._happen()
    lines = lines_of(world)
    assert has(lines, "phase p  waiting", f"until {clock(T0 + timedelta(seconds=30))}")
    assert has(lines, "a  waiting", f"until {clock(T0 + timedelta(seconds=90))}")
    assert has(lines, "a  triggered", "sent again (1)")
    assert has(lines, "execution  paused  by cli:anna  (when)")
    assert has(lines, "a  failed  ValueError: no boat  attempt 2 at ")


def test_a_round_that_is_undone_next_says_so() -> None:
    world = Still(SAGA, jobs={"pay": fails})
    world.run()
    assert has(lines_of(world), "phase p  failed  → compensation")
    assert has(lines_of(world), "phase compensation  success  → end")


@pytest.mark.parametrize("height", [8, 20])
def test_a_low_terminal_is_never_overrun(height: int) -> None:
    world = Still(Phase("p", (Use("a", "j", retry=(Retry(max_attempts=2, interval=0),)),)), jobs={"a": fails})
    for _ in range(6):
        world.run()
        world.now += timedelta(minutes=1)
        world.ask(requests.redrive(world.document, world.definition, "d", request(world)))
    assert len(world.shown(height=height).splitlines()) <= height
    assert "earlier rounds" in world.shown(height=height)
