"""Chance from one seed. Every throw has a name, and its result depends on the seed and that name alone.

So one throw can be taken back (a fault that is masked) without changing any other: a history can be shrunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """All the throws of one seed."""

    def __init__(self, seed: int | str) -> None:
        self._key = str(seed).encode()

    def number(self, *name: object) -> float:
        """A number from 0 up to 1."""
        text = "/".join(map(str, name)).encode()
        return int.from_bytes(blake2b(text, digest_size=7, key=self._key).digest()) / 2**56

    def chance(self, probability: float, *name: object) -> bool:
        """True with this probability."""
        return self.number(*name) < probability

    def between(self, low: float, high: float, *name: object) -> float:
        """A number from `low` to `high`."""
        return low + (high - low) * self.number(*name)

    def whole(self, low: int, high: int, *name: object) -> int:
        """A whole number from `low` to `high`, both possible."""
        return low + int(self.number(*name) * (high - low + 1))

    def pick(self, options: Sequence[T], *name: object) -> T:
        """One of the options."""
        return options[int(self.number(*name) * len(options))]

    def some(self, options: Sequence[T], probability: float, *name: object) -> list[T]:
        """Each of the options with this probability."""
        return [option for index, option in enumerate(options) if self.chance(probability, *name, index)]
