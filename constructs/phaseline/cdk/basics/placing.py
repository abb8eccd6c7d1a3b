"""Which of several numbered places a name belongs to: decided by the name and the count alone.

So what is added, removed or reordered moves nothing else. No construct is made here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping


def place(name: str, count: int) -> int:
    """The place of this name, from 0 to `count - 1`.

    By rendezvous hashing (Thaler and Ravishankar, 1998): each place draws a number for the name, and the highest wins.
    A higher count moves only those names whose new places draw higher: one in five from 16 places to 20.
    """
    return max(range(count), key=lambda number: _draw(number, name))


def _draw(number: int, name: str) -> bytes:
    return hashlib.sha256(f"{number}/{name}".encode()).digest()


def groups(names: Iterable[str], count: int) -> list[list[str]]:
    """The names of each place, sorted."""
    found: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(names):
        found[place(name, count)].append(name)
    return found


def fewest(weights: Mapping[str, int], *, each: int, most: int) -> int | None:
    """The lowest count of places from which on, up to `most`, none gets more than `each` weighs; None where none is.

    One place more takes from all others, and may itself get more than `each`: so a higher count can fit worse.
    """
    found = None
    for count, heaviest_place in enumerate(_growing(weights, most), 1):
        if heaviest_place > each:
            found = None
        elif found is None:
            found = count
    return found


def _growing(weights: Mapping[str, int], most: int) -> Iterator[int]:
    """What the fullest place weighs with one place, with two, and so on."""
    drawn = dict.fromkeys(weights, b"")
    at: dict[str, int] = {}
    loads: list[int] = []
    for number in range(most):
        loads.append(0)
        for name, weight in weights.items():
            draw = _draw(number, name)
            if draw > drawn[name]:
                if name in at:
                    loads[at[name]] -= weight
                drawn[name], at[name] = draw, number
                loads[number] += weight
        yield max(loads)


def heaviest(found: Iterable[Iterable[str]], weights: Mapping[str, int]) -> int:
    """What the names of the fullest place weigh together."""
    return max(sum(weights[name] for name in names) for names in found)
