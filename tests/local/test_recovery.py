"""Retries, crashes, timeouts and what the watchdog finds, through a real deploy."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pymongo import MongoClient

from phaseline_runtime.client import Client, Execution
from tests.support.deployment import Deployment

TIMEOUT = 120


@pytest.fixture
def client(deployed: Deployment) -> Client:
    return deployed.client


def watched(deployed: Deployment, execution: str) -> Execution:
    """The execution once it has ended, with a watchdog that comes more often than each minute."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        found = deployed.client.get(execution)
        assert found is not None
        if found.ended:
            return found
        deployed.invoke("watchdog_job")
        time.sleep(0.5)
    raise AssertionError(f"{execution} has not ended: {deployed.client.get(execution)}")


def test_a_failed_attempt_is_tried_again_when_it_is_due(client: Client, deployed: Deployment) -> None:
    execution = client.wait(client.start("retried", {"succeed_at": 3}).id, TIMEOUT)
    assert execution.status == "success"
    assert deployed.runs(execution.id) == ["a", "a", "a", "b"]
    times = {status.id.removeprefix(execution.id): status.at for status in client.statuses(execution.id)}
    for attempt, delay in ((1, 1.0), (2, 2.0)):
        failed, again = times[f"/1/a/{attempt}/end"], times[f"/1/a/{attempt + 1}/entry"]
        assert failed is not None
        assert again is not None
        assert (again - failed).total_seconds() >= delay
    assert client.rebuild(execution.id) == []


def test_retries_end(client: Client, deployed: Deployment) -> None:
    execution = client.wait(client.start("retried", {"succeed_at": 9}).id, TIMEOUT)
    assert execution.status == "failed"
    assert execution.document["error"]["type"] == "TimeoutError"
    assert deployed.runs(execution.id) == ["a", "a", "a"]


def test_a_crash_becomes_a_failure_that_is_retried(client: Client, deployed: Deployment) -> None:
    execution = client.wait(client.start("crashing", {"crash_at": [1]}).id, TIMEOUT)
    assert execution.status == "success"
    assert deployed.runs(execution.id) == ["a", "a"]
    failed = next(s for s in client.statuses(execution.id) if s.status == "failed")
    assert failed.error is not None
    assert failed.error["type"] == "Phaseline.Crashed"


def test_a_handler_that_is_too_slow_is_interrupted_and_its_error_leads_elsewhere(
    client: Client, deployed: Deployment
) -> None:
    begun = time.monotonic()
    execution = client.wait(client.start("hasty", {"sleep": 20}).id, TIMEOUT)
    assert execution.status == "success"
    assert execution.results.keys() == {"calm"}
    assert execution.document["errors"]["hasty"]["type"] == "Phaseline.Timeout"
    assert time.monotonic() - begun < 20


def test_an_input_that_no_rule_accepts_fails_as_not_started(client: Client, deployed: Deployment) -> None:
    execution = watched(deployed, client.start("filtered", {"region": "us-east-1"}).id)
    assert execution.status == "failed"
    assert execution.document["error"]["type"] == "Phaseline.NotStarted"
    assert deployed.runs(execution.id) == []


def test_the_watchdog_settles_what_has_ended_and_then_leaves_it_alone(client: Client, deployed: Deployment) -> None:
    execution = client.wait(client.start("chain").id, TIMEOUT)
    client.find({"_id": execution.id})
    deadline = time.monotonic() + TIMEOUT
    while not client.get(execution.id).document["settled"]:  # type: ignore[union-attr]
        assert time.monotonic() < deadline
        time.sleep(2)
        deployed.invoke("watchdog_job")


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


def test_a_payment_is_made_once_whatever_crashes(client: Client, deployed: Deployment) -> None:
    execution = client.wait(client.start("saga", {"crash_at": [1]}).id, TIMEOUT)
    assert execution.status == "success"
    # Which attempt made it depends on how long the database keeps the locks of the one that crashed.
    [paid] = payments(deployed, execution.id)
    assert paid > 1
    times = {status.id.removeprefix(execution.id): status.at for status in client.statuses(execution.id)}
    opened, triggered = times["/2/start"], times["/2/ship/1/entry"]
    assert opened is not None
    assert triggered is not None
    assert (triggered - opened).total_seconds() >= 2


def test_a_payment_is_given_back_when_the_execution_fails(client: Client, deployed: Deployment) -> None:
    execution = client.wait(client.start("saga", {"fail": ["ship"]}).id, TIMEOUT)
    assert execution.status == "failed"
    assert execution.document["error"].get("undone") == [{"job": "pay", "round": 1}], execution.document
    assert payments(deployed, execution.id) == []
    assert client.rebuild(execution.id) == []
