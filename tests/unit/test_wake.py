"""When the watchdog should look at an execution, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phaseline_runtime.engine.wake import stands_still, wake_at, watched

AT = datetime(2026, 1, 1, tzinfo=UTC)


def after(seconds: int | None) -> datetime | None:
    return None if seconds is None else AT + timedelta(seconds=seconds)


def job(status: str, due: int | None = None) -> dict[str, Any]:
    return {"status": status, **({} if due is None else {"due": after(due)})}


def execution(*jobs: dict[str, Any], status: str = "running", deadline: int | None = None, **more: Any) -> Any:
    """An execution that was last heard of at second 0; `round_` is what its open round has besides its jobs."""
    opened = {"jobs": {str(index): each for index, each in enumerate(jobs)}, **more.pop("round_", {})}
    return {"status": status, "lastAt": AT, "endedAt": None, "round": opened, "deadline": after(deadline), **more}


MISSED: dict[str, Any] = {"overdue": {"number": 0, "at": AT}}
CANCELLED: dict[str, Any] = {"cancel": {"number": 0, "at": AT}}


@pytest.mark.parametrize(
    ("document", "seconds"),
    [
        # Nothing is pending: it goes on by itself, or has lost something.
        (execution(), 30),
        (execution(job("success")), 30),
        (execution(endedAt=AT), 30),
        (execution(job("started", 90), endedAt=AT, deadline=10), 30),
        (execution(deadline=10), 30),
        # Something is: the first of it.
        (execution(job("started", 90), job("triggered", 60), job("success")), 60),
        (execution(job("started", 90), job("failed", 100)), 90),
        (execution(job("started", 90), deadline=80), 80),
        (execution(job("started", 90), deadline=80, **MISSED), 90),
        (execution(job("started", 90), round_={"due": after(70)}), 70),
        (execution(job("started", 90), round_={"due": after(70), "overdue": AT}), 90),
        (execution(job("started", 90), round_={"due": after(70), "end": {}}), 90),
        # A round that waits.
        (execution(round_={"waiting": after(300)}), 300),
        (execution(job("started", 90), round_={"waiting": after(50)}), 90),
        # A pause stops all but what runs and deadlines.
        (execution(job("triggered", 60), job("started", 90), status="paused"), 90),
        (execution(job("triggered", 60), status="paused"), None),
        (execution(status="paused", round_={"waiting": after(300)}), None),
        (execution(job("triggered", 60), status="paused", deadline=500), 500),
        (execution(job("triggered", 60), status="paused", **CANCELLED), 60),
        (execution(status="paused", **MISSED), 30),
    ],
)
def test_wake_at(document: Any, seconds: int | None) -> None:
    assert wake_at(document) == after(seconds)
    assert watched(document) == {"settled": False, "wakeAt": after(seconds)}


@pytest.mark.parametrize(
    ("document", "seconds", "lost"),
    [
        (execution(), 29, False),
        (execution(), 30, True),
        (execution(deadline=10), 30, True),
        (execution(endedAt=AT), 30, True),
        (execution(endedAt=AT), 29, False),
        # What is pending is due, whenever that is.
        (execution(job("triggered", 30)), 30, False),
        (execution(job("triggered", 30)), 90, False),
        (execution(round_={"waiting": after(30)}), 31, False),
        (execution(status="paused"), 3600, False),
        (execution(job("triggered", 30), status="paused"), 3600, False),
        (execution(status="paused", **CANCELLED), 30, True),
    ],
)
def test_an_execution_in_which_nothing_is_pending_stands_still_after_half_a_minute(
    document: Any, seconds: int, lost: bool
) -> None:
    time = after(seconds)
    assert time is not None
    assert stands_still(document, time) is lost
