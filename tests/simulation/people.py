"""What people ask of an execution, at any moment: cancel, pause and resume, redrive, by the product's own operations.

Rerun belongs here too, once the oracle knows what it carries over.
"""

from __future__ import annotations

from collections.abc import Callable

from phaseline_runtime import operations
from phaseline_runtime.errors import RequestRefused
from phaseline_runtime.store.store import Store
from tests.simulation.dice import Dice

REQUESTS: dict[str, Callable[[Store, str], object]] = {
    "cancel": operations.cancel,
    "pause": operations.pause,
    "resume": operations.resume,
    "redrive": operations.redrive,
}


def requests(dice: Dice) -> list[tuple[float, str]]:
    """What is asked in this seed, and when, in seconds after the start of the execution."""
    found: list[tuple[float, str]] = []
    if dice.chance(0.2, "cancelled"):
        found.append((_when(dice, "cancel"), "cancel"))
    if dice.chance(0.25, "paused"):
        for index in range(dice.whole(1, 2, "pauses")):
            begin = _when(dice, "pause", index)
            found += [(begin, "pause"), (begin + dice.between(0.1, 900, "paused for", index), "resume")]
        found.append((4000.0, "resume"))
    if dice.chance(0.2, "redriven"):
        found += [(_when(dice, "redrive", index) * 3, "redrive") for index in range(dice.whole(1, 2, "redrives"))]
    # Two people who do the same at the same time.
    return [again for index, each in enumerate(found) for again in [each] * dice.pick((1, 1, 1, 2), "people", index)]


def ask(store: Store, execution: str, request: str) -> None:
    """Do what a person asks; a refusal changes nothing."""
    try:
        REQUESTS[request](store, execution)
    except RequestRefused:
        return


def _when(dice: Dice, *name: object) -> float:
    return dice.between(0, dice.pick((2.0, 20.0, 200.0), "about when", *name), "when", *name)
