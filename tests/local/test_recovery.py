"""Retries, crashes, timeouts and what the watchdog finds, through a real deploy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pymongo import MongoClient

from phaseline_runtime.client import Client
from phaseline_runtime.engine.wake import GRACE
from tests.support.deployment import Deployment
from tests.support.faults import Clock

TIMEOUT = 300
"""Seconds until something hangs: all cases run at once, on a machine that may be busy."""

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "the third attempt succeeds": ("retried", {"succeed_at": 3}),
    "no attempt succeeds": ("retried", {"succeed_at": 9}),
    "the process ends": ("crashing", {"crash_at": [1]}),
    "the memory is too small": ("crashing", {"too_big_at": [1]}),
    "the memory is always too small": ("crashing", {"too_big_at": [1, 2, 3, 4]}),
    "too slow": ("hasty", {"sleep": 20}),
    "too slow and deaf": ("deaf", {"deaf_at": [1]}),
    "always too slow and deaf": ("hasty", {"deaf_at": [1]}),
    "a filter that does not match": ("filtered", {"region": "us-east-1"}),
    "a crash after the payment": ("saga", {"crash_at": [1]}),
    "a failure after the payment": ("saga", {"fail": ["ship"]}),
}


@pytest.fixture
def client(deployed: Deployment) -> Client:
    return deployed.client


@pytest.fixture(scope="module")
def begun(deployed: Deployment) -> Mapping[str, str]:
    """The executions of all cases, by their names: they run at the same time, and each test waits for its own."""
    return {name: deployed.client.start(machine, given).id for name, (machine, given) in CASES.items()}


def test_a_failed_attempt_is_tried_again_when_it_is_due(
    client: Client, deployed: Deployment, begun: Mapping[str, str]
) -> None:
    execution = client.wait(begun["the third attempt succeeds"], TIMEOUT)
    assert execution.status == "success"
    assert deployed.runs(execution.id) == ["a", "a", "a", "b"]
    times = {status.id.removeprefix(execution.id): status.at for status in client.statuses(execution.id)}
    for attempt, delay in ((1, 1.0), (2, 2.0)):
        failed, again = times[f"/1/a/{attempt}/end"], times[f"/1/a/{attempt + 1}/entry"]
        assert failed is not None
        assert again is not None
        assert (again - failed).total_seconds() >= delay
    assert client.rebuild(execution.id) == []


def test_retries_end(client: Client, deployed: Deployment, begun: Mapping[str, str]) -> None:
    execution = client.wait(begun["no attempt succeeds"], TIMEOUT)
    assert execution.status == "failed"
    assert execution.document["error"]["type"] == "TimeoutError"
    assert deployed.runs(execution.id) == ["a", "a", "a"]


def errors(client: Client, execution: str) -> list[str]:
    """The types of the errors of its attempts."""
    return [str(s.error["type"]) for s in client.statuses(execution) if s.kind == "job" and s.error is not None]


@pytest.mark.parametrize("case", ["the process ends", "the memory is too small"])
def test_a_crash_becomes_a_failure_that_is_retried(
    client: Client, deployed: Deployment, begun: Mapping[str, str], case: str
) -> None:
    execution = client.wait(begun[case], TIMEOUT)
    assert execution.status == "success"
    assert deployed.runs(execution.id) == ["a", "a"]
    assert errors(client, execution.id) == ["Phaseline.Crashed"]


def test_a_job_whose_memory_is_too_small_fails_once_its_retries_are_used_up(
    client: Client, deployed: Deployment, begun: Mapping[str, str]
) -> None:
    execution = client.wait(begun["the memory is always too small"], TIMEOUT)
    assert execution.status == "failed"
    assert execution.document["error"]["type"] == "Phaseline.Crashed"
    assert deployed.runs(execution.id) == ["a"] * 4
    assert errors(client, execution.id) == ["Phaseline.Crashed"] * 4


def test_a_handler_that_is_too_slow_is_interrupted_and_its_error_leads_elsewhere(
    client: Client, begun: Mapping[str, str]
) -> None:
    execution = client.wait(begun["too slow"], TIMEOUT)
    assert execution.status == "success"
    assert execution.results.keys() == {"calm"}
    assert execution.document["errors"]["hasty"]["type"] == "Phaseline.Timeout"
    assert took(client, execution.id, "hasty") < 10


def took(client: Client, execution: str, name: str) -> float:
    """Seconds from the start to the end of its first attempt."""
    times = {status.id: status.at for status in client.statuses(execution)}
    started, ended = times[f"{execution}/1/{name}/1/start"], times[f"{execution}/1/{name}/1/end"]
    assert started is not None
    assert ended is not None
    return (ended - started).total_seconds()


def test_a_handler_that_cannot_be_interrupted_is_ended_by_lambda_and_tried_again(
    client: Client, deployed: Deployment, begun: Mapping[str, str]
) -> None:
    execution = client.wait(begun["too slow and deaf"], TIMEOUT)
    assert execution.status == "success"
    assert deployed.runs(execution.id) == ["hasty", "hasty"]
    assert errors(client, execution.id) == ["Phaseline.Timeout"]
    assert took(client, execution.id, "hasty") > 10


def test_the_timeout_of_lambda_itself_leads_elsewhere_like_any_timeout(
    client: Client, deployed: Deployment, begun: Mapping[str, str]
) -> None:
    execution = client.wait(begun["always too slow and deaf"], TIMEOUT)
    assert execution.status == "success"
    assert deployed.runs(execution.id) == ["hasty", "calm"]
    # What it says is up to who came first: Lambda's record, or on a busy machine the watchdog.
    assert execution.document["errors"]["hasty"]["type"] == "Phaseline.Timeout"


def test_an_input_that_no_rule_accepts_fails_as_not_started(deployed: Deployment, begun: Mapping[str, str]) -> None:
    [execution] = deployed.complete([begun["a filter that does not match"]])
    assert execution.status == "failed"
    assert execution.document["error"]["type"] == "Phaseline.NotStarted"
    assert deployed.runs(execution.id) == []


def test_the_watchdog_settles_what_has_ended_and_then_leaves_it_alone(client: Client, deployed: Deployment) -> None:
    execution = client.wait(client.start("chain").id, TIMEOUT).id
    assert deployed.sweep([execution], clock=Clock(GRACE))["looked"] == 1
    settled = client.get(execution)
    assert settled is not None
    assert settled.document["settled"] is True
    assert deployed.sweep([execution], clock=Clock(2 * GRACE))["looked"] == 0


def test_the_deployed_watchdog_sweeps(deployed: Deployment) -> None:
    assert deployed.invoke("watchdog_job").keys() == {"looked", "repaired", "failed"}


def test_pause_resume_and_redrive_from_outside(client: Client, deployed: Deployment) -> None:
    started = client.start("failing", {"fail": ["bad"], "sleep": 0.5}).id
    assert client.pause(started).status == "paused"
    client.resume(started)
    assert client.wait(started, TIMEOUT).status == "failed"
    client.redrive(started)
    again = client.wait(started, TIMEOUT)
    assert again.status == "failed"
    assert again.document["round"]["number"] == 2
    assert deployed.runs(started) == ["bad", "tidy", "bad"]


def payments(deployed: Deployment, execution: str) -> list[int]:
    """The attempts whose payment is in the database."""
    uri = deployed.platform.state.mongo_uri
    with MongoClient[dict[str, Any]](uri) as mongo:
        return [found["attempt"] for found in mongo["shop"]["payments"].find({"execution": execution})]


def test_a_payment_is_made_once_whatever_crashes(
    client: Client, deployed: Deployment, begun: Mapping[str, str]
) -> None:
    execution = client.wait(begun["a crash after the payment"], TIMEOUT)
    assert execution.status == "success"
    # Which attempt made it depends on how long the database keeps the locks of the one that crashed.
    [paid] = payments(deployed, execution.id)
    assert paid > 1
    times = {status.id.removeprefix(execution.id): status.at for status in client.statuses(execution.id)}
    opened, triggered = times["/2/start"], times["/2/ship/1/entry"]
    assert opened is not None
    assert triggered is not None
    assert (triggered - opened).total_seconds() >= 2


def test_a_payment_is_given_back_when_the_execution_fails(
    client: Client, deployed: Deployment, begun: Mapping[str, str]
) -> None:
    execution = client.wait(begun["a failure after the payment"], TIMEOUT)
    assert execution.status == "failed"
    assert execution.document["error"].get("undone") == [{"job": "pay", "round": 1}], execution.document
    assert payments(deployed, execution.id) == []
    assert client.rebuild(execution.id) == []
