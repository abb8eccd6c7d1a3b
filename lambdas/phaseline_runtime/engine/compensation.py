"""Compensation: an execution that ends badly undoes what its jobs have done, in a round of its own (Garcia-Molina and
Salem, Sagas, 1987).

What is to be undone is decided once and recorded with the end of the round in which the execution failed. The round
runs backwards: what came later is undone before what it built on, and what was independent is undone side by side. A
compensation that fails does not keep the others from running.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from phaseline_runtime import slots
from phaseline_runtime.definition import COMPENSATION, Definition, Phase, Use
from phaseline_runtime.engine import rounds
from phaseline_runtime.engine.questions import Kind, Owner
from phaseline_runtime.engine.step import Step
from phaseline_runtime.statuses import Status

Document = Mapping[str, Any]
Done = Sequence[Sequence[Any]]
"""Successes as [round, name, attempt]."""

_PREFIX = "undo-"

MOST = 10_000
"""The most that one execution undoes: all of it is in the document of one round, which MongoDB lets have 16 MB."""


def ahead(step: Step, following: Document) -> Document | None:
    """What comes after the end of a round, with what has to be undone before; None while the answer is missing."""
    undo = _wanted(step, following)
    if not undo:
        return following if undo is not None else None
    if len(undo) <= MOST:
        return {**following, "compensate": undo}
    error = following.get("error") or {}
    told = f"nothing was undone: {len(undo):,} compensations are more than the {MOST:,} that an execution may have"
    message = f"{error['message']}; {told}" if "message" in error else told
    return {"end": "failed", "error": {**error, "message": message, "undone": [], "notUndone": _places(undo[:MOST])}}


def _wanted(step: Step, following: Document) -> list[dict[str, Any]] | None:
    """What has to be undone before the execution ends like this; None while the answer is missing."""
    if step.number == 0 or step.round["phase"] == COMPENSATION or not _asked_for(step.state, following):
        return []
    names = [use.name for use in step.definition.uses if use.compensate is not None]
    if not names:
        return []
    text = " ".join(names)
    answer = step.inquiry.ask(f"{step.number}/done", Kind.SUCCESSES, text, Owner.STATEMACHINE)
    return None if answer is None else plan(step.definition, answer.value)


def _asked_for(document: Document, following: Document) -> bool:
    end = following.get("end")
    if end == "cancelled":
        return bool(document["cancel"].get("compensate"))
    return end == "failed"


def plan(definition: Definition, done: Done) -> list[dict[str, Any]]:
    """The compensations for these successes, each with those that come before it, in an order in which they may run."""
    phases = {use.name: phase for phase in definition.phases for use in phase.jobs}
    by_round: dict[int, dict[str, int]] = {}
    for number, name, attempt in done:
        by_round.setdefault(int(number), {})[str(name)] = int(attempt)
    planned: list[dict[str, Any]] = []
    later: list[str] = []
    for number, of_round in sorted(by_round.items(), reverse=True):
        here = []
        for use in reversed(definition.uses):
            if use.name not in of_round:
                continue
            followers = phases[use.name].followers(use.name) & of_round.keys()
            after = sorted(_name(name, number) for name in followers)
            planned.append(
                {
                    "name": _name(use.name, number),
                    "undoes": use.name,
                    "round": number,
                    "attempt": of_round[use.name],
                    "after": after or later,
                }
            )
            here.append(_name(use.name, number))
        later = here
    return planned


def phase(definition: Definition, opened: Document) -> Phase:
    """The phase of an open round of compensation, with those alone of which something is to be decided.

    There may be thousands, of which a few run: what is over, and what has to wait, is passed over at little cost.
    """
    jobs = opened["jobs"]
    uses = []
    for item in opened["compensates"]:
        if item["name"] in jobs:
            passed = _over(jobs[item["name"]])
        else:
            passed = not all(_over(jobs.get(name)) for name in item["after"])
        if not passed:
            undone = slots.attempt_end("", item["round"], item["undoes"], item["attempt"]).removeprefix("/")
            uses.append(use(definition, item["name"], after=tuple(item["after"]), undoes=undone))
    return Phase(COMPENSATION, tuple(uses))


def _over(entry: Document | None) -> bool:
    """Whether a compensation has ended for good."""
    return not rounds.undecided(entry) and not (entry is not None and rounds.running(entry))


def use(definition: Definition, name: str, *, after: tuple[str, ...] = (), undoes: str | None = None) -> Use:
    """The compensation of this name, in its round where that says more. Raises KeyError where there is none."""
    undone = name.removeprefix(_PREFIX).rpartition("-")[0]
    found = next((use for use in definition.uses if use.name == undone), None)
    if found is None or found.compensate is None:
        raise KeyError(name)
    return replace(found.compensate, name=name, run_if="all_done", after=after, undoes=undoes)


def use_of(definition: Definition, status: Status) -> Use:
    """The use of a job that a status is about, be it of the file or a compensation. Raises KeyError where none is."""
    name = str(status.name)
    return use(definition, name) if status.phase == COMPENSATION else definition.use(str(status.phase), name)


def known_use(definition: Definition, status: Status) -> Use | None:
    """As `use_of`; None where the definition uses no such job under that name: somebody has made the status up."""
    try:
        found = use_of(definition, status)
    except KeyError:
        return None
    return found if found.job == status.job else None


def ending(opened: Document) -> dict[str, Any]:
    """How the execution ends after its compensations: `failed` where one has failed, with what was undone and not."""
    undone: list[Document] = []
    left: list[Document] = []
    for item in opened["compensates"]:
        (undone if opened["jobs"][item["name"]]["status"] == "success" else left).append(item)
    error = {**(opened["outcome"].get("error") or {}), "undone": _places(undone), "notUndone": _places(left)}
    return {"end": "failed" if left else opened["outcome"]["status"], "error": error}


def _places(items: Sequence[Document]) -> list[dict[str, Any]]:
    return [{"job": item["undoes"], "round": item["round"]} for item in items]


def all_ended(opened: Document) -> bool:
    """Whether each compensation of the round has ended for good."""
    return all(_over(opened["jobs"].get(item["name"])) for item in opened["compensates"])


def _name(undone: str, number: int) -> str:
    return f"{_PREFIX}{undone}-{number}"
