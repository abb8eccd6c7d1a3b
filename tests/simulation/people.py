"""What people ask of an execution, at any moment and two of them at once, by the product's own operations."""

from __future__ import annotations

from dataclasses import dataclass, replace

from phaseline_runtime import operations
from phaseline_runtime.definition import Definition
from phaseline_runtime.store.store import Store
from tests.simulation.dice import Dice

OTHER_INPUT = {"n": 2}
"""What a rerun replaces the input by."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    `start` is where a rerun begins; `changed` says that a cancel compensates, a redrive comes with a corrected
    definition, or a rerun with another input. What is `sure` is asked until it is done, and left out of no history.
    """

    what: str
    start: str | None = None
    changed: bool = False
    sure: bool = False

    @property
    def corrects(self) -> bool:
        """Whether it comes with a corrected definition."""
        return self.what == "redrive" and self.changed

    def __str__(self) -> str:
        return " ".join([self.what, *([self.start] if self.start else []), *(["changed"] if self.changed else [])])


Asked = list[tuple[float, Request]]


def requests(dice: Dice, definition: Definition) -> Asked:
    """What is asked in this seed, and when, in seconds after the start of the execution."""
    found: Asked = []
    if dice.chance(0.2, "cancelled"):
        found.append((_when(dice, "cancel"), Request("cancel", changed=dice.chance(0.7, "compensated"))))
    if dice.chance(0.25, "paused"):
        for index in range(dice.whole(1, 2, "pauses")):
            begin = _when(dice, "pause", index)
            found += [
                (begin, Request("pause")),
                (begin + dice.between(0.1, 900, "paused for", index), Request("resume")),
            ]
    if dice.chance(0.25, "redriven"):
        for index in range(dice.whole(1, 2, "redrives")):
            corrected = Request("redrive", changed=dice.chance(0.4, "corrected", index))
            found.append((_when(dice, "redrive", index) * 3, corrected))
    if dice.chance(0.15, "rerun"):
        found += [_rerun(dice, definition, index) for index in range(dice.whole(1, 2, "reruns"))]
    if found and dice.chance(0.1, "all at once"):
        found = [(found[0][0], request) for _, request in found]
    if any(request.what == "pause" for _, request in found):
        found.append((4000.0, Request("resume", sure=True)))  # Nothing ends while nobody resumes it.
    # Two people who do the same at the same time, or not quite the same.
    return [again for index, each in enumerate(found) for again in _people(dice, index, each)]


def ask(store: Store, execution: str, request: Request, corrected: Definition) -> None:
    """Do what a person asks. Raises UserError where it is refused."""
    match request.what:
        case "cancel":
            operations.cancel(store, execution, compensate=request.changed)
        case "pause":
            operations.pause(store, execution)
        case "resume":
            operations.resume(store, execution)
        case "redrive":
            operations.redrive(store, execution, definition=corrected if request.corrects else None)
        case "rerun":
            given = OTHER_INPUT if request.changed else None
            operations.rerun(store, execution, str(request.start), given=given)


def _rerun(dice: Dice, definition: Definition, index: int) -> tuple[float, Request]:
    names = [name for phase in definition.phases for name in (phase.name, *(use.name for use in phase.jobs))]
    request = Request("rerun", dice.pick(names, "rerun", index), dice.chance(0.4, "other input", index))
    return _when(dice, "rerun", index) * 4, request


def _people(dice: Dice, index: int, asked: tuple[float, Request]) -> Asked:
    count = dice.pick((1, 1, 1, 2), "people", index)
    at, request = asked
    other = replace(request, changed=not request.changed) if dice.chance(0.3, "not quite", index) else request
    return [asked, (at, other)][:count]


def _when(dice: Dice, *name: object) -> float:
    return dice.between(0, dice.pick((2.0, 20.0, 200.0), "about when", *name), "when", *name)
