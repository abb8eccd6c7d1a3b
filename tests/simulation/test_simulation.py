"""The simulation itself: it misses every protection that is taken away, and repeats and explains what it has seen."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from unittest import mock

import pytest

from phaseline_runtime.bundled import watchdog_job
from tests.simulation import run
from tests.simulation.check import simulate
from tests.simulation.mutants import MUTANTS
from tests.simulation.rules import TABLES, targets
from tests.simulation.shrink import shortest

SEEDS = 2_000
RARE = {
    "fold not atomic": 120,
    "closed rounds left unfolded": 830,
    "settled at once": 100,
    "closing by the clock": 320,
    "undone by newer results": 275,
    "cancelled without undoing": 200,
    "undone once more": 730,
    "corrections unchecked": 380,
    "a pause holds a cancel": 265,
    "redriven and paused": 100,
    "first phase not chosen": 245,
    "deadlines forgotten": 375,
    "late unrecorded": 340,
    "a wait asked for by the wrong Lambda": 810,
    "kept without its reason": 230,
}
"""Where to begin for protections that few seeds need, to save time; the others of the 2,000 are tried after that."""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_protection_that_is_taken_away_is_missed(name: str) -> None:
    first = RARE.get(name, 0)
    with MUTANTS[name]():
        caught = run.failing_seed(first, SEEDS - first)
        assert caught is not None or run.failing_seed(0, first) is not None


def test_a_seed_is_the_same_each_time() -> None:
    texts = [simulate(seed).world.history.text() for seed in (3, 7, 3, 7)]
    assert texts[:2] == texts[2:]
    assert texts[0] != texts[1]


def test_a_failing_seed_is_told_with_its_shortest_history() -> None:
    with MUTANTS["watchdog off"]():
        seed = run.failing_seed(0, SEEDS)
        assert seed is not None
        found, text = shortest(seed), run.report(seed)
        again = simulate(seed, found.masked, found.without)
    assert found.violation in again.violations
    assert len(found.faults) <= len(again.world.faults.happened) == len(found.faults)
    assert "3 no unpaused execution stands still" in text
    assert f"make simulate SEEDS=1 FIRST={seed}" in text


def test_a_handler_that_goes_in_a_circle_is_told_of_too() -> None:
    def circle(*_: object, **__: object) -> None:
        while True:
            pass

    with mock.patch.object(watchdog_job, "sweep", circle):
        [violation] = simulate(0, patience=0.1).violations
    assert violation.invariant == "no handler goes in a circle"


def test_a_config_file_brings_a_state_machine_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(Path(__file__).parents[2] / "phaseline.yaml")
    monkeypatch.setattr(sys, "argv", ["run", "--seeds", "10", "--config", config])
    assert run.main() == 0
    assert "10 seeds without a violation" in capsys.readouterr().out
    with MUTANTS["watchdog off"]():
        assert run.main() == 1
    found = capsys.readouterr().out
    assert "cast_fishing_pole" in found
    assert f"CONFIG={config} MACHINE=catch_the_fish" in found
    monkeypatch.setattr(sys, "argv", ["run", "--config", config, "--machine", "dinner"])
    with pytest.raises(SystemExit, match="has no state machine dinner: it has catch_the_fish"):
        run.main()


def test_events_go_where_the_rules_of_the_stack_send_them() -> None:
    assert set(TABLES) == {"statemachine_job", "orchestrator_job"}
    assert targets({"kind": "job", "status": "triggered"}) == ["job"]
    assert set(targets({"kind": "job", "status": "success"})) == set(TABLES)
    assert targets({"kind": "job", "status": "started"}) == []


def test_time_never_runs_backwards() -> None:
    entries = simulate(11).world.history.entries
    assert all(one.at <= other.at for one, other in pairwise(entries))


def test_definitions_are_documents() -> None:
    for seed in range(50):
        json.dumps(simulate(seed).world.definition.to_document())


def test_a_seed_that_fails_once_and_never_again_says_so() -> None:
    assert "seed 0 violates nothing when it is run again" in run.report(0)


def test_what_an_aborted_transaction_has_folded_is_not_known() -> None:
    """In this seed, a request is refused that has folded the last statuses of an execution, as nobody else had."""
    assert simulate(504_526).violations == []
