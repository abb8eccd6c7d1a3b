"""Each fact is counted once, by whoever has inserted its status, however often its events come."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from phaseline_runtime.bundled import dead_letters_job
from phaseline_runtime.bundled.watchdog_job import sweep
from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Retry, Use, Wait
from phaseline_runtime.metrics import METRICS, Meter
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus
from tests.support.faults import Clock

TRACE = "1-5759e988-bd862e3fe1be46a994272793"


class Measured(Store):
    """A store whose meter keeps its lines."""

    def __init__(self, store: Store) -> None:
        self.lines: list[dict[str, Any]] = []
        super().__init__(store.database, meter=Meter("test", lambda line: self.lines.append(json.loads(line))))

    @property
    def counts(self) -> Counter[str]:
        """How often each metric was written, with a value that is not 0."""
        return Counter(name for line in self.lines for name in METRICS if line.get(name))

    def total(self, name: str) -> int:
        """What the values of a metric add up to."""
        return sum(line.get(name, 0) for line in self.lines)


@pytest.fixture
def measured(store: Store) -> Measured:
    return Measured(store)


def flaky(event: Any, context: Any, session: Any) -> str:
    """Fails at its first attempt, and succeeds in its transaction at the second."""
    from phaseline_runtime import current

    if current().attempt == 1:
        raise ValueError("boat taken")
    return "boat"


def test_each_fact_is_counted_once_though_every_event_comes_three_times(client: Client, measured: Measured) -> None:
    retrying = Use("a", "rent", retry=(Retry(interval=0),))
    client.migrate({"m": Definition("m", (Phase("p", (retrying, Use("b", "rest", ("a",)))),))})
    identifier = client.start("m").id
    ended = Bus(measured, {"a": flaky}, copies=3).run(identifier)
    assert ended["status"] == "success"
    assert measured.counts == {
        "ExecutionsStarted": 1,
        "ExecutionsSucceeded": 1,
        "AttemptsFailed": 1,
        "Retries": 1,
        **Counter(name for line in measured.lines for name in ("TimeToStart", "JobDuration") if line.get(name)),
    }
    durations = Counter(line["Job"] for line in measured.lines if "JobDuration" in line)
    assert durations == Counter(line["Job"] for line in measured.lines if "TimeToStart" in line)
    assert durations == {"rent": 2, "rest": 1}


def test_what_was_lost_is_a_repair_and_what_was_due_is_none(client: Client, measured: Measured) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "rent", wait=Wait(seconds=3600)),)),))})
    clock = Clock()
    identifier = client.start("m").id
    bus = Bus(measured, clock=clock, lost=triggers)
    bus.run(identifier)
    sweep(measured, clock=clock.later(seconds=3601))
    assert measured.counts["Repairs"] == 0
    assert measured.status(f"{identifier}/1/a/1/entry") is not None, "the wait is over: the job was due"
    bus.run(identifier)
    sweep(measured, clock=clock.later(seconds=61))
    assert measured.counts["Repairs"] == 1
    assert measured.counts["Redeliveries"] == 1


def test_what_nobody_has_started_in_half_a_minute_is_due_and_no_repair(client: Client, measured: Measured) -> None:
    """Its time is the one after which an execution in which nothing is pending is looked at, too."""
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "rent", start_timeout=30),)),))})
    clock = Clock()
    identifier = client.start("m").id
    Bus(measured, clock=clock, lost=triggers).run(identifier)
    sweep(measured, clock=clock.later(seconds=31))
    assert measured.counts["ExecutionsFailed"] == 1
    assert measured.counts["Repairs"] == 0


def test_what_was_lost_is_a_repair_at_the_second_look_as_well(
    client: Client, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "rent"),)),))})
    clock = Clock()
    client.start("m")
    with monkeypatch.context() as away:
        away.setattr(measured, "definition", lambda _: 1 / 0)
        sweep(measured, clock=clock.later(seconds=31))
    assert (measured.counts["RepairsFailed"], measured.counts["Repairs"]) == (1, 0)
    sweep(measured, clock=clock.later(seconds=61))
    assert measured.total("Repairs") == 3, "the choice of the first phase, its start, and what it triggers"


def triggers(status: Status) -> bool:
    return status.kind == "job" and status.status == "triggered"


def test_a_sweep_that_finds_nothing_says_so(measured: Measured) -> None:
    sweep(measured)
    (line,) = measured.lines
    assert (line["Repairs"], line["RepairsFailed"]) == (0, 0)


def test_dead_letters_are_counted_by_whether_they_were_completed(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters_job, "lambda_store", lambda: measured)
    bodies = ("no JSON", json.dumps({"sweep": True}), json.dumps({"sweep": True}))
    records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
    dead_letters_job.handler({"Records": records}, None)
    (line,) = measured.lines
    assert (line["DeadLetters"], line["DeadLettersFailed"]) == (2, 1)


def test_a_status_tells_the_trace_in_which_it_was_inserted(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "rent"),)),))})
    identifier = client.start("m").id
    monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1")
    Bus(store).run(identifier)
    first, *others = client.statuses(identifier)
    assert first.trace is None, "it was inserted by a program that is no Lambda"
    assert {status.trace for status in others} == {TRACE}
    assert client.rebuild(identifier) == []
