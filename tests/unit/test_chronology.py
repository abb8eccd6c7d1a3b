"""The order in which statuses are told: a cause first, whatever the clocks say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from phaseline_runtime.chronology import in_causal_order
from phaseline_runtime.statuses import Status

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def status(id: str, milliseconds: int, cause: str | None = None, kind: str = "job", word: str = "success") -> Status:
    at = T0 + timedelta(milliseconds=milliseconds)
    return Status(id=id, kind=kind, execution="e", state_machine="m", status=word, at=at, cause=cause)


def ids(statuses: list[Status]) -> list[str]:
    return [each.id for each in statuses]


def test_by_time_where_nothing_derives_from_another() -> None:
    assert ids(in_causal_order([status("c", 3), status("a", 1), status("b", 2)])) == ["a", "b", "c"]


def test_an_effect_with_an_earlier_time_stands_right_behind_its_cause() -> None:
    found = [status("cause", 10), status("effect", 7, "cause"), status("before", 8), status("after", 11)]
    assert ids(in_causal_order(found)) == ["before", "cause", "effect", "after"]


def test_a_chain_whose_clocks_run_backwards_keeps_its_order() -> None:
    chain = [status(str(number), 100 - number, None if number == 0 else str(number - 1)) for number in range(50)]
    assert ids(in_causal_order(reversed(chain))) == [str(number) for number in range(50)]


def test_a_cause_that_is_not_there_delays_nothing() -> None:
    assert ids(in_causal_order([status("a", 2, "gone"), status("b", 1)])) == ["b", "a"]


def test_in_one_millisecond_the_parts_of_a_round_have_their_order() -> None:
    found = [
        status("6", 0, kind="execution"),
        status("5", 0, kind="phase"),
        status("3", 0),
        status("2", 0, kind="phase", word="started"),
        status("1", 0, kind="execution", word="started"),
    ]
    assert ids(in_causal_order(found)) == ["1", "2", "3", "5", "6"]


def same(id: str, status: str, kind: str = "job", **more: Any) -> Status:
    """A status of one moment."""
    return Status(id=id, kind=kind, execution="e", state_machine="m", status=status, at=T0, round=1, **more)


def test_what_a_missed_deadline_or_a_request_brings_about_stands_behind_it() -> None:
    """One look at the execution finds all of it, so that it has one time; only the ends have the others as cause."""
    found = [
        same("a", "started", "phase"),
        same("z", "overdue", "phase"),
        same("b", "cancelled", slot="entry"),
        same("c", "failed", "phase", cause="b"),
        same("d", "failed", "execution", cause="c"),
    ]
    for first in (found[1], same("z", "cancel_requested", "execution"), same("z", "overdue", "execution")):
        expected = [found[0], first, *found[2:]]
        assert in_causal_order(reversed(expected)) == expected


def test_of_one_moment_an_attempt_goes_its_way_and_numbers_count() -> None:
    words = [("wait", "waiting"), ("entry", "triggered"), ("redelivery", "triggered"), ("start", "started")]
    words += [("heartbeat", "heartbeat"), ("end", "failed"), ("late", "late")]
    attempt = [same(chr(ord("z") - place), word, slot=slot) for place, (slot, word) in enumerate(words)]
    assert in_causal_order(reversed(attempt)) == attempt
    pauses = [same(f"e/pause/{n}", "paused" if n % 2 else "resumed", "execution", number=n) for n in range(1, 13)]
    assert in_causal_order(reversed(pauses)) == pauses


@given(st.data(), st.integers(1, 30))
def test_whatever_the_clocks_and_the_order_of_arrival(data: st.DataObject, size: int) -> None:
    """Everything is told once, no effect before its cause, and the order of arrival does not matter."""
    found = []
    for number in range(size):
        cause = data.draw(st.none() | st.integers(0, number - 1) if number else st.none())
        skewed = data.draw(st.integers(-20, 20))
        found.append(status(str(number), number + skewed, None if cause is None else str(cause)))
    arrived = data.draw(st.permutations(found))
    told = ids(in_causal_order(arrived))
    assert sorted(told) == sorted(ids(found))
    assert all(told.index(each.cause) < told.index(each.id) for each in found if each.cause is not None)
    assert told == ids(in_causal_order(found))
    if all(each.cause is None for each in found):
        assert told == ids(sorted(found, key=lambda each: (each.at, each.id)))
