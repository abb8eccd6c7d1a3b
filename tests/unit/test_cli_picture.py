"""The picture of an execution, and the tree that is drawn from it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from phaseline.cli.picture import Picture, picture
from phaseline.cli.tree import tree
from phaseline_runtime.definition import Action, Definition, OnFailure, Phase, Transition, Use
from phaseline_runtime.engine.questions import Answer, Question
from phaseline_runtime.statuses import Status
from tests.support.world import World

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def status(kind: str, word: str, milliseconds: int = 0, **values: Any) -> Status:
    return Status(
        id=f"e/{kind}/{word}/{milliseconds}/{values.get('name')}",
        kind=kind,
        execution="e",
        state_machine="m",
        status=word,
        at=T0 + timedelta(milliseconds=milliseconds),
        **values,
    )


def job(word: str, milliseconds: int, slot: str, name: str = "a", **values: Any) -> Status:
    return status("job", word, milliseconds, round=1, phase="p", name=name, job=name, attempt=1, slot=slot, **values)


STARTED = status("execution", "started", input={"x": 1}, started_by="cli")
ROUND = status("phase", "started", 1, round=1, phase="p", visit=1)


def drawn_as_text(drawn: Picture, *, width: int = 100, height: int | None = None) -> str:
    console = Console(width=width, color_system=None, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(tree(drawn, width=width, height=height, now=T0 + timedelta(seconds=2)))
    return capture.get()


def test_a_finished_job_has_its_times_and_its_output() -> None:
    drawn = picture(
        [
            STARTED,
            ROUND,
            job("triggered", 2, "entry"),
            job("started", 5, "start"),
            job("success", 45, "end", output={"fish": 3}),
        ]
    )
    a = drawn.rounds[0].jobs["a"]
    assert (a.status, a.output) == ("success", {"fish": 3})
    assert a.seconds == pytest.approx(0.04)
    assert drawn.status == "running"


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_arrival_does_not_matter(seed: int) -> None:
    statuses = [
        STARTED,
        ROUND,
        job("triggered", 2, "entry"),
        job("started", 2, "start"),
        job("failed", 2, "end", error={"type": "E", "message": "no"}),
        status("phase", "failed", 2, round=1, phase="p"),
        status("execution", "failed", 2, round=1, error={"type": "E", "message": "no"}),
    ]
    random.Random(seed).shuffle(statuses)
    drawn = picture(statuses)
    assert drawn.status == drawn.rounds[0].status == drawn.rounds[0].jobs["a"].status == "failed"


def test_an_end_counts_until_a_later_round_has_started() -> None:
    again = status("phase", "started", 9, round=2, phase="p", visit=2)
    drawn = picture([STARTED, ROUND, status("execution", "failed", 5, round=1), again])
    assert (drawn.status, drawn.ended, drawn.error) == ("running", None, None)


def test_an_end_whose_clock_was_behind_is_an_end() -> None:
    drawn = picture(
        [STARTED, status("phase", "started", 9, round=1, phase="p"), status("execution", "success", 5, round=1)]
    )
    assert drawn.status == "success"


def test_no_statuses_have_no_picture() -> None:
    with pytest.raises(ValueError, match="without statuses"):
        picture([])


def test_the_tree_names_phases_jobs_reasons_and_errors() -> None:
    text = drawn_as_text(
        picture(
            [
                STARTED,
                status("phase", "success", 1, round=0, passed_over=("early",)),
                ROUND,
                job("triggered", 2, "entry"),
                job("started", 5, "start"),
                job("success", 45, "end", output={"fish": "[bold]cod[/bold]"}),
                job("skipped", 3, "entry", name="beer", reason="when"),
                job("failed", 9, "end", name="boat", error={"type": "BoatTaken", "message": "all\nof them"}),
                status("phase", "failed", 50, round=1, phase="p", passed_over=("late",)),
                status("execution", "failed", 51, round=1, error={"type": "BoatTaken", "message": "gone"}),
            ]
        )
    )
    lines = text.splitlines()
    assert lines[0] == "✗ m  e  failed  51 ms"
    assert "early  passed over: its `when` was false" in lines[1]
    assert '✓ a         +5 ms     40 ms  {"fish": "[bold]cod[/bold]"}' in text
    assert "- beer  skipped: its `when` was false" in text
    assert "BoatTaken: all of them" in text
    assert text.index("✗ p") < text.index("late  passed over")
    assert lines[-1].endswith("BoatTaken: gone")


def test_why_an_execution_has_failed_is_shown_whole_however_narrow_the_terminal() -> None:
    words = [f"word{number}" for number in range(40)]
    error = {"type": "E", "message": " ".join(words)}
    drawn = picture(
        [
            STARTED,
            ROUND,
            job("failed", 9, "end", error=error),
            status("phase", "failed", 10, round=1, phase="p", error=error),
            status("execution", "failed", 11, round=1, error=error),
        ]
    )
    shown = drawn_as_text(drawn, width=60)
    assert [word for word in shown.partition("\n└── E:")[2].split() if word.startswith("word")] == words
    assert all(len(line) <= 60 for line in shown.splitlines())
    assert shown.count("word39") == 1, "the others are on a line each"
    live = drawn_as_text(drawn, width=60, height=10)
    assert "word39" not in live
    assert len(live.splitlines()) == 5


def test_a_low_terminal_shows_the_newest_rounds() -> None:
    definition = Definition(
        "m", (Phase("p", (Use("a", "a"),), next=(Transition("p", when='{"visits.p":{"$lt":9}}'), Transition("end"))),)
    )

    def loop(question: Question, state: Any) -> Answer:
        return Answer(state["visits"]["p"] < 9)

    world = World(definition, evaluate=loop)
    world.run()
    drawn = picture(world.statuses.values())
    assert len(drawn.rounds) == 9
    text = drawn_as_text(drawn, height=12)
    assert "visit 9" in text
    assert "visit 1 " not in text
    assert "earlier rounds" in text
    assert len(text.splitlines()) <= 12


def test_whatever_the_engine_does_has_a_picture() -> None:
    """A failing round with a clean-up, drawn after each of its statuses."""
    definition = Definition(
        "m",
        (
            Phase(
                "p",
                (
                    Use("a", "a"),
                    Use("b", "b", after=("a",)),
                    Use("clean", "clean", after=("a", "b"), run_if="all_done"),
                ),
            ),
            Phase("q", (Use("c", "c", on_failure=(OnFailure(Action.CONTINUE),)),)),
        ),
    )

    def fails(_: Any) -> None:
        raise RuntimeError("no")

    world = World(definition, jobs={"a": fails})
    world.run()
    statuses = list(world.statuses.values())
    for count in range(1, len(statuses) + 1):
        assert drawn_as_text(picture(statuses[:count]))
    last = picture(statuses)
    assert last.status == "failed"
    assert [item.status for item in last.rounds[0].jobs.values()] == ["failed", "skipped", "success"]
