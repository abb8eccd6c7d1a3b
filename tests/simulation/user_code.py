"""What the user's handlers do in a seed: how long an attempt takes, what it says and writes meanwhile, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from phaseline_runtime import current, heartbeat, transaction
from phaseline_runtime.definition import Use
from tests.simulation.dice import Dice
from tests.simulation.uses import ERRORS

EFFECTS, COUNTER = "effects", "counters"
"""The user's collections: a document for each effect, and one that counts them, which every transaction changes."""
UNFIT = (object(), "x" * 1_100_000)
"""What no job may return: nothing that MongoDB stores, and more than fits."""
MOST_BEATS = 15
MOST_OF_TRANSACTION = 60
"""Seconds that a transaction may be open."""
LONG = 60.0
"""The timeout in seconds above which some attempts take minutes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt goes: it returns `output`, raises `error`, or has not returned when its time is up.

    It says that it is alive each `beats` seconds, `most_beats` times, and may write its effect in a transaction.
    """

    seconds: float
    output: object = None
    error: str | None = None
    times_out: bool = False
    beats: float | None = None
    most_beats: int = MOST_BEATS
    transactional: bool = False
    spoils: bool = False
    """Whether an error leaves the block of its transaction, which it then takes for no error."""
    obedient: bool = False
    """Whether it stops when it is told that nobody wants it any more."""


class Spoiled(Exception):
    """Something went wrong in the midst of a transaction."""


class Stopped(Exception):
    """The handler was told that its execution is being stopped."""


def outcome(dice: Dice, use: Use, round_number: int, attempt: int) -> Outcome:
    """What the handler does in this attempt."""
    place = (use.name, round_number, attempt)
    seconds = dice.between(0.01, dice.pick((0.2, 3.0, 15.0, 40.0), "about", *place), "takes", *place)
    if use.timeout > LONG and dice.chance(0.3, "long", *place):
        seconds *= 6
    common: dict[str, Any] = {
        "transactional": dice.chance(0.4, "transactions") and dice.chance(0.5, "transactional", use.name),
        "spoils": dice.chance(0.1, "spoils", *place),
        "obedient": dice.chance(0.4, "obedient", use.name),
    }
    if use.heartbeat is not None:
        common["beats"] = max(use.heartbeat * dice.between(0.3, 0.9, "beats", *place), 1.0)
        common["most_beats"] = dice.pick((0, 1, MOST_BEATS, MOST_BEATS), "beats often", *place)
    if common["transactional"] and use.timeout > MOST_OF_TRANSACTION and dice.chance(0.1, "dawdles", *place):
        seconds += MOST_OF_TRANSACTION
    if seconds >= use.timeout or dice.chance(0.02, "hangs", *place):
        return Outcome(use.timeout, times_out=True, **common)
    failing = dice.between(0, dice.pick((0.02, 0.1, 0.5), "fails", use.name), "how often", use.name)
    if dice.chance(failing, "fails", *place):
        return Outcome(seconds, error=dice.pick(ERRORS[:2], "raises", *place), **common)
    if dice.chance(0.01, "returns what is unfit", *place):
        return Outcome(seconds, output=dice.pick(UNFIT, "unfit", *place), **common)
    return Outcome(seconds, output=dice.whole(0, 1, "returns", *place), **common)


def spend(
    happens: Outcome,
    seconds: float,
    wait: Callable[[timedelta], object],
    beaten: Callable[[], object],
    told: Callable[[bool], object],
) -> None:
    """Let these seconds pass; say what was done: a sign of life, and what it was told when it asked whether to stop.

    Raises Stopped.
    """
    beats = 0
    while happens.beats is not None and beats < happens.most_beats and happens.beats < seconds:
        wait(timedelta(seconds=happens.beats))
        seconds -= happens.beats
        beats += 1
        heartbeat(beats)
        beaten()
    if happens.obedient:
        wait(timedelta(seconds=seconds / 2))
        seconds /= 2
        unwanted = current().cancelled
        told(unwanted)
        if unwanted:
            raise Stopped
    wait(timedelta(seconds=seconds))


def write_in_block(happens: Outcome, effect: str) -> None:
    """The same, as a handler does it that asks for its transaction."""
    with suppress(Spoiled), transaction() as session:
        write(session, effect)
        if happens.spoils:
            raise Spoiled


def write(session: Any, effect: str) -> None:
    """The effect of an attempt, counted, in its transaction."""
    database = session.client
    database[EFFECTS].insert_one({"_id": effect}, session=session)
    database[COUNTER].update_one({"_id": "all"}, {"$inc": {"count": 1}}, session=session)
