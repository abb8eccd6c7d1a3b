"""Which of several numbered places a name belongs to: decided by the name and the count alone.

So what is added, removed or reordered moves nothing else. No construct is made here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping


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


def fewest(weights: Mapping[str, int], *, each: int, most: int, least: int = 1) -> int | None:
    """The lowest count of places, from `least` on, of which none gets more than `each` weighs; None above `most`."""
    lowest = max(-(-sum(weights.values()) // each), least)
    fitting = (count for count in range(lowest, most + 1) if heaviest(groups(weights, count), weights) <= each)
    return next(fitting, None)


def heaviest(found: Iterable[Iterable[str]], weights: Mapping[str, int]) -> int:
    """What the names of the fullest place weigh together."""
    return max(sum(weights[name] for name in names) for names in found)
