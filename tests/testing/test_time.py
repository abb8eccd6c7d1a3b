"""Virtual time: what waits, retries, times out and is late, and what a person does meanwhile."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phaseline.testing import fails, returns, run, start, takes
from phaseline_runtime.errors import RequestRefused
from tests.testing.conftest import Write


def test_a_month_passes_at_once(project: Write) -> None:
    result = run(project({"p": {"wait": "30d", "jobs": {"a": {"wait": "10m"}}}}), "m")
    assert result.status == "success"
    assert result.waits == [("p", 30 * 86_400.0), ("a", 600.0)]
    assert result.duration == 30 * 86_400 + 600


def test_a_wait_until_a_time_counts_from_when_the_execution_started(project: Write) -> None:
    file = project({"p": {"wait": {"until": "$input.tide"}, "jobs": {"a": {}}}})
    at = datetime(2026, 5, 31, 10, tzinfo=UTC)
    assert run(file, "m", {"tide": "2026-05-31T12:00:00Z"}, at=at).waits == [("p", 7_200.0)]
    passed = run(file, "m", {"tide": at - timedelta(days=1)}, at=at)
    assert (passed.waits, passed.duration) == ([("p", 0.0)], 0.0)


def test_a_wait_until_the_end_of_time_is_one_that_nothing_ends(project: Write) -> None:
    file = project({"p": {"wait": {"until": "$input.tide"}, "jobs": {"a": {}}}})
    with start(file, "m", {"tide": "9999-12-31T23:59:59Z"}) as trip:
        assert trip.run().status == "running"
        trip.cancel()
        assert trip.run().status == "cancelled"


def test_the_database_s_now_is_virtual_too(project: Write) -> None:
    later = {"$dateAdd": {"startDate": "$$NOW", "unit": "hour", "amount": 2}}
    phases = {
        "p": {"wait": {"until": later}, "jobs": {"a": {"input": {"now": "$$NOW"}}}},
        "q": {"jobs": {"b": {"when": {"$expr": {"$gt": ["$$NOW", datetime(2031, 1, 1).isoformat()]}}}}},
    }
    result = run(project(phases), "m", at=datetime(2030, 1, 1), mocks={"a": lambda event, context: event})
    assert result.outputs["a"] == {"now": datetime(2030, 1, 1, 2, tzinfo=UTC)}
    assert result.waits == [("p", 7_200.0)]


def test_retries_come_at_their_time(project: Write) -> None:
    policy = {"errors": "Storm", "interval": "2s", "backoff_rate": 3, "max_attempts": 3}
    result = run(project({"p": {"jobs": {"a": {"retry": policy}}}}), "m", mocks={"a": fails("Storm")})
    assert result.retries == [("a", 2.0), ("a", 6.0), ("a", 18.0)]
    assert result.attempts["a"] == 4
    assert result.duration == 26.0
    assert result.status == "failed"
    assert result.finished == ["a"]


def test_jitter_is_the_same_each_time_for_the_same_id(project: Write) -> None:
    policy = {"interval": "1m", "max_attempts": 3, "jitter": "full"}
    file = project({"p": {"jobs": {"a": {"retry": policy}}}})
    first, again, other = (run(file, "m", mocks={"a": fails("E")}, id=id).retries for id in ("x", "x", "y"))
    assert first == again != other


def test_parallel_jobs_overlap(project: Write) -> None:
    mocks = {"a": takes("10m"), "b": takes("4m"), "c": takes("5m")}
    limits = {"timeout": "14m"}
    file = project({"p": {"jobs": {"a": limits, "b": limits, "c": {"after": "b", **limits}}}})
    result = run(file, "m", mocks=mocks)
    assert result.order == ["a", "b", "c"]
    assert result.finished == ["b", "c", "a"]
    assert [result.attempts_of(name)[0].seconds for name in "abc"] == [600.0, 240.0, 300.0]
    assert result.duration == 600.0


def test_what_is_triggered_at_one_moment_starts_before_any_of_it_ends(project: Write) -> None:
    uses = {"a": {"on_failure": {"to": "q"}}, "b": {}, "c": {"compensate": "u"}}
    file = project({"p": {"jobs": uses}, "q": {"jobs": {"d": {}}}}, jobs={"u": {}})
    result = run(file, "m", mocks={"a": fails("Calm"), "b": fails("Storm")})
    assert result.order == ["a", "b", "c", "undo-c-1"]
    assert result.error is not None
    assert result.error["type"] == "Storm", "`fail` beats `to`, whichever has failed first"


def test_what_takes_longer_than_its_timeout_is_interrupted_then(project: Write) -> None:
    source = "import time\n\ndef handler(event, context):\n    time.sleep(3600)\n"
    file = project({"p": {"jobs": {"a": {"timeout": "20s"}}}}, handlers={"a": source})
    for mocks in ({}, {"a": takes("1h", returns(1))}, {"a": fails("Phaseline.Timeout")}):
        result = run(file, "m", mocks=mocks)
        assert result.errors["a"]["type"] == "Phaseline.Timeout"
        assert result.duration == 20.0


def test_every_way_to_sleep_passes_in_virtual_time(project: Write) -> None:
    source = (
        "import asyncio, time\nfrom time import sleep\nfrom asyncio import sleep as rest\n\n"
        "async def handler(event, context):\n"
        "    sleep(1)\n    time.sleep(2)\n    await rest(4)\n    return await asyncio.sleep(8, 'rested')\n"
    )
    begun = time.perf_counter()
    result = run(project({"p": {"jobs": {"a": {}}}}, handlers={"a": source}), "m")
    assert result.outputs == {"a": "rested"}
    assert result.duration == 15.0
    assert time.perf_counter() - begun < result.duration


IN_THREADS = """
import asyncio, time

