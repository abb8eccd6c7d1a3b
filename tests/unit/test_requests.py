"""What people ask of an execution: which status each request is, and what is refused, in which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.engine.requests import Request, cancel, check_corrected, pause, redrive, rerun, resume
from phaseline_runtime.errors import RequestRefused
from phaseline_runtime.statuses import Status

AT = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = Request(at=AT + timedelta(hours=1), by="ada", reason="fog")
OF_REQUEST = {"execution": "e", "stateMachine": "m", "at": REQUEST.at, "by": "ada", "reason": "fog"}
DEFINITION = Definition(
    "m",
    (
        Phase("p", (Use("a", "j"), Use("b", "j", ("a",)), Use("c", "j", ("b",)), Use("d", "j"))),
        Phase("q", (Use("x", "j"),), deadline=60),
    ),
    deadline=600,
)


def entry(status: str, **more: Any) -> dict[str, Any]:
    return {"attempt": 2, "slot": "end", "number": 0, "status": status, "at": AT, **more}


JOBS = {
    "a": entry("success"),
    "b": entry("failed", error="E"),
    "c": entry("skipped", reason="failing"),
    "d": entry("success"),
    "gone": entry("success"),
}


def execution(status: str, **more: Any) -> dict[str, Any]:
    """An execution in its third round, or past it."""
    end = {} if status in ("running", "paused") else {"end": {"round": 3, "status": status, "at": AT}}
    opened = {"number": 3, "phase": "p", "visit": 2, "jobs": JOBS}
    return {
        "_id": "e",
        "stateMachine": "m",
        "status": status,
        "input": {"boat": 1},
        "round": opened,
        "visits": {"p": 2},
        **end,
        **more,
    }


def document(status: Status | None) -> dict[str, Any] | None:
    return None if status is None else status.to_document()


def of_execution(slot: str, status: str, number: int, **more: Any) -> dict[str, Any]:
    return {**OF_REQUEST, "_id": slot, "kind": "execution", "status": status, "round": 3, "number": number, **more}


PAUSED = {"pause": {"number": 1, "at": AT}}
RESUMED = {"pause": {"number": 2, "at": AT}}
SECOND_LIFE = {"end": {"round": 2, "status": "failed", "at": AT}}


@pytest.mark.parametrize(
    ("ask", "of", "expected"),
    [
        (pause, execution("running"), of_execution("e/pause/1", "paused", 1)),
        (pause, execution("running", **RESUMED), of_execution("e/pause/3", "paused", 3)),
        (pause, execution("running", pause={"number": 4, "at": AT}), of_execution("e/pause/5", "paused", 5)),
        (pause, execution("paused", **PAUSED), None),
        (pause, execution("paused", pause={"number": 3, "at": AT}), None),
        (resume, execution("paused", pause={"number": 3, "at": AT}), of_execution("e/pause/4", "resumed", 4)),
        (resume, execution("paused", **PAUSED), of_execution("e/pause/2", "resumed", 2)),
        (resume, execution("running"), None),
        (resume, execution("running", **RESUMED), None),
        (cancel, execution("running"), of_execution("e/cancel/0", "cancel_requested", 0)),
        (cancel, execution("paused", **PAUSED), of_execution("e/cancel/0", "cancel_requested", 0)),
        (cancel, execution("running", cancel={"number": 0, "at": AT}), None),
        (cancel, execution("running", cancel={"number": 0, "at": AT}, round={"phase": "compensation"}), None),
        (
            cancel,
            execution("running", cancel={"number": 0, "at": AT}, **SECOND_LIFE),
            of_execution("e/cancel/3", "cancel_requested", 3),
        ),
    ],
)
def test_a_request_is_one_numbered_status_or_was_made_already(
    ask: Callable[[Mapping[str, Any], Request], Status | None], of: Mapping[str, Any], expected: Any
) -> None:
    assert document(ask(of, REQUEST)) == expected


def test_a_cancel_may_ask_to_undo() -> None:
    expected = of_execution("e/cancel/0", "cancel_requested", 0, compensate=True)
    assert document(cancel(execution("running"), REQUEST, compensate=True)) == expected


def test_two_who_cancel_with_undoing_ask_for_the_same() -> None:
    of = execution("running", cancel={"number": 0, "at": AT, "compensate": True})
    assert cancel(of, REQUEST, compensate=True) is None


def new_round(phase: str, visit: int, asked: str = "rerun", **more: Any) -> dict[str, Any]:
    return {
        **OF_REQUEST,
        "asked": asked,
        "_id": "e/4/start",
        "kind": "phase",
        "status": "started",
        "round": 4,
        "phase": phase,
        "visit": visit,
        "definition": "hash",
        "deadline": REQUEST.at + timedelta(seconds=600),
        "cause": "e/end/3",
        "input": {"boat": 1},
        **more,
    }


def carried(status: str, **more: Any) -> dict[str, Any]:
    return {"attempt": 0, "slot": "end", "number": 0, "status": status, "at": AT, **more}


def test_a_redrive_keeps_what_has_succeeded_and_is_still_in_the_phase() -> None:
    for status in ("failed", "cancelled"):
        found = redrive(execution(status), DEFINITION, "hash", REQUEST)
        kept = {"a": carried("success"), "d": carried("success")}
        assert document(found) == new_round("p", 3, "redrive", carried=kept)


def test_a_redrive_of_what_ended_before_its_first_round_begins_with_the_first_phase() -> None:
    of = execution("cancelled", round={"number": 0, "jobs": {}}, visits={}, end={"round": 0, "status": "cancelled"})
    found = redrive(of, replace(DEFINITION, deadline=None), "hash", REQUEST)
    expected = {**new_round("p", 1, "redrive"), "_id": "e/1/start", "round": 1, "cause": "e/end/0"}
    del expected["deadline"]
    assert document(found) == expected


@pytest.mark.parametrize(
    ("phase", "job", "jobs", "expected"),
    [
        ("p", None, JOBS, new_round("p", 3)),
        ("p", "a", JOBS, new_round("p", 3, carried={"d": carried("success")})),
        ("p", "b", JOBS, new_round("p", 3, carried={"a": carried("success"), "d": carried("success")})),
        (
            "p",
            "d",
            JOBS,
            new_round("p", 3, carried={"a": carried("success"), "c": carried("skipped", reason="failing")}),
        ),
        ("q", None, {}, new_round("q", 1, due=REQUEST.at + timedelta(seconds=60))),
    ],
)
def test_a_rerun_keeps_what_does_not_follow_from_its_job(phase: str, job: str | None, jobs: Any, expected: Any) -> None:
    for status in ("success", "failed", "cancelled"):
        found = rerun(execution(status), DEFINITION, "hash", REQUEST, phase=phase, job=job, jobs=jobs, given=[7])
        assert document(found) == {**expected, "input": [7]}


def again(of: Mapping[str, Any], phase: str = "p") -> Status:
    return rerun(of, DEFINITION, "hash", REQUEST, phase=phase, job=None, jobs={}, given=None)


def redriven(of: Mapping[str, Any]) -> Status:
    return redrive(of, DEFINITION, "hash", REQUEST)


UNDONE = {"name": "undo-a-1", "undoes": "a", "round": 1, "attempt": 1, "after": []}
LEFT = {"name": "undo-b-1", "undoes": "b", "round": 1, "attempt": 2, "after": ["undo-a-1"]}
COMPENSATED = {
    "round": {
        "number": 3,
        "phase": "compensation",
        "jobs": {"undo-a-1": entry("success")},
        "compensates": [UNDONE],
        "outcome": {"status": "cancelled"},
    }
}
HALF_COMPENSATED = {
    "round": {
        **COMPENSATED["round"],
        "compensates": [UNDONE, LEFT],
        "jobs": {"undo-a-1": entry("success"), "undo-b-1": entry("failed")},
    }
}
ENDED = "execution e has ended ({0}) and cannot be {1}; a failed or cancelled one can be redriven"


def test_a_redrive_undoes_the_rest_of_what_was_to_be_undone() -> None:
    found = redriven(execution("failed", **HALF_COMPENSATED))
    assert document(found) == new_round(
        "compensation",
        1,
        "redrive",
        carried={"undo-a-1": carried("success")},
        compensates=[UNDONE, LEFT],
        outcome={"status": "cancelled"},
    )


@pytest.mark.parametrize(
    ("ask", "refused"),
    [
        (lambda: pause(execution("failed"), REQUEST), ENDED.format("failed", "paused")),
        (lambda: resume(execution("success"), REQUEST), ENDED.format("success", "resumed")),
        (lambda: cancel(execution("cancelled"), REQUEST), ENDED.format("cancelled", "cancelled")),
        (
            lambda: cancel(execution("running", **COMPENSATED), REQUEST),
            "execution e has failed and is being compensated: let it end",
        ),
        (
            lambda: cancel(execution("running", cancel={"number": 0, "at": AT}), REQUEST, compensate=True),
            "execution e is being cancelled already, without compensation",
        ),
        (
            lambda: redriven(execution("success")),
            "execution e has succeeded: there is nothing to redrive; `rerun` runs a part of it again",
        ),
        (
            lambda: redriven(execution("running")),
            "execution e is running: only a failed or cancelled one can be redriven",
        ),
        (
            lambda: redriven(execution("failed", **COMPENSATED)),
            "execution e has been compensated: what it had done is undone, so start a new one, "
            "or `rerun` this one from its first phase",
        ),
        (
            lambda: redriven(execution("failed", round={"number": 3, "phase": "old", "jobs": {}})),
            "execution e would go on in phase 'old', which the definition does not have; it has: p, q",
        ),
        (lambda: again(execution("paused")), "execution e is paused: cancel it, or wait for its end"),
        (
            lambda: again(execution("failed"), "r"),
            "execution e would go on in phase 'r', which the definition does not have; it has: p, q",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_and_says_why(ask: Callable[[], Any], refused: str) -> None:
    with pytest.raises(RequestRefused) as raised:
        ask()
    assert str(raised.value) == refused


def corrected(**phases: str) -> Definition:
    """A definition with these names of jobs in its phases."""
    return Definition("m", tuple(Phase(name, tuple(Use(job, "j") for job in jobs)) for name, jobs in phases.items()))


BEFORE = corrected(o="xy", p="abc", q="z")
HAPPENED = {
    "latest": {"x": {"success": [1, 1]}, "a": {"success": [3, 1]}, "b": {"end": [3, 2]}},
    "round": {"number": 3, "phase": "p", "jobs": {"a": entry("success"), "b": entry("failed"), "c": entry("skipped")}},
}


@pytest.mark.parametrize(
    ("definition", "refused"),
    [
        (
            corrected(p="xabc"),
            "job x of execution e has succeeded, and would run once more in phase p: leave it in phase o",
        ),
        (corrected(p="bc", q="a"), "job a of execution e has succeeded, and would run once more in phase q"),
        (
            corrected(p="abc", o="xy", q="z"),
            "job x of execution e has succeeded, and would run once more in phase o: leave the phase before p, or",
        ),
        (corrected(o="xb", p="a"), "job b of execution e has failed, and would be passed over in phase o"),
        (
            replace(BEFORE, state_machine="n"),
            "execution e is one of state machine 'm': it cannot go on with a definition",
        ),
    ],
    ids=["an earlier success here", "a success later", "its phase later", "a failure before", "another machine"],
)
def test_a_correction_that_does_not_fit_what_has_happened_is_refused(definition: Definition, refused: str) -> None:
    with pytest.raises(RequestRefused) as raised:
        check_corrected(execution("failed", **HAPPENED), BEFORE, definition)
    assert str(raised.value).startswith(refused)


def undoing(*names: str) -> Definition:
    return Definition("m", (Phase("p", tuple(Use(name, "j", compensate=Use("", "undo")) for name in names)),))


def test_a_correction_keeps_what_undoes_what_is_still_to_be_undone() -> None:
    of = execution("failed", **HALF_COMPENSATED)
    check_corrected(of, BEFORE, undoing("b"))
    for without in (undoing("a"), corrected(p="abc")):
        with pytest.raises(RequestRefused) as raised:
            check_corrected(of, BEFORE, without)
        assert str(raised.value) == (
            "job b of execution e is still to be undone, and has no `compensate` in the definition: leave it there"
        )


def test_before_the_first_round_nothing_has_happened() -> None:
    none = {"latest": {}, "round": {"number": 0, "jobs": {}}}
    check_corrected(execution("cancelled", **none), BEFORE, corrected(other="abc"))


@pytest.mark.parametrize(
    "definition",
    [
        BEFORE,
        corrected(renamed="xy", p="abc"),
        corrected(o="xa", p="bcn"),
        corrected(p="a", q="bcz"),
        corrected(o="c", p="zy"),
        corrected(q="z", o="xy", p="abc"),
        corrected(p="abc", o="y", q="z"),
    ],
    ids=[
        "the same",
        "a phase before renamed",
        "a success before",
        "a failure later",
        "what has not run, anywhere",
        "a phase to come before",
        "a phase of which nothing has succeeded later",
    ],
)
def test_a_correction_may_move_what_changes_nothing_that_has_happened(definition: Definition) -> None:
    check_corrected(execution("failed", **HAPPENED), BEFORE, definition)
