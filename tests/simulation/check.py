"""One seed: run it, and hold it against the invariants and the oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from phaseline_runtime.definition import Definition
from phaseline_runtime.time_limit import time_limit
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


PATIENCE = 60.0
"""Seconds after which a seed is given up: a hundred times what any takes."""


class Endless(BaseException):
    """A handler goes in a circle. No `Exception`, which a handler may catch."""


def simulate(
    seed: int,
    masked: frozenset[str] = frozenset(),
    without: frozenset[str] = frozenset(),
    *,
    definition: Definition | None = None,
    patience: float = PATIENCE,
) -> Result:
    """Run one seed, without the faults and the jobs that are left out, on a definition where one is given."""
    world = World(seed, masked=masked, without=without, definition=definition)
    try:
        with time_limit(patience, Endless):
            world.run()
    except Endless:
        world.broken.append(Violation("no handler goes in a circle", f"one had not returned after {patience:g} s"))
    except Exception as error:
        world.broken.append(Violation("no handler fails by itself", f"{type(error).__name__}: {error}"))
    return Result(world, [*_all("the invariants can be checked", check, world), *_all("it makes sense", judge, world)])


def _all(name: str, judging: Judging, world: World) -> list[Violation]:
    """What one judge finds. A history that it cannot even read lacks what has to be in it."""
    found: list[Violation] = []
    try:
        found.extend(judging(world))
    except Exception as error:
        found.append(Violation(name, f"{type(error).__name__}: {error}"))
    return found