async def handler(event, context):
    spans = [asyncio.to_thread(time.sleep, seconds) for seconds in (2, 3, 1)]
    await asyncio.gather(*spans, asyncio.sleep(4))
    return "rested"
"""


@pytest.mark.parametrize("number", range(5))
def test_threads_of_asyncio_sleep_one_after_the_other(project: Write, number: int) -> None:
    file = project({"p": {"jobs": {"a": {"timeout": "1m"}, "b": {}}}}, handlers={"a": IN_THREADS})
    result = run(file, "m")
    assert result.outputs == {"a": "rested", "b": "b"}
    assert result.duration == 10.0


def test_threads_of_asyncio_are_interrupted_and_closed_as_well(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {"timeout": "4s"}}}}, handlers={"a": IN_THREADS})
    result = run(file, "m")
    assert result.errors["a"]["type"] == "Phaseline.Timeout"
    assert result.duration == 4.0
    with start(file, "m") as execution:
        execution.advance(seconds=1)
    for thread in threading.enumerate():
        if thread.name.startswith(("asyncio_", "job ")):
            thread.join(10)
            assert not thread.is_alive()


def test_a_thread_beside_the_handler_does_not_end_its_turn(project: Write) -> None:
    source = """
import contextvars, threading, time
import phaseline_runtime

def beat(stop):
    while not stop.is_set():
        phaseline_runtime.heartbeat()
        time.sleep(0.05)

def handler(event, context):
    stop = threading.Event()
    beats = threading.Thread(target=contextvars.copy_context().run, args=(beat, stop))
    beats.start()
    time.sleep(20)
    stop.wait(0.2)
    stop.set()
    beats.join()
    return "done"
