"""Which of several numbered places a name belongs to: decided by the name and the count alone.

So what is added, removed or reordered moves nothing else. No construct is made here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def place(name: str, count: int) -> int:
    """The place of this name, from 0 to `count - 1`.

    By rendezvous hashing (Thaler and Ravishankar, 1998): each place draws a number for the name, and the highest wins.
    A higher count moves only those names whose new places draw higher: one in five from 16 places to 20.
    """
    return max(range(count), key=lambda number: hashlib.sha256(f"{number}/{name}".encode()).digest())


def groups(names: Iterable[str], count: int) -> list[list[str]]:
    """The names of each place, sorted."""
    found: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(names):
        found[place(name, count)].append(name)
    return found


def fewest(names: Iterable[str], *, each: int, most: int) -> int | None:
    """The lowest count of places of which none gets more than `each` names; None where `most` places are too few."""
    wanted = list(names)
    lowest = max(-(-len(wanted) // each), 1)
    fitting = (count for count in range(lowest, most + 1) if max(map(len, groups(wanted, count))) <= each)
    return next(fitting, None)
