"""What compensation means, as the oracle reads it in docs/config.md: what is undone, in which order, how it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from phaseline_runtime.definition import Action, Definition, OnFailure, Phase, Use
from phaseline_runtime.statuses import Status

PHASE = "compensation"
Item = Mapping[str, Any]


def effects(definition: Definition, statuses: Iterable[Status]) -> set[tuple[str, int, int]]:
    """What there is to be undone: the successes of jobs that have a compensation, since the last one."""
    known = list(statuses)
    compensated = {use.name for phase in definition.phases for use in phase.jobs if use.compensate is not None}
    since = max((s.round for s in known if s.phase == PHASE), default=0)
    return {
        (str(s.name), s.round, s.attempt or 1)
        for s in known
        if s.kind == "job" and s.status == "success" and s.round > since and s.name in compensated
    }


def faults_of_plan(definition: Definition, items: Sequence[Item], expected: set[tuple[str, int, int]]) -> list[str]:
    """What is wrong with a plan: each effect is undone once, and comes after exactly what was built on it."""
    found = [(item["undoes"], item["round"], item["attempt"]) for item in items]
    faults = []
    if sorted(found) != sorted(expected):
        faults.append(f"it undoes {sorted(found)}, where {sorted(expected)} is to be undone")
    if any(item["name"] != f"undo-{item['undoes']}-{item['round']}" for item in items):
        faults.append("a compensation has a wrong name")
    for item in items:
        before = _before(items, item)
        built_on = {other["name"] for other in items if _was_built_on(definition, other, item)}
        if before != built_on:
            faults.append(f"{item['name']} runs after {sorted(before)}, and ought to run after {sorted(built_on)}")
    return faults


def _before(items: Sequence[Item], item: Item) -> set[str]:
    """All that runs before a compensation, directly or not."""
    by_name = {each["name"]: each for each in items}
    found: set[str] = set()
    left = list(item["after"])
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += by_name[name]["after"]
    return found


def _was_built_on(definition: Definition, later: Item, earlier: Item) -> bool:
    """Whether one effect came after another: in a later round, or behind it in the graph of the same phase."""
    if later["round"] != earlier["round"]:
        return bool(later["round"] > earlier["round"])
    return earlier["undoes"] in _upstream(definition, later["undoes"])


def _upstream(definition: Definition, name: str) -> set[str]:
    use = find(definition, name)
    return set(use.after).union(*(_upstream(definition, each) for each in use.after))


def find(definition: Definition, name: str) -> Use:
    """The use of a job of this name."""
    return next(use for phase in definition.phases for use in phase.jobs if use.name == name)


def phase_of(definition: Definition, started: Status) -> Phase:
    """A round of compensation as a phase: whatever becomes of one compensation, the others go on.

    What a redrive has carried over is undone: a corrected definition need not say how any more.
    """
    items = [item for item in started.compensates or () if item["name"] not in (started.carried or {})]
    return Phase(PHASE, tuple(_use(definition, item) for item in items))


def _use(definition: Definition, item: Item) -> Use:
    compensation = use_named(definition, item["name"])
    return replace(
        compensation, after=tuple(item["after"]), run_if="all_done", on_failure=(OnFailure(Action.CONTINUE),)
    )


def use_named(definition: Definition, name: str) -> Use:
    """The compensation of this name, but for its place in the round."""
    undone = name.removeprefix("undo-").rpartition("-")[0]
    compensation = find(definition, undone).compensate
    assert compensation is not None
    return replace(compensation, name=name)


def item_of(started: Status, name: str) -> Item:
    """What a compensation of this round undoes."""
    return next(item for item in started.compensates or () if item["name"] == name)


def given(started: Status, name: str, history: Mapping[str, Status]) -> dict[str, Any]:
    """What a compensation without an input of its own gets: the input and the output of what it undoes."""
    item = item_of(started, name)
    place = f"{started.execution}/{item['round']}/{item['undoes']}"
    return {
        "input": history[f"{place}/1/entry"].input,
        "output": history[f"{place}/{item['attempt']}/end"].output,
    }


def ending(started: Status, jobs: Mapping[str, Status]) -> tuple[str, Mapping[str, Any]]:
    """How an execution ends after a round of compensation, and the error that says what was undone and what was not."""
    places: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for item in started.compensates or ():
        places[jobs[item["name"]].status == "success"].append({"job": item["undoes"], "round": item["round"]})
    outcome = started.outcome or {}
    status = "failed" if places[False] else outcome["status"]
    return status, {**outcome.get("error", {}), "undone": places[True], "notUndone": places[False]}
