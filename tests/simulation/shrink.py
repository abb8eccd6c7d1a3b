"""From a seed that violates an invariant to its shortest history: fewer faults, then fewer jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from phaseline_runtime.definition import Definition
from tests.simulation import definitions
from tests.simulation.check import Result, simulate
from tests.simulation.violation import Violation

PATIENCE = 5.0
"""Seconds after which a history that is tried counts as endless."""


@dataclass(frozen=True, slots=True)
class Shortest:
    """What is left of a failing seed."""

    violation: Violation
    masked: frozenset[str]
    without: frozenset[str]
    faults: list[str]
    text: str


def shortest(seed: int, definition: Definition | None = None) -> Shortest:
    """The shortest history that still violates the same invariant. Raises ValueError where none is violated."""
    first = simulate(seed, definition=definition)
    if not first.violations:
        raise ValueError(f"seed {seed} violates nothing")
    name = first.violations[0].invariant

    def fails(masked: frozenset[str], without: frozenset[str]) -> Result | None:
        result = simulate(seed, masked, without, definition=definition, patience=PATIENCE)
        return result if any(found.invariant == name for found in result.violations) else None

    without = _jobs(first, fails)
    masked, last = _faults(first, without, fails)
    violation = next(found for found in last.violations if found.invariant == name)
    return Shortest(violation, masked, without, last.world.faults.happened, last.world.history.text())


Fails = Callable[[frozenset[str], frozenset[str]], Result | None]


def _jobs(first: Result, fails: Fails) -> frozenset[str]:
    without: frozenset[str] = frozenset()
    names = definitions.jobs(first.world.definition)
    for name in reversed(names):
        less = without | {name}
        if len(less) < len(names) and fails(frozenset(), less) is not None:
            without = less
    return without


def _faults(first: Result, without: frozenset[str], fails: Fails) -> tuple[frozenset[str], Result]:
    """Take back halves of the faults, then quarters, down to single ones, as long as it still fails."""
    last = fails(frozenset(), without) or first
    masked: frozenset[str] = frozenset()
    size = max(len(last.world.faults.happened) // 2, 1)
    while True:
        happened = last.world.faults.happened
        for begin in range(0, len(happened), size):
            fewer = masked | set(happened[begin : begin + size])
            found = fails(fewer, without)
            if found is not None:
                masked, last = fewer, found
                break
        else:
            if size == 1:
                return masked, last
            size = max(size // 2, 1)
