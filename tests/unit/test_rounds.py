"""Whether a round is closing, and by what, as a table of what is known of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phaseline_runtime.definition import COMPENSATION, Action, OnFailure, Phase, Use
from phaseline_runtime.engine.rounds import Closing, closing, deciding_failure

AT = datetime(2026, 1, 1, tzinfo=UTC)
JOBS = (Use("a", "j"), Use("b", "j"), Use("c", "j"), Use("z", "j", on_failure=(OnFailure(Action.CONTINUE),)))
PLAIN = Phase("p", JOBS, deadline=60)
TWO = Phase("p", JOBS, wait_for_count=2)
LISTED = Phase("p", JOBS, wait_for_jobs=("a", "b"))


def job(status: str, second: int = 0, **more: Any) -> dict[str, Any]:
    return {"attempt": 1, "status": status, "at": AT + timedelta(seconds=second), **more}


def closed(phase: Phase, round_: dict[str, Any], jobs: dict[str, Any], **document: Any) -> Closing:
    whole = {"status": "running", "deadline": AT, "errors": {}, "round": {"jobs": jobs, **round_}, **document}
    return closing(phase, whole)


RETRY: dict[str, Any] = {"retry": {"attempt": 2, "at": AT}}


@pytest.mark.parametrize(
    ("phase", "jobs", "expected"),
    [
        (PLAIN, {}, Closing.OPEN),
        (PLAIN, {"a": job("success"), "b": job("started")}, Closing.OPEN),
        (PLAIN, {"a": job("failed")}, Closing.FAILING),
        (PLAIN, {"a": job("failed", **RETRY)}, Closing.OPEN),
        (PLAIN, {"z": job("failed")}, Closing.OPEN),
        (PLAIN, {"a": job("cancelled", reason="failing")}, Closing.FAILING),
        (PLAIN, {"a": job("skipped", reason="failing", attempt=0)}, Closing.OPEN),
        (PLAIN, {"a": job("skipped", reason="wait_for", attempt=0)}, Closing.OPEN),
        (TWO, {"a": job("success")}, Closing.OPEN),
        (TWO, {"a": job("success"), "z": job("failed")}, Closing.OPEN),
        (TWO, {"a": job("success", 1), "b": job("success", 3)}, Closing.MET),
        (TWO, {"a": job("success", 1), "b": job("success", 3), "c": job("failed", 2)}, Closing.FAILING),
        (TWO, {"a": job("success", 3), "b": job("success", 1), "c": job("failed", 3)}, Closing.FAILING),
        (TWO, {"a": job("success", 1), "b": job("success", 3), "c": job("failed", 4)}, Closing.MET),
        (TWO, {"a": job("success", 1), "b": job("success", 3), "c": job("failed", 4, **RETRY)}, Closing.MET),
        (TWO, {"a": job("success", 1), "b": job("success", 3), "z": job("failed", 2)}, Closing.MET),
        (
            TWO,
            {"a": job("success", 1), "b": job("success", 3), "z": job("success", 9), "c": job("failed", 4)},
            Closing.MET,
        ),
        (TWO, {"a": job("skipped", reason="wait_for"), "c": job("failed")}, Closing.MET),
        (TWO, {"a": job("skipped", reason="wait_for"), "b": job("skipped", reason="failing")}, Closing.FAILING),
        (LISTED, {"a": job("success")}, Closing.OPEN),
        (LISTED, {"a": job("success"), "c": job("success")}, Closing.OPEN),
        (LISTED, {"a": job("success"), "b": job("started")}, Closing.OPEN),
        (LISTED, {"a": job("success"), "b": job("skipped", reason="when")}, Closing.MET),
        (LISTED, {"a": job("success", 1), "b": job("success", 3), "c": job("failed", 2)}, Closing.FAILING),
        (LISTED, {"a": job("success", 1), "b": job("success", 3), "c": job("failed", 4)}, Closing.MET),
        (LISTED, {"a": job("failed", 1), "b": job("success", 1)}, Closing.FAILING),
    ],
)
def test_what_happened_first_closes_a_round(phase: Phase, jobs: dict[str, Any], expected: Closing) -> None:
    assert closed(phase, {}, jobs) is expected
    assert closed(phase, {}, jobs, cancel={"number": 0, "at": AT}) is Closing.CANCELLED
    assert closed(phase, {}, jobs, overdue={"number": 0, "at": AT}) is Closing.FAILING


def test_a_deadline_that_has_passed_is_a_failure_at_its_time() -> None:
    met = {"a": job("success", 1), "b": job("success", 3)}
    late = Phase("p", JOBS, wait_for_count=2, deadline=60)
    for second, expected in ((2, Closing.FAILING), (3, Closing.FAILING), (4, Closing.MET)):
        assert closed(late, {"overdue": AT + timedelta(seconds=second)}, met) is expected
    assert closed(late, {"overdue": AT}, {}) is Closing.FAILING
    anyway = Phase("p", JOBS, deadline=60, on_failure=(OnFailure(Action.CONTINUE),))
    assert closed(anyway, {"overdue": AT}, {}) is Closing.FAILING


def test_a_request_and_a_deadline_hold_for_one_life_of_the_execution() -> None:
    ended = {"end": {"round": 2, "status": "failed", "at": AT}}
    for field, expected in (("cancel", Closing.CANCELLED), ("overdue", Closing.FAILING)):
        for number, second in ((0, Closing.OPEN), (2, Closing.OPEN), (3, expected)):
            assert closed(PLAIN, {}, {}, **ended, **{field: {"number": number, "at": AT}}) is second


def test_nothing_closes_a_compensation() -> None:
    undoing = Phase(COMPENSATION, JOBS)
    asked = {"cancel": {"number": 0, "at": AT}, "overdue": {"number": 0, "at": AT}}
    assert closed(undoing, {}, {"a": job("failed")}, **asked) is Closing.OPEN


@pytest.mark.parametrize(
    ("of_the_phase", "of_the_job", "deciding"),
    [
        (Action.CONTINUE, Action.TO, Action.TO),
        (Action.CONTINUE, Action.FAIL, Action.FAIL),
        (Action.TO, Action.FAIL, Action.FAIL),
        (Action.FAIL, Action.TO, Action.FAIL),
    ],
)
def test_of_a_missed_deadline_and_a_job_the_graver_failure_decides(
    of_the_phase: Action, of_the_job: Action, deciding: Action
) -> None:
    phase = Phase("p", (Use("a", "j", on_failure=(OnFailure(of_the_job),)),), on_failure=(OnFailure(of_the_phase),))
    late = {"overdue": AT, "jobs": {"a": job("failed", error="Storm")}}
    document = {"status": "running", "errors": {"a": {"type": "Storm"}}, "round": late}
    found = deciding_failure(replace(phase, deadline=60), document)
    assert found.on_failure.action is deciding
    assert found.error.get("job") == (None if deciding is of_the_phase else "a")
