"""Random definitions: everything that the config can say of phases, jobs and time, small enough to be read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from phaseline_runtime.definition import END, Action, Definition, OnFailure, Phase, Retry, Transition, Use
from phaseline_runtime.engine.rules import RULES
from tests.simulation.dice import Dice

ERRORS = ("Storm", "NoBoat", "Phaseline.Timeout", "Phaseline.Crashed", "Phaseline.NotStarted")
VISITS = 3
"""How often a phase is visited at most by going back to it."""


def make(dice: Dice, without: frozenset[str] = frozenset()) -> Definition:
    """The definition of this seed; jobs in `without` are left out of it, and phases that lose all their jobs."""
    names = [f"p{index}" for index in range(dice.pick((1, 2, 2, 3, 3), "phases"))]
    made = [_phase(dice, name, names) for name in names]
    kept = [_reduced(phase, without) for phase in made if any(use.name not in without for use in phase.jobs)]
    left = {phase.name for phase in kept}
    deadline = dice.between(20, 1200, "deadline") if dice.chance(0.1, "has deadline") else None
    return Definition("machine", tuple(_led(phase, left) for phase in kept), deadline=_cut(deadline))


def jobs(definition: Definition) -> list[str]:
    """The names of all jobs."""
    return [use.name for phase in definition.phases for use in phase.jobs]


def _cut(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _phase(dice: Dice, name: str, names: list[str]) -> Phase:
    uses = tuple(_use(dice, name, index, names) for index in range(dice.whole(1, 4, name, "jobs")))
    listed: list[str] = []
    count = None
    if dice.chance(0.15, "leaves behind") and len(uses) > 1:
        count = 1
    elif dice.chance(0.3, name, "wait_for"):
        if dice.chance(0.5, name, "list or count"):
            listed = dice.some([use.name for use in uses], 0.5, name, "wait_for list")
        else:
            count = dice.whole(1, len(uses), name, "wait_for count")
    deadline = dice.between(10, 600, name, "deadline") if dice.chance(0.1, name, "has deadline") else None
    return Phase(
        name,
        uses,
        when=_phase_condition(dice, name, names),
        next=_next(dice, name, names),
        wait_for_jobs=tuple(listed),
        wait_for_count=count,
        on_failure=_on_failure(dice, f"{name} round", names, name),
        deadline=_cut(deadline),
    )


def _phase_condition(dice: Dice, name: str, names: list[str]) -> str | None:
    # What may be gone back to is limited by its visits; the rest has a condition now and then.
    if dice.chance(0.5, name, "limited"):
        return json.dumps({"fewer": [name, VISITS]})
    return _condition(dice, f"{name} when", names) if dice.chance(0.15, name, "when") else None


def _backwards(dice: Dice, name: str, names: list[str]) -> list[str]:
    """Where a phase may go back to: all from there to here are limited by their visits, or it would never end."""
    found: list[str] = []
    for item in reversed(names[: names.index(name) + 1]):
        if not dice.chance(0.5, item, "limited"):
            break
        found.append(item)
    return found


def _forwards(name: str, names: list[str]) -> list[str]:
    return [*names[names.index(name) + 1 :], END]


def _next(dice: Dice, name: str, names: list[str]) -> tuple[Transition, ...]:
    if dice.chance(0.5, name, "no next"):
        return ()
    back = _backwards(dice, name, names)
    found = []
    if back and dice.chance(0.5, name, "back"):
        to = dice.pick(back, name, "back to")
        found.append(Transition(to, json.dumps({"fewer": [to, dice.whole(2, VISITS, name, "back until")]})))
    if dice.chance(0.4, name, "forwards"):
        to = dice.pick(_forwards(name, names), name, "forwards to")
        condition = _condition(dice, f"{name} next", names) if dice.chance(0.6, name, "next when") else None
        found.append(Transition(to, condition))
    return tuple(found)


def _use(dice: Dice, phase: str, index: int, names: list[str]) -> Use:
    name = f"{phase}{'abcd'[index]}"
    before = [f"{phase}{letter}" for letter in "abcd"[:index]]
    after = dice.some(before, 0.5, name, "after")
    read = after or [name]
    if dice.chance(0.03, name, "race"):
        read = [f"{item}a" for item in names]  # The validator warns of it; the engine must stand it.
    return Use(
        name,
        dice.pick(("j", "k"), name, "job"),
        tuple(after),
        run_if=dice.pick(RULES, name, "rule") if after and dice.chance(0.6, name, "has rule") else "all_success",
        when=_condition(dice, f"{name} when", names, read) if dice.chance(0.2, name, "when") else None,
        input=_input(dice, name, read),
        on_failure=_on_failure(dice, name, names, phase),
        retry=_policies(dice, name),
        timeout=round(dice.between(5, 60, name, "timeout") if dice.chance(0.8, name, "short") else 900, 1),
        start_timeout=dice.pick((45.0, 300.0, 900.0), name, "start timeout"),
    )


def _condition(dice: Dice, name: str, names: list[str], read: list[str] | None = None) -> str:
    job = dice.pick(read or [f"{item}a" for item in names], name, "reads")
    kinds: tuple[dict[str, Any], ...] = (
        {"const": True},
        {"const": False},
        {"result": [job, 1]},
        {"errors": job},
        {"fewer": [dice.pick(names, name, "phase"), 2]},
    )
    return json.dumps({"raises": "boom"} if dice.chance(0.03, name, "raises") else dice.pick(kinds, name, "kind"))


def _input(dice: Dice, name: str, read: list[str]) -> str | None:
    if dice.chance(0.7, name, "no input"):
        return None
    if dice.chance(0.05, name, "input raises"):
        return json.dumps({"raises": "no such path"})
    return json.dumps({"of": dice.pick(read, name, "input of")})


def _on_failure(dice: Dice, name: str, names: list[str], phase: str) -> tuple[OnFailure, ...]:
    found = []
    targets = [item for item in _backwards(dice, phase, names) + _forwards(phase, names) if item != END]
    for index in range(dice.pick((0, 1, 1, 1, 2), name, "handlers")):
        action = dice.pick((Action.FAIL, Action.CONTINUE, Action.CONTINUE, Action.TO), name, "action", index)
        to = dice.pick(targets, name, "to", index) if action is Action.TO and targets else None
        action = Action.FAIL if action is Action.TO and to is None else action
        some = dice.some(ERRORS, 0.5, name, "errors", index)
        found.append(OnFailure(action, to, tuple(some)) if some and index == 0 else OnFailure(action, to))
    return tuple(found)


def _policies(dice: Dice, name: str) -> tuple[Retry, ...]:
    found = []
    for index in range(dice.pick((0, 0, 1, 2), name, "policies")):
        some = dice.some(ERRORS, 0.5, name, "retried", index)
        found.append(
            Retry(
                errors=tuple(some) if some and index == 0 else Retry().errors,
                never=tuple(dice.some(ERRORS, 0.15, name, "never", index)),
                max_attempts=dice.whole(0, 3, name, "most", index),
                interval=round(dice.between(0, 20, name, "interval", index), 1),
                backoff_rate=dice.pick((1.0, 2.0, 3.0), name, "rate", index),
                max_delay=dice.pick((None, 15.0), name, "longest", index),
                jitter=dice.chance(0.3, name, "jitter", index),
            )
        )
    return tuple(found)


def _reduced(phase: Phase, without: frozenset[str]) -> Phase:
    if not without:
        return phase
    uses = tuple(
        replace(use, after=tuple(name for name in use.after if name not in without))
        for use in phase.jobs
        if use.name not in without
    )
    listed = tuple(name for name in phase.wait_for_jobs if name not in without)
    count = None if phase.wait_for_count is None else min(phase.wait_for_count, len(uses))
    return replace(phase, jobs=uses, wait_for_jobs=listed, wait_for_count=count)


def _led(phase: Phase, left: set[str]) -> Phase:
    """Without what leads to a phase that was left out."""

    def stays(to: str | None) -> bool:
        return to is None or to == END or to in left

    uses = tuple(
        replace(use, on_failure=tuple(item for item in use.on_failure if stays(item.to))) for use in phase.jobs
    )
    return replace(
        phase,
        jobs=uses,
        next=tuple(item for item in phase.next if stays(item.to)),
        on_failure=tuple(item for item in phase.on_failure if stays(item.to)),
    )
