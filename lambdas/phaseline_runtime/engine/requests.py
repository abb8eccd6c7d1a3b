"""What people ask of an execution: the one status that each request is. Pure.

Each is numbered so that two people who ask for the same thing at once get one of it. A request that makes no sense in
the execution's state raises RequestRefused, which says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from phaseline_runtime import slots
from phaseline_runtime.definition import COMPENSATION, Definition, Phase
from phaseline_runtime.engine import rounds
from phaseline_runtime.engine.questions import ExpressionFailed, Inquiry
from phaseline_runtime.engine.transitions import choose_first
from phaseline_runtime.errors import RequestRefused
from phaseline_runtime.statuses import ENDED, Status

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who asks, why, and when."""

    at: datetime
    by: str | None = None
    reason: str | None = None


def cancel(document: Document, request: Request, *, compensate: bool = False) -> Status | None:
    """Nothing more starts, and the execution ends as cancelled once what runs has ended. None: asked for already.

    With `compensate`, what it has done is undone before.
    """
    _must_be_open(document, "cancelled")
    if rounds.cancelled(document):
        if compensate and not document["cancel"].get("compensate"):
            raise RequestRefused(f"execution {document['_id']} is being cancelled already, without compensation")
        return None
    if document["round"].get("phase") == COMPENSATION:
        raise RequestRefused(f"execution {document['_id']} has failed and is being compensated: let it end")
    life = rounds.life(document)
    slot = slots.cancel_requested(document["_id"], life)
    status = _of_execution(document, slot, "cancel_requested", life, request)
    return replace(status, compensate=True) if compensate else status


def pause(document: Document, request: Request) -> Status | None:
    """Nothing more is triggered until a resume. None: it is paused already."""
    _must_be_open(document, "paused")
    number = document.get("pause", {}).get("number", 0)
    if number % 2 == 1:
        return None
    return _of_execution(document, slots.pause(document["_id"], number + 1), "paused", number + 1, request)


def resume(document: Document, request: Request) -> Status | None:
    """Go on after a pause. None: it is not paused."""
    _must_be_open(document, "resumed")
    number = document.get("pause", {}).get("number", 0)
    if number % 2 == 0:
        return None
    return _of_execution(document, slots.pause(document["_id"], number + 1), "resumed", number + 1, request)


def check_corrected(document: Document, before: Definition, corrected: Definition) -> None:
    """Raise RequestRefused where what has happened already does not fit into a corrected definition.

    Jobs and phases may come, go and change places, but what has succeeded is not moved to where it would run once more,
    and what has failed not to where the execution comes no more.
    """
    if corrected.state_machine != document["stateMachine"]:
        raise RequestRefused(
            f"execution {document['_id']} is one of state machine {document['stateMachine']!r}: "
            f"it cannot go on with a definition of {corrected.state_machine!r}"
        )
    here = document["round"].get("phase")
    if here is None:
        return  # It has ended before its first round.
    if here == COMPENSATION:
        _check_undoing(document, corrected)
        return
    places = {use.name: phase.name for phase in before.phases for use in phase.jobs}
    over, behind = _until(before, here), _until(corrected, here)
    for phase in corrected.phases:
        for use in phase.jobs:
            place = places.get(use.name)
            if phase.name == place and (place in over) == (place in behind):
                continue
            done = "success" in document["latest"].get(use.name, {}) and place in over
            failed = document["round"]["jobs"].get(use.name, {}).get("status") == "failed"
            to_come = phase.name == here or phase.name not in behind
            if (done and to_come) or (failed and not to_come):
                what = "has succeeded, and would run once more" if done else "has failed, and would be passed over"
                stay = f"the phase before {here}" if phase.name == place else f"it in phase {place}"
                raise RequestRefused(
                    f"job {use.name} of execution {document['_id']} {what} in phase {phase.name}: "
                    f"leave {stay}, or give it another name"
                )


def _check_undoing(document: Document, corrected: Definition) -> None:
    known = {use.name for phase in corrected.phases for use in phase.jobs if use.compensate is not None}
    missing = [item["undoes"] for item in _left(document["round"]) if item["undoes"] not in known]
    if missing:
        raise RequestRefused(
            f"job {missing[0]} of execution {document['_id']} is still to be undone, and has no `compensate` in the "
            "definition: leave it there"
        )


def _left(opened: Document) -> list[Document]:
    """What a round of compensation that is over has not undone."""
    return [item for item in opened["compensates"] if opened["jobs"][item["name"]]["status"] != "success"]


def _until(definition: Definition, name: str) -> set[str]:
    """This phase and those before it."""
    names = [phase.name for phase in definition.phases]
    return {*names[: names.index(name) + 1]}


def redrive(
    document: Document, definition: Definition, digest: str, request: Request, *, first: str | None = None
) -> Status:
    """Go on from what failed, with what has succeeded kept: a new round of the phase in which the execution ended.

    Where that was its compensation, what is undone stays so, and the rest is undone once more.

    Args:
        document: An execution that has failed or was cancelled.
        definition: What it follows from now on.
        digest: The definition's hash.
        request: Who asks.
        first: The phase that was chosen anew (`choose_anew`), where it has ended before its first round.
    """
    status = document["status"]
    if status == "success":
        raise RequestRefused(
            f"execution {document['_id']} has succeeded: there is nothing to redrive; `rerun` runs a part of it again"
        )
    if status not in ENDED:
        raise RequestRefused(f"execution {document['_id']} is {status}: only a failed or cancelled one can be redriven")
    if document["round"].get("phase") == COMPENSATION:
        return _undo_the_rest(document, definition, digest, request)
    name = document["round"].get("phase") or first or definition.phases[0].name
    phase = _phase(definition, name, document)
    jobs = document["round"]["jobs"]
    kept = {use.name for use in phase.jobs if jobs.get(use.name, {}).get("status") == "success"}
    given = document["input"]
    return _new_round(document, definition, digest, phase, _carried(jobs, kept), request, given, "redrive")


