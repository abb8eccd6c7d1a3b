"""Thousands of simulated executions without a violation, which contain all that can happen to one."""

from __future__ import annotations

from functools import cache

import pytest

from tests.simulation import run, undoing
from tests.simulation.check import simulate
from tests.simulation.user_code import EFFECTS
from tests.simulation.world import World

SEEDS = 2_000
PARTS = 8
MARKS = ("retry", "passed_over", "carried", "compensates")
"""Fields of a status that some have to have."""


@cache
def part(number: int) -> tuple[int | None, frozenset[str]]:
    """The first failing seed of this part of them, and what all those before it contain."""
    seen: set[str] = set()
    count = SEEDS // PARTS
    for seed in range(number * count, (number + 1) * count):
        result = simulate(seed)
        if result.violations:
            return seed, frozenset(seen)
        seen |= words(result.world)
    return None, frozenset(seen)


def words(world: World) -> set[str]:
    """What a history contains, in words."""
    found = {"an effect of a transaction"} if world.database[EFFECTS].documents else set()
    for entry in world.history.entries:
        status = entry.status
        undo = " in compensation" if status.phase == undoing.PHASE else ""
        found |= {f"{status.kind} {status.status}{undo}", f"reason {status.reason}", f"slot {status.slot}"}
        found |= {f"error {(error or {}).get('type')}" for error in (status.error, (status.next or {}).get("error"))}
        found |= {f"has {field}" for field in MARKS if getattr(status, field)}
        found |= {"visited again"} if (status.visit or 0) > 1 else set()
        found |= {"the rest is undone"} if undo and status.definition is not None and status.kind == "phase" else set()
        if entry.author in world.requests:
            found.add(f"asked {world.requests[entry.author].what}, {world.requests[entry.author].changed}")
        if "notUndone" in (status.error or {}):
            found.add(f"{status.status}, all undone: {not (status.error or {})['notUndone']}")
    return found


@pytest.mark.parametrize("number", range(PARTS))
def test_no_seed_violates_an_invariant(number: int) -> None:
    failing, _ = part(number)
    assert failing is None, run.report(failing)


def test_all_that_can_happen_happens() -> None:
    """What the seeds together contain, so that no part of the meaning is left out by an unlucky change."""
    seen = frozenset[str]().union(*(part(number)[1] for number in range(PARTS)))
    expected = {
        *(f"job {status}" for status in ("waiting", "triggered", "started", "heartbeat", "success", "failed")),
        *(f"job {status}" for status in ("skipped", "cancelled", "late")),
        *(f"job {status} in compensation" for status in ("triggered", "started", "heartbeat", "success", "failed")),
        *(f"phase {status}" for status in ("started", "waiting", "success", "failed", "cancelled", "overdue")),
        *(f"phase {status} in compensation" for status in ("started", "success", "failed")),
        *(f"execution {status}" for status in ("started", "success", "failed", "cancelled", "overdue")),
        *(f"execution {status}" for status in ("paused", "resumed", "cancel_requested")),
        *(f"reason {reason}" for reason in ("when", "upstream_failed", "upstream_skipped")),
        *(f"reason {reason}" for reason in ("failing", "wait_for", "cancel")),
        *(f"slot {slot}" for slot in ("wait", "entry", "redelivery", "start", "heartbeat", "end", "late")),
        *(f"error Phaseline.{name}" for name in ("Timeout", "Crashed", "NotStarted", "Unavailable")),
        *(f"error Phaseline.{name}" for name in ("ExpressionFailed", "WaitForNotMet", "TransactionConflict")),
        *(f"error Phaseline.{name}" for name in ("InputTooLarge", "OutputTooLarge", "TransactionTooLong")),
        *("error OutputNotStorable", "error TransactionBroken"),
        *(f"has {mark}" for mark in MARKS),
        *(f"asked cancel, {compensates}" for compensates in (True, False)),
        *(f"asked redrive, {corrected}" for corrected in (True, False)),
        *(f"asked rerun, {other_input}" for other_input in (True, False)),
        *("failed, all undone: True", "failed, all undone: False", "cancelled, all undone: True"),
        *("error Storm", "error NoFish", "visited again", "an effect of a transaction", "the rest is undone"),
    }
    assert expected <= seen, sorted(expected - seen)
