"""What the user's handlers do in a seed: how long an attempt takes, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass

from phaseline_runtime.definition import Use
from tests.simulation.definitions import ERRORS
from tests.simulation.dice import Dice


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt goes: it returns `output`, raises `error`, or has not returned when its time is up."""

    seconds: float
    output: int | None = None
    error: str | None = None
    times_out: bool = False


def outcome(dice: Dice, use: Use, round_number: int, attempt: int) -> Outcome:
    """What the handler does in this attempt."""
    place = (use.name, round_number, attempt)
    seconds = dice.between(0.01, dice.pick((0.2, 3.0, 15.0, 40.0), "about", *place), "takes", *place)
    if seconds >= use.timeout or dice.chance(0.02, "hangs", *place):
        return Outcome(use.timeout, times_out=True)
    failing = dice.between(0, dice.pick((0.02, 0.1, 0.5), "fails", use.name), "how often", use.name)
    if dice.chance(failing, "fails", *place):
        return Outcome(seconds, error=dice.pick(ERRORS[:2], "raises", *place))
    return Outcome(seconds, output=dice.whole(0, 1, "returns", *place))
