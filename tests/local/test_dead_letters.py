"""Dead letters on their way through a real deploy: tried, kept for people, seen, and completed after all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from phaseline.cli.entry import run
from tests.support.deployment import Deployment
from tests.support.waiting import until

TIMEOUT = 300


@pytest.fixture
def functions_queue(deployed: Deployment) -> Iterator[str]:
    """The queue of failed invocations, which shows a message again after a second instead of six minutes."""
    deployed.forget_dead_letters()
    sqs, url = deployed.aws("sqs"), deployed.queue("Functions")
    name = "VisibilityTimeout"
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={name: "1"})
    yield url
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


@pytest.fixture(autouse=True)
def here(deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line is called in the project's folder, and nothing says otherwise."""
    monkeypatch.chdir(deployed.folder)
    monkeypatch.delenv("PHASELINE_ENV", raising=False)


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run(["dlq", "list", "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_what_cannot_be_completed_is_kept_and_can_be_retried_once_it_can(
    deployed: Deployment, functions_queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = "not-yet/started"
    record = {
        "requestContext": {"requestId": "r-1", "condition": "RetriesExhausted"},
        "requestPayload": {"detail": {"fullDocument": {"_id": status}}},
        "responsePayload": {"errorMessage": "told to fail"},
    }
    deployed.aws("sqs").send_message(QueueUrl=functions_queue, MessageBody=json.dumps(record))
    [letter] = until(lambda: listed(capsys))
    assert (letter["about"], letter["cause"]) == (f"status {status}", "told to fail")

    assert run(["dlq", "show", letter["id"]]) == 0
    assert "DeadLettersFunctions" in capsys.readouterr().out
    deployed.client.start("diamond", id="not-yet")
    assert run(["dlq", "retry", letter["id"]]) == 0
    until(lambda: deployed.waiting("Functions") == 0)
    assert listed(capsys) == []
    assert deployed.client.wait("not-yet", TIMEOUT).status == "success"


@contextmanager
def unread(deployed: Deployment) -> Iterator[None]:
    """Nobody takes messages from the queues of dead letters while the block runs."""
    functions = deployed.aws("lambda")
    name = deployed.bundled_function("dead_letters_job")
    mappings = [
        found["UUID"] for found in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    ]
    assert len(mappings) == 2
    for mapping in mappings:
        functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield
    finally:
        for mapping in mappings:
            functions.update_event_source_mapping(UUID=mapping, Enabled=True)


def test_queues_that_have_filled_are_drained_and_a_poisoned_message_holds_up_no_other(
    deployed: Deployment, functions_queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = deployed.client
    deployed.aws("lambda").delete_function(FunctionName=deployed.job_function("gone"))
    with unread(deployed):
        deployed.aws("sqs").send_message(QueueUrl=functions_queue, MessageBody="poison")
        crashed = [client.start("crashing", {"crash_at": [1]}).id for _ in range(12)]
        lost = [client.start("gone").id for _ in range(3)]
        until(lambda: (deployed.waiting("Functions"), deployed.waiting("Rules")) == (13, 3))
        assert not any(found.ended for found in map(client.get, [*crashed, *lost]) if found is not None)
    for execution in crashed:
        assert client.wait(execution, TIMEOUT).status == "success"
        assert deployed.attempts(execution) == [("a", 1), ("a", 2)]
    for execution in lost:
        assert client.wait(execution, TIMEOUT).document["error"]["type"] == "Phaseline.Unavailable"

    [letter] = until(lambda: listed(capsys))
    assert (letter["about"], letter["cause"]) == ("unreadable", "the message is no JSON object")
    assert (deployed.waiting("Functions"), deployed.waiting("Rules")) == (0, 0)
    assert run(["dlq", "drop", letter["id"], "--yes"]) == 0
    assert listed(capsys) == []
