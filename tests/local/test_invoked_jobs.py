"""Jobs whose function knows nothing of Phaseline, through a real deploy: given by the app, by its ARN, and in Node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from phaseline_runtime.client import Client, Execution
from tests.support.deployment import Deployment
from tests.support.waiting import until

TIMEOUT = 60


@pytest.fixture
def client(deployed: Deployment) -> Client:
    return deployed.client


def run(client: Client, job: str, **given: Any) -> Execution:
    given.setdefault("key", f"{job}-{time.time_ns()}")
    return client.wait(client.start(job, given).id, TIMEOUT)


def failures(client: Client, execution: Execution) -> list[tuple[str, str]]:
    found = [status.error or {} for status in client.statuses(execution.id) if status.status == "failed"]
    return [(str(error.get("type")), str(error.get("message"))) for error in found if error.get("type")]


@pytest.mark.parametrize("job", ["captain", "harbour", "node"])
def test_a_function_gets_the_jobs_input_and_nothing_else_and_returns_its_output(client: Client, job: str) -> None:
    given = {"key": f"plain-{job}", "fish": [{"kilos": 1.5, "name": "Kliesche ÄÖ"}], "none": None}
    execution = run(client, job, **given)
    assert execution.status == "success"
    assert execution.results[job]["given"] == given


def test_a_function_that_fails_does_so_under_its_own_name_and_is_tried_again(
    client: Client, deployed: Deployment
) -> None:
    execution = run(client, "captain", key="twice", succeed_at=2)
    assert execution.status == "success"
    assert failures(client, execution) == [("BoatTaken", "told to fail: 1")]
    assert deployed.runs("twice") == ["plain", "plain"]


def test_an_error_of_nodes_has_its_name_too(client: Client) -> None:
    execution = run(client, "node", fail=True)
    assert execution.status == "failed"
    assert ("BoatTaken", "told to fail") in failures(client, execution)


@pytest.fixture
def closed(deployed: Deployment) -> Iterator[Callable[[], None]]:
    """The function `harbour` lets nobody in, until this is called."""
    functions = deployed.aws("lambda")

    def let_in(count: int = 1) -> None:
        functions.put_function_concurrency(FunctionName="harbour", ReservedConcurrentExecutions=count)

    let_in(0)
    yield let_in
    let_in()


def test_what_is_throttled_has_not_run_and_is_tried_again(
    client: Client, deployed: Deployment, closed: Callable[[], None]
) -> None:
    execution = client.start("harbour", {"key": "throttled"})
    [(kind, message)] = until(lambda: failures(client, execution))
    closed()
    assert client.wait(execution.id, TIMEOUT).status == "success"
    assert kind == "Phaseline.Unavailable"
    assert "TooManyRequestsException" in message
    assert deployed.runs("throttled") == ["plain"]


def test_a_function_that_exceeds_its_own_timeout_or_its_jobs_is_a_timeout(client: Client) -> None:
    started = {job: client.start(job, {"key": f"slow-{job}", "sleep": 3}).id for job in ("captain", "hurried")}
    errors = {job: client.wait(execution, TIMEOUT).document["error"] for job, execution in started.items()}
    assert {job: error["type"] for job, error in errors.items()} == dict.fromkeys(started, "Phaseline.Timeout")
    assert "Task timed out after 2" in errors["captain"]["message"]
    assert "after its timeout of 1 s" in errors["hurried"]["message"]


def test_a_function_that_is_not_there_is_named_as_aws_does(client: Client) -> None:
    execution = run(client, "nobody")
    assert execution.document["error"]["type"] == "ResourceNotFoundException"
    assert "function:nobody" in execution.document["error"]["message"]
