"""The fold beyond what histories show: which statuses count, what is older, and what is not known yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phaseline_runtime import slots
from phaseline_runtime.definition import COMPENSATION, Definition, Phase, Use
from phaseline_runtime.engine.fold import changes, ends_round, fold, holds, new_execution, sets_result
from phaseline_runtime.engine.reconcile import Plan, reconcile
from phaseline_runtime.statuses import Status
from tests.support.world import folded

AT = datetime(2026, 1, 1, tzinfo=UTC)


def status(kind: str, status: str, **more: Any) -> Status:
    return Status(
        **{"id": "x", "execution": "e", "state_machine": "m", "at": AT, "round": 1, **more}, kind=kind, status=status
    )


def end(round_number: int, attempt: int, status_: str, **more: Any) -> Status:
    """The end of an attempt of job `a`."""
    place: dict[str, Any] = {"round": round_number, "attempt": attempt, "name": "a", "phase": "p", "slot": "end"}
    at = AT + timedelta(seconds=10 * round_number + attempt)
    return status("job", status_, id=slots.attempt_end("e", round_number, "a", attempt), **place | {"at": at} | more)


NEW = new_execution(status("execution", "started", round=0, definition="d", input=1, started_by="ada"))


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (status("phase", "success"), True),
        (status("phase", "failed"), True),
        (status("phase", "cancelled"), True),
        (status("phase", "success", round=0), False),
        (status("phase", "started"), False),
        (status("phase", "overdue"), False),
        (status("job", "success"), False),
        (status("execution", "success"), False),
    ],
)
def test_a_round_with_jobs_ends_by_the_end_of_its_phase(of: Status, expected: bool) -> None:
    assert ends_round(of) is expected


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (end(1, 1, "success"), True),
        (end(1, 1, "failed"), True),
        (end(1, 1, "failed", slot="entry"), True),
        (end(1, 1, "success", slot="late"), False),
        (end(1, 1, "success", phase=COMPENSATION), False),
        (end(1, 1, "cancelled"), False),
        (status("phase", "success", phase="p"), False),
    ],
)
def test_results_and_errors_are_set_by_the_ends_of_attempts_in_time(of: Status, expected: bool) -> None:
    assert sets_result(of) is expected


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (status("execution", "started"), False),
        (status("execution", "success"), True),
        (status("phase", "started"), True),
        (end(1, 1, "success", slot="late"), False),
        (end(1, 1, "success"), True),
        (end(1, 1, "success", slot="mine"), False),
        (end(1, 1, "success", slot=None), False),
        (status("phase", "overdue", phase="p"), True),
        (status("phase", "done", phase="p"), False),
        (status("phase", "paused", phase="p"), False),
        (status("execution", "paused", number=1), True),
        (status("execution", "done"), False),
        (status("execution", "waiting"), False),
    ],
)
def test_what_comes_late_or_has_made_the_document_or_is_unknown_changes_nothing(of: Status, expected: bool) -> None:
    assert changes(of) is expected
    if not expected:
        assert fold(NEW, [of]) == NEW
        assert holds(NEW, of)


@pytest.mark.parametrize(
    ("ends", "result", "error"),
    [
        ([end(1, 1, "failed", error={"type": "E", "message": "m", "traceback": "t"})], None, "E"),
        ([end(1, 1, "success", output=1)], 1, None),
        ([end(1, 1, "failed", error={"type": "E"}), end(1, 2, "success", output=2)], 2, None),
        ([end(1, 1, "success", output=1), end(2, 1, "failed", error={"type": "E"})], 1, "E"),
        ([end(1, 2, "success", output=1), end(2, 1, "success", output=2)], 2, None),
        ([end(1, 1, "success", output=1), end(2, 1, "failed", error={"type": "E"}), end(2, 2, "failed")], 1, None),
    ],
)
def test_of_results_and_errors_the_newest_counts_in_whatever_order_it_comes(
    ends: list[Status], result: Any, error: str | None
) -> None:
    for order in (ends, ends[::-1]):
        document = fold(NEW, [status("phase", "started", round=3, phase="p", visit=3)])
        for each in order:
            document = folded(document, each)
            assert holds(document, each)
        assert document["results"].get("a") == result
        assert document["errors"].get("a", {}).get("type") == error
        assert "traceback" not in document["errors"].get("a", {})


def test_a_fold_leaves_what_it_was_given_alone() -> None:
    known = fold(NEW, [end(1, 1, "success", output=1)])
    copy = fold(known, [])
    fold(known, [end(1, 2, "failed", error={"type": "E"}), status("phase", "started", phase="p", visit=1)])
    assert known == copy


@pytest.mark.parametrize("number", [1, 2])
def test_where_the_start_of_a_round_is_not_known_it_is_to_be_read_first(number: int) -> None:
    definition = Definition("m", (Phase("p", (Use("a", "j"),)),))
    document = fold(NEW, [end(number, 1, "success")])
    expected = Plan(state=document, read=slots.round_start("e", number))
    assert reconcile(definition, document, {}, AT) == expected
    known = fold(document, [status("phase", "started", round=number, phase="p", visit=1)])
    assert reconcile(definition, known, {}, AT).read is None
