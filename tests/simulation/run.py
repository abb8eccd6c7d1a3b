"""Run seeds: `make simulate SEEDS=100000 [FIRST=N] [PROCESSES=2]`.

For the first violation it prints the invariant, the seed, its shortest history and the command that reproduces it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.check import simulate
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
    given = parser.parse_args()
    begun, done = time.monotonic(), 0
    for first, count, failing in _chunks(given.first, given.seeds, given.processes):
        if failing is not None:
            print(report(failing))
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


def report(seed: int) -> str:
    """What is wrong with a seed, with its shortest history."""
    found = shortest(seed)
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


def failing_seed(first: int, count: int) -> int | None:
    """The first of these seeds that violates an invariant."""
    return next((seed for seed in range(first, first + count) if simulate(seed).violations), None)


def _chunks(first: int, seeds: int, processes: int) -> Iterator[tuple[int, int, int | None]]:
    begins = range(first, first + seeds, _CHUNK)
    counts = [min(_CHUNK, first + seeds - begin) for begin in begins]
    if processes == 1:
        for begin, count in zip(begins, counts, strict=True):
            yield begin, count, failing_seed(begin, count)
        return
    pool = ProcessPoolExecutor(processes)
    try:
        yield from zip(begins, counts, pool.map(failing_seed, begins, counts), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # Where a seed fails, what has not begun is of no interest.


if __name__ == "__main__":
    sys.exit(main())
