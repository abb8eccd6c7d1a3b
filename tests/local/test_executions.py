"""Executions through a real deploy: emulator, rules, Lambdas, relay and database, nothing replaced."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from phaseline_runtime.client import Client, Execution
from phaseline_runtime.relay import BATCH, Put, put_events
from tests.local.conftest import CHAIN, WIDE
from tests.support.deployment import Deployment
from tests.support.waiting import until

TIMEOUT = 120


@pytest.fixture
def client(deployed: Deployment) -> Client:
    return deployed.client


def run(client: Client, machine: str, given: Any = None) -> Execution:
    """Start, wait for the end, and hold the document against its statuses once the last event has arrived."""
    execution = client.wait(client.start(machine, given).id, TIMEOUT)
    settled(client, execution.id)
    return execution


def settled(client: Client, execution: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while (differences := client.rebuild(execution)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert differences == []


def skipped(client: Client, execution: str) -> dict[str, str | None]:
    return {str(s.name): s.reason for s in client.statuses(execution) if s.status == "skipped"}


def test_a_chain_of_twelve(client: Client, deployed: Deployment) -> None:
    execution = run(client, "chain")
    assert execution.status == "success"
    assert deployed.runs(execution.id) == CHAIN


def test_fifty_in_parallel_and_a_join(client: Client, deployed: Deployment) -> None:
    execution = run(client, "wide")
    assert execution.status == "success"
    runs = deployed.runs(execution.id)
    assert Counter(runs) == Counter([*WIDE, "join"])
    assert runs[-1] == "join"


def test_a_diamond_two_hundred_times_joins_exactly_once_each(client: Client, deployed: Deployment) -> None:
    started = [client.start("diamond").id for _ in range(200)]
    for execution in started:
        assert client.wait(execution, TIMEOUT).status == "success"
        runs = deployed.runs(execution)
        assert sorted(runs) == ["a", "b", "c", "d"]
        assert (runs[0], runs[-1]) == ("a", "d")
    for execution in started:
        settled(client, execution)


def test_a_loop_of_five_rounds(client: Client, deployed: Deployment) -> None:
    execution = run(client, "loop")
    assert execution.results["turn"] == {"n": 5, "round": 5}
    assert execution.document["visits"] == {"again": 5}
    assert deployed.runs(execution.id) == ["turn"] * 5


def test_false_conditions_on_a_job_and_on_a_phase(client: Client, deployed: Deployment) -> None:
    execution = run(client, "conditions", {"age": 20, "n": 1})
    assert deployed.runs(execution.id) == ["yes", "after_no"]
    assert skipped(client, execution.id) == {"no": "when"}
    assert execution.document["visits"] == {"first": 1, "last": 1}
    assert execution.results["after_no"]["n"] == 3


def test_trigger_rules_after_success_failure_and_skip(client: Client, deployed: Deployment) -> None:
    execution = run(client, "rules", {"fail": ["bad"]})
    assert execution.status == "success"
    assert skipped(client, execution.id) == {
        "skipped": "when",
        "all_success": "upstream_failed",
        "none_skipped": "upstream_skipped",
    }
    ran = {"good", "bad", "all_done", "one_failed", "one_success", "all_failed", "none_failed", "all_skipped"}
    assert Counter(deployed.runs(execution.id)) == Counter(ran)


def test_a_failing_round_cleans_up_and_fails_the_execution(client: Client, deployed: Deployment) -> None:
    execution = run(client, "failing", {"fail": ["bad"]})
    assert execution.status == "failed"
    assert execution.document["error"] == {"type": "ValueError", "message": "bad was told to fail", "job": "bad"}
    assert deployed.runs(execution.id) == ["bad", "tidy"]


def test_a_failure_leads_to_another_phase(client: Client, deployed: Deployment) -> None:
    execution = run(client, "elsewhere", {"fail": ["bad"]})
    assert execution.status == "success"
    assert execution.results["boat"]["n"] == 42
    assert run(client, "elsewhere").results.keys() == {"bad"}


def test_wait_for_any_goes_on_and_the_late_one_is_recorded(client: Client, deployed: Deployment) -> None:
    execution = run(client, "any")
    assert execution.status == "success"
    statuses = {status.id: status for status in client.statuses(execution.id)}
    slow_start = f"{execution.id}/1/slow/1/start"
    if statuses[slow_start].status == "started":
        late = f"{execution.id}/1/slow/1/end"
        [late_end] = until(
            lambda: [status for status in client.statuses(execution.id) if status.id == late], timeout=TIMEOUT
        )
        ended = statuses[f"{execution.id}/1/end"].at
        assert ended is not None
        late_at = late_end.at
        assert late_at is not None
        assert late_at > ended
    assert "next_one" in deployed.runs(execution.id)
    settled(client, execution.id)


def test_a_filter_lets_its_inputs_through(client: Client, deployed: Deployment) -> None:
    execution = run(client, "filtered", {"region": "eu-west-1"})
    assert execution.status == "success"
    assert deployed.runs(execution.id) == ["eu"]


def twice_and_reversed(put: Put, sizes: list[int]) -> Put:
    """A bus that gets every event twice, newest first among those that arrive together."""

    def doubling(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        time.sleep(0.05)  # Let some come together.
        doubled = list(itertools.chain.from_iterable((item, item) for item in reversed(entries)))
        for start in range(0, len(doubled), BATCH):
            assert put(doubled[start : start + BATCH]) == []
        sizes.append(len(doubled))
        return []

    return doubling


@pytest.mark.parametrize(
    ("machine", "given"),
    [("wide", None), ("loop", None), ("failing", {"fail": ["bad"]}), ("rules", {"fail": ["bad"]}), ("diamond", None)],
)
def test_every_event_twice_and_in_reverse_order_gives_the_same_end(
    client: Client, deployed: Deployment, machine: str, given: Any
) -> None:
    calm = run(client, machine, given)
    sizes = list[int]()
    with deployed.relaying(twice_and_reversed(put_events(deployed.aws("events")), sizes)):
        unruly = run(client, machine, given)
        # It can have ended before the relay has handed over what came last: that is to come twice, too.
        until(lambda: sum(sizes) >= 2 * len(client.statuses(unruly.id)), timeout=TIMEOUT)
        settled(client, unruly.id)
        unruly = client.wait(unruly.id, TIMEOUT)
    assert sum(sizes) >= 2 * len(client.statuses(unruly.id))
    kept = ("status", "results", "errors", "visits", "error", "currentPhase")
    assert {key: calm.document[key] for key in kept} == {key: unruly.document[key] for key in kept}
    assert Counter(deployed.runs(calm.id)) == Counter(deployed.runs(unruly.id))