def _undo_the_rest(document: Document, definition: Definition, digest: str, request: Request) -> Status:
    opened = document["round"]
    left = {item["name"] for item in _left(opened)}
    if not left:
        raise RequestRefused(
            f"execution {document['_id']} has been compensated: what it had done is undone, so start a new one, "
            "or `rerun` this one from its first phase"
        )
    carried = _carried(opened["jobs"], opened["jobs"].keys() - left)
    phase = Phase(COMPENSATION, ())
    status = _new_round(document, definition, digest, phase, carried, request, document["input"], "redrive")
    return replace(status, compensates=opened["compensates"], outcome=opened["outcome"])


def chooses_anew(document: Document) -> bool:
    """Whether a redrive has to choose the first phase: the execution has ended before its first round."""
    return document["status"] in ("failed", "cancelled") and document["round"]["number"] == 0


def choose_anew(document: Document, definition: Definition, inquiry: Inquiry) -> str | None:
    """The first phase whose `when` holds. None while answers are missing."""
    try:
        choice = choose_first(definition, inquiry)
    except ExpressionFailed as failure:
        raise RequestRefused(f"execution {document['_id']} has to choose its first phase anew: {failure}") from failure
    if choice is None:
        return None
    if choice.ends:
        raise RequestRefused(
            f"execution {document['_id']} has ended before its first round, and the `when` of no phase holds: "
            "there is nothing to redrive"
        )
    return str(choice.next["phase"])


def rerun(
    document: Document,
    definition: Definition,
    digest: str,
    request: Request,
    *,
    phase: str,
    job: str | None,
    jobs: Mapping[str, Document],
    given: Any,
) -> Status:
    """Run an ended execution again from a phase on, or from a job of it with the outcome of the others kept.

    Args:
        document: An execution that has ended.
        definition: What it follows from now on.
        digest: The definition's hash.
        request: Who asks.
        phase: The phase to visit.
        job: The first job to run again; None runs them all.
        jobs: The jobs of the newest round of that phase.
        given: The execution's input from now on.
    """
    if document["status"] not in ENDED:
        raise RequestRefused(f"execution {document['_id']} is {document['status']}: cancel it, or wait for its end")
    found = _phase(definition, phase, document)
    again = {use.name for use in found.jobs} if job is None else {job, *found.followers(job)}
    kept = {
        name
        for name, entry in jobs.items()
        if name not in again and entry["status"] in ("success", "skipped") and _has(found, name)
    }
    return _new_round(document, definition, digest, found, _carried(jobs, kept), request, given, "rerun")


def _must_be_open(document: Document, wanted: str) -> None:
    if document["status"] in ENDED:
        raise RequestRefused(
            f"execution {document['_id']} has ended ({document['status']}) and cannot be {wanted}; "
            "a failed or cancelled one can be redriven"
        )


def _of_execution(document: Document, slot: str, status: str, number: int, request: Request) -> Status:
    return Status(
        id=slot,
        kind="execution",
        execution=document["_id"],
        state_machine=document["stateMachine"],
        status=status,
        at=request.at,
        round=document["round"]["number"],
        number=number,
        by=request.by,
        reason=request.reason,
    )


def _phase(definition: Definition, name: str, document: Document) -> Phase:
    try:
        return definition.phase(name)
    except KeyError:
        known = ", ".join(phase.name for phase in definition.phases)
        raise RequestRefused(
            f"execution {document['_id']} would go on in phase {name!r}, which the definition does not have; "
            f"it has: {known}"
        ) from None


def _has(phase: Phase, name: str) -> bool:
    return any(use.name == name for use in phase.jobs)


def _carried(jobs: Mapping[str, Document], names: set[str]) -> dict[str, Document]:
    """What a new round knows of jobs that it does not run. Attempt 0 is older than any of its own."""
    return {
        name: {
            "attempt": 0,
            "slot": "end",
            "number": 0,
            "status": entry["status"],
            "at": entry["at"],
            **({"reason": entry["reason"]} if "reason" in entry else {}),
        }
        for name, entry in jobs.items()
        if name in names
    }


def _new_round(
    document: Document,
    definition: Definition,
    digest: str,
    phase: Phase,
    carried: Mapping[str, Document],
    request: Request,
    given: Any,
    asked: str,
) -> Status:
    execution, number = document["_id"], document["round"]["number"] + 1
    return Status(
        id=slots.round_start(execution, number),
        kind="phase",
        execution=execution,
        state_machine=document["stateMachine"],
        status="started",
        at=request.at,
        round=number,
        phase=phase.name,
        visit=document["visits"].get(phase.name, 0) + 1,
        carried=carried or None,
        definition=digest,
        input=given,
        due=None if phase.deadline is None else request.at + timedelta(seconds=phase.deadline),
        deadline=None if definition.deadline is None else request.at + timedelta(seconds=definition.deadline),
        by=request.by,
        asked=asked,
        reason=request.reason,
        cause=slots.execution_end(execution, document["end"]["round"]),
    )
