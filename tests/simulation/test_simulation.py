"""Thousands of simulated executions without a violation, and a violation for every protection that is taken away."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from tests.simulation import run
from tests.simulation.check import simulate
from tests.simulation.mutants import MUTANTS
from tests.simulation.rules import TABLES, targets
from tests.simulation.shrink import shortest

SEEDS = 2_000
PARTS = 8
RARE = {
    "fold not atomic": 890,
    "closed rounds left unfolded": 900,
    "closing by the clock": 310,
    "left behind forgotten": 140,
}
"""Where to begin for protections that few seeds need, to save time; the others of the 2,000 are tried after that."""


@pytest.mark.parametrize("part", range(PARTS))
def test_no_seed_violates_an_invariant(part: int) -> None:
    count = SEEDS // PARTS
    failing = run.failing_seed(part * count, count)
    assert failing is None, run.report(failing)


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
    assert f"python -m tests.simulation.run --seeds 1 --first {seed}" in text


def test_all_that_a_definition_can_say_is_tried() -> None:
    """What the seeds together contain, so that no part of the meaning is left out by an unlucky change."""
    seen: set[str] = set()
    for seed in range(400):
        for entry in simulate(seed).world.history.entries:
            status = entry.status
            seen |= {f"{status.kind} {status.status}", f"reason {status.reason}", f"slot {status.slot}"}
            seen.add(f"error {(status.error or {}).get('type')}")
            seen |= {"retry"} if status.retry else set()
            seen |= {"passed over"} if status.passed_over else set()
            seen |= {"visited again"} if (status.visit or 0) > 1 else set()
            seen |= {"carried over"} if status.carried else set()
    expected = {
        *(f"job {status}" for status in ("triggered", "started", "success", "failed", "skipped", "cancelled")),
        *(f"phase {status}" for status in ("started", "success", "failed", "cancelled", "overdue")),
        *(f"execution {status}" for status in ("started", "success", "failed", "cancelled", "overdue")),
        *(f"execution {status}" for status in ("paused", "resumed", "cancel_requested")),
        *(f"reason {reason}" for reason in ("when", "upstream_failed", "upstream_skipped")),
        *(f"reason {reason}" for reason in ("failing", "wait_for", "cancel")),
        *(f"slot {slot}" for slot in ("entry", "redelivery", "start", "end")),
        *(f"error Phaseline.{name}" for name in ("Timeout", "Crashed", "NotStarted", "ExpressionFailed")),
        *("error Phaseline.WaitForNotMet", "error Storm", "retry", "passed over", "visited again", "carried over"),
    }
    assert expected <= seen, sorted(expected - seen)


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
