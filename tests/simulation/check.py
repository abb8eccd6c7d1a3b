"""One seed: run it, and hold it against the invariants and the oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.simulation.invariants import check
from tests.simulation.oracle import judge
from tests.simulation.violation import Violation
from tests.simulation.world import World

Judging = Callable[[World], Iterable[Violation]]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one seed."""

    world: World
    violations: list[Violation]


def simulate(seed: int, masked: frozenset[str] = frozenset(), without: frozenset[str] = frozenset()) -> Result:
    """Run one seed, without the faults and the jobs that are left out."""
    world = World(seed, masked=masked, without=without)
    try:
        world.run()
    except Exception as error:
        world.broken.append(Violation("no handler fails by itself", f"{type(error).__name__}: {error}"))
    return Result(world, [*_all("the invariants can be checked", check, world), *_all("it makes sense", judge, world)])


def _all(name: str, judging: Judging, world: World) -> list[Violation]:
    """What one judge finds. A history that it cannot even read lacks what has to be in it."""
    found: list[Violation] = []
    try:
        found.extend(judging(world))
    except (KeyError, StopIteration, AssertionError) as error:
        found.append(Violation(name, f"{type(error).__name__}: {error}"))
    return found
