"""A dead letter on its way through a real deploy: tried, kept for people, seen, and completed after all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from phaseline.cli.entry import run
from tests.support.deployment import Deployment

TIMEOUT = 120


@pytest.fixture
def functions_queue(deployed: Deployment) -> Iterator[str]:
    """The queue of failed invocations, which shows a message again after a second instead of six minutes."""
    sqs = deployed.aws("sqs")
    [url] = [url for url in sqs.list_queues()["QueueUrls"] if "DeadLettersFunctions" in url]
    name = "VisibilityTimeout"
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={name: "1"})
    yield url
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run(["dlq", "list", "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_what_cannot_be_completed_is_kept_and_can_be_retried_once_it_can(
    deployed: Deployment, functions_queue: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(deployed.folder)
    monkeypatch.delenv("PHASELINE_ENV", raising=False)
    status = "not-yet/started"
    record = {
        "requestContext": {"requestId": "r-1", "condition": "RetriesExhausted"},
        "requestPayload": {"detail": {"fullDocument": {"_id": status}}},
        "responsePayload": {"errorMessage": "told to fail"},
    }
    sqs = deployed.aws("sqs")
    sqs.send_message(QueueUrl=functions_queue, MessageBody=json.dumps(record))
    deadline = time.monotonic() + TIMEOUT
    while not (letters := listed(capsys)):
        assert time.monotonic() < deadline
        time.sleep(1)
    [letter] = letters
    assert (letter["about"], letter["cause"]) == (f"status {status}", "told to fail")

    assert run(["dlq", "show", letter["id"]]) == 0
    assert "DeadLettersFunctions" in capsys.readouterr().out
    deployed.client.start("diamond", id="not-yet")
    assert run(["dlq", "retry", letter["id"]]) == 0
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while any(
        value != "0"
        for value in sqs.get_queue_attributes(QueueUrl=functions_queue, AttributeNames=counts)["Attributes"].values()
    ):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert listed(capsys) == []
    assert deployed.client.wait("not-yet", TIMEOUT).status == "success"
