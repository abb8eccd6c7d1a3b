"""Run seeds: `make simulate SEEDS=100000 [FIRST=N] [PROCESSES=2] [CONFIG=phaseline.yaml MACHINE=NAME]`.

For the first violation it prints the invariant, the seed, its shortest history and the command that reproduces it.

The definitions are random ones, or a state machine of a config file: then only the faults, the people and what jobs do
are the seed's. Its input is `{n: 1}`; its jobs return 0 or 1, raise `Storm` or `NoBoat`, take their time or hang, and
each `filter` refuses an input now and then. A loop has to have an end by `visits`, or it never comes to rest. No
expression may depend on the order in which jobs have ended, as that of the fields in `{$objectToArray: "$results"}`
does: the oracle knows of no order of fields.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat

from phaseline.config import ConfigError, load
from phaseline.config.compiler import compile_definitions
from phaseline_runtime.definition import Definition
from tests.simulation.check import PATIENCE, simulate
from tests.simulation.shrink import shortest

_CHUNK = 100
_SHOWN = 2_000
"""After how many seeds it is said how far it is."""


def main() -> int:
    """The command line; 1 where an invariant was violated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2_000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=1, help="how many processes share them")
    parser.add_argument("--config", help="a config file, of which")
    parser.add_argument("--machine", help="this state machine is run, instead of random definitions")
    given = parser.parse_args()
    definition = None if given.config is None else _definition(given.config, given.machine)
    begun, done = time.monotonic(), 0
    for first, count, failing in _chunks(given.first, given.seeds, given.processes, definition):
        if failing is not None:
            more = "" if definition is None else f" CONFIG={given.config} MACHINE={definition.state_machine}"
            print(f"{report(failing, definition)}{more}")
            return 1
        done += count
        if done % _SHOWN < _CHUNK or done == given.seeds:
            taken = time.monotonic() - begun
            left = taken / done * (given.seeds - done)
            print(
                f"{done:>7} of {given.seeds} seeds, up to {first + count - 1}, no violation, "
                f"{done / taken:.0f} seeds/s, {taken:.0f} s, {left:.0f} s left",
                flush=True,
            )
    seconds = time.monotonic() - begun
    print(f"{done} seeds without a violation in {seconds:.0f} s, processes: {given.processes}")
    return 0


def _definition(config: str, machine: str | None) -> Definition:
    try:
        machines = compile_definitions(load(config))
    except ConfigError as error:
        raise SystemExit(str(error)) from error
    name = machine or next(iter(machines))
    if name not in machines:
        raise SystemExit(f"{config} has no state machine {name}: it has {', '.join(machines)}")
    return replace(machines[name], input_schema=None)


def report(seed: int, definition: Definition | None = None) -> str:
    """What is wrong with a seed, with its shortest history."""
    try:
        found = shortest(seed, definition)
    except ValueError as error:
        return (
            f"{error} when it is run again: the first time it was given up after {PATIENCE:g} s, because the machine "
            "stood still, or it depends on more than its seed"
        )
    without = ", ".join(sorted(found.without)) or "nothing"
    return "\n".join(
        [
            f"seed {seed} violates: {found.violation}",
            f"its shortest history (left out of the definition: {without}; {len(found.masked)} faults taken back):",
            found.text,
            f"faults: {', '.join(found.faults) or 'none'}",
            f"again: make simulate SEEDS=1 FIRST={seed}",
        ]
    )


def failing_seed(first: int, count: int, definition: Definition | None = None) -> int | None:
    """The first of these seeds that violates an invariant."""
    seeds = range(first, first + count)
    return next((seed for seed in seeds if simulate(seed, definition=definition).violations), None)


def _chunks(
    first: int, seeds: int, processes: int, definition: Definition | None
) -> Iterator[tuple[int, int, int | None]]:
    begins = range(first, first + seeds, _CHUNK)
    counts = [min(_CHUNK, first + seeds - begin) for begin in begins]
    if processes == 1:
        for begin, count in zip(begins, counts, strict=True):
            yield begin, count, failing_seed(begin, count, definition)
        return
    pool = ProcessPoolExecutor(processes)
    try:
        yield from zip(begins, counts, pool.map(failing_seed, begins, counts, repeat(definition)), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # Where a seed fails, what has not begun is of no interest.


if __name__ == "__main__":
    sys.exit(main())