"""
    result = run(project({"p": {"jobs": {"a": {}}}}, handlers={"a": source}), "m")
    assert result.outputs == {"a": "done"}
    assert result.duration == 20.0


def test_what_a_mock_takes_comes_before_what_it_does(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {"timeout": "1m"}}}})
    for mock, seconds in (
        (takes("10s", fails("Phaseline.Crashed")), 10.0),
        (takes("10s", fails("Phaseline.Timeout"), heartbeat="5s"), 60.0),
        (takes("10s", takes("20s", fails("Storm"))), 30.0),
        (takes("10s", [returns(1), fails("Storm")]), 10.0),
    ):
        result = run(file, "m", mocks={"a": mock})
        assert result.duration == seconds
        assert all(status.status != "heartbeat" for status in result.statuses) == (seconds != 60.0)


def test_silence_beyond_the_heartbeat_is_found_by_the_watchdog(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {"timeout": "10m", "heartbeat": "30s"}}}})
    silent = run(file, "m", mocks={"a": takes("5m")})
    assert silent.errors["a"]["type"] == "Phaseline.Timeout"
    assert silent.duration == 60.0, "after 30 s and 20 s more, at the watchdog's next minute"
    alive = run(file, "m", mocks={"a": takes("5m", returns(1), heartbeat="25s")})
    assert alive.status == "success"
    assert alive.duration == 300.0


def test_a_lost_event_is_sent_again_until_it_is_given_up(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {"start_timeout": "5m"}}}})
    result = run(file, "m", mocks={"a": fails("Phaseline.NotStarted")})
    copies = [status for status in result.statuses if status.slot == "redelivery"]
    assert len(copies) == 2
    assert result.duration == 300.0


def test_a_deadline_ends_a_phase_and_its_failure_leads_on(project: Write) -> None:
    phases = {
        "p": {
            "deadline": "10m",
            "on_failure": [{"errors": "Phaseline.Timeout", "to": "late"}],
            "jobs": {"a": {"timeout": "8m"}, "b": {"after": "a", "timeout": "8m"}},
            "next": "end",
        },
        "late": {"jobs": {"c": {}}},
    }
    result = run(project(phases), "m", mocks={"a": takes("7m"), "b": takes("7m")})
    assert result.phases == ["p", "late"]
    assert result.finished == ["a", "b", "c"]
    assert result.duration == 14 * 60


def test_a_person_pauses_and_resumes(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {}, "b": {"after": "a"}}}})
    with start(file, "m", mocks={"a": takes("20s")}) as execution:
        execution.advance(seconds=5)
        execution.pause(reason="lunch")
        assert execution.run().status == "paused"
        assert execution.result.finished == ["a"]
        execution.advance(hours=2)
        execution.resume()
        result = execution.run()
    assert result.status == "success"
    assert result.duration == 7_220.0, "`run` goes on until nothing more happens: to the end of a"


def test_a_person_cancels_and_has_it_undone(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {"compensate": "undo"}, "b": {"after": "a", "wait": "1h"}}}}, jobs={"undo": {}})
    with start(file, "m") as execution:
        execution.advance(minutes=5)
        assert execution.status == "running"
        execution.cancel(compensate=True)
        result = execution.run()
        assert result.status == "cancelled"
        assert result.order == ["a", "undo-a-1"]
        assert result.duration == 300.0
        with pytest.raises(RequestRefused):
            execution.pause()


def test_a_failed_execution_is_redriven_and_a_finished_one_run_again(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {}, "b": {"after": "a"}}}})
    with start(file, "m", mocks={"b": fails("Storm", times=1)}) as execution:
        assert execution.run().status == "failed"
        execution.advance(hours=1)
        execution.redrive()
        result = execution.run()
        assert result.status == "success"
        assert result.attempts == {"a": 1, "b": 2}
        execution.rerun("p", input={"n": 2})
        assert execution.run().inputs("a") == [{}, {"n": 2}]


def test_an_execution_that_has_ended_waits_for_nothing_more(project: Write) -> None:
    uses = {"a": {"on_failure": "continue"}, "b": {"wait": "10m"}}
    file = project({"p": {"jobs": uses, "wait_for": "a", "next": "q"}, "q": {"jobs": {"c": {}}}})
    with start(file, "m", mocks={"c": takes("1s", [fails("Storm"), returns(1)])}) as execution:
        assert execution.run().status == "failed"
        execution.redrive()
        result = execution.run()
    assert result.status == "success"
    assert result.duration == 2.0


def test_what_a_first_success_leaves_behind_ends_later(project: Write) -> None:
    phases: dict[str, Any] = {"p": {"wait_for": "any", "jobs": {"a": {}, "b": {}}}, "q": {"jobs": {"c": {}}}}
    result = run(project(phases), "m", mocks={"a": takes("1s"), "b": takes("25s")})
    assert result.status == "success"
    assert result.duration == 1.0
    assert result.finished == ["a", "c", "b"]
    assert result.outputs == {"a": "a", "b": "b", "c": "c"}


def test_what_a_first_success_has_left_behind_is_not_tried_again_and_no_text_says_so(project: Write) -> None:
    uses: dict[str, Any] = {"a": {}, "b": {"retry": {"max_attempts": 2, "interval": "10s"}}}
    phases: dict[str, Any] = {"p": {"wait_for": "any", "jobs": uses}, "q": {"jobs": {"c": {}}}}
    result = run(project(phases), "m", mocks={"b": takes("5s", fails("Storm")), "c": takes("1s")})
    assert result.status == "success"
    assert result.attempts["b"] == 1
    assert str(result).endswith("job       b failed Storm: Storm")


def test_where_nothing_of_ours_runs_time_is_real(project: Write) -> None:
    begun = time.perf_counter()
    run(project({"p": {"jobs": {"a": {}}}}), "m", mocks={"a": takes(20)})
    time.sleep(0.02)
    assert time.perf_counter() - begun >= 0.02
