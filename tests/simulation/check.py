"""One seed: run it, and hold it against the invariants and the oracle."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.invariants import check
from tests.simulation.oracle import judge
from tests.simulation.violation import Violation
from tests.simulation.world import World


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
    except AssertionError as error:
        world.broken.append(Violation("no handler fails by itself", repr(error)))
    except Exception as error:
        world.broken.append(Violation("no handler fails by itself", f"{type(error).__name__}: {error}"))
    return Result(world, [*check(world), *judge(world)])
