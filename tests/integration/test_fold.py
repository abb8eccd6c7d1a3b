"""The fold as one atomic update equals the pure fold, whatever comes, in whatever order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from phaseline_runtime import slots
from phaseline_runtime.clock import now
from phaseline_runtime.engine.fold import fold, holds, new_execution
from phaseline_runtime.engine.wake import wake_at
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store

AT = now()
DATA = st.sampled_from([None, 1, "$input", {"$where": "x"}, {"a.b": {"$gt": 1}}, [1, {"c": [2]}], {}])


def started(execution: str) -> Status:
    return Status(
        id=slots.execution_started(execution),
        kind="execution",
        execution=execution,
        state_machine="m",
        status="started",
        definition="d",
        input={"age": 20},
        at=AT,
        deadline=AT + timedelta(seconds=100),
    )


# What can become of one attempt, as (slot, status); some of it may be missing when a fold happens.
ATTEMPTS = [
    [("entry", "skipped")],
    [("wait", "waiting"), ("entry", "triggered")],
    [("entry", "failed")],
    [("entry", "triggered"), ("start", "cancelled")],
    [("entry", "triggered"), ("start", "started"), ("end", "success")],
    [("entry", "triggered"), ("start", "started"), ("end", "failed")],
]


def of_job(draw: st.DrawFn, number: int, name: str, attempt: int) -> list[Status]:
    found = []
    for slot, status in draw(st.sampled_from(ATTEMPTS)):
        more: dict[str, Any] = {"skipped": {"reason": "when"}}.get(status, {})
        if status in ("triggered", "started", "waiting"):
            more = {"due": AT + timedelta(seconds=draw(st.integers(1, 500)))}
        elif status == "success":
            more = {"output": draw(DATA)}
        elif status == "failed":
            more = {"error": {"type": "E", "message": "$x", "traceback": "t"}}
        found.append(
            Status(
                id=f"e/{number}/{name}/{attempt}/{slot}",
                kind="job",
                execution="e",
                state_machine="m",
                status=status,
                at=AT + timedelta(seconds=number),
                round=number,
                phase=f"p{number % 2}",
                name=name,
                job="j",
                attempt=attempt,
                slot=slot,
                **more,
            )
        )
    return found


@st.composite
def statuses(draw: st.DrawFn) -> list[Status]:
    """Some of the statuses of a few rounds, names and attempts."""
    found: list[Status] = []
    for number in (1, 2, 3):
        here: dict[str, Any] = {"execution": "e", "state_machine": "m", "round": number, "at": AT}
        phase: dict[str, Any] = {"kind": "phase", "phase": f"p{number % 2}"}
        found.append(Status(id=slots.round_start("e", number), status="started", visit=number, **phase, **here))
        due = AT + timedelta(minutes=number)
        found.append(Status(id=slots.round_overdue("e", number), status="overdue", **phase, **here))
        found.append(Status(id=slots.round_wait("e", number), status="waiting", due=due, **phase, **here))
        found.append(Status(id=slots.round_end("e", number), status="success", next={"phase": "p1"}, **phase, **here))
        for kind, status in (("pause", "paused" if number % 2 else "resumed"), ("cancel", "cancel_requested")):
            asked: dict[str, Any] = {"kind": "execution", "status": status, "number": number}
            found.append(Status(id=f"e/{kind}/{number}", **asked, **here))
        late: dict[str, Any] = {"kind": "execution", "status": "overdue", "number": number}
        found.append(Status(id=slots.execution_overdue("e", number), **late, **here))
        error = {"type": "E", "message": "m"}
        found.append(
            Status(id=slots.execution_end("e", number), kind="execution", status="failed", error=error, **here)
        )
        for name in "ab":
            for attempt in (1, 2):
                found += of_job(draw, number, name, attempt)
    return draw(st.lists(st.sampled_from(found), min_size=1, max_size=16, unique_by=lambda status: status.id))


@settings(max_examples=150)
@given(statuses(), st.randoms(use_true_random=False))
def test_the_stored_fold_equals_the_pure_fold_in_any_order(store: Store, found: list[Status], random: Any) -> None:
    first = started("e")
    expected = fold(new_execution(first), found)
    shuffled = [*found, *found[:2]]
    random.shuffle(shuffled)
    assert fold(new_execution(first), shuffled) == expected
    store.executions.replace_one({"_id": "e"}, new_execution(first), upsert=True)
    half = len(shuffled) // 2
    # `derived`: these alone, in this order. None of them is in `statuses`, and rounds may lack their start.
    store.fold("e", shuffled[:half], derived=True)
    stored = store.fold("e", shuffled[half:], derived=True)
    for status in found:
        assert holds(expected, status)
        before = fold(new_execution(first), [other for other in found if other is not status])
        assert not holds(before, status) or fold(before, [status]) | {"lastAt": AT} == before | {"lastAt": AT}
    assert stored is not None
    assert stored.pop("wakeAt") == wake_at(expected)
    assert stored == expected
