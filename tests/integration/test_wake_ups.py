"""Which statuses ask for a wake-up, and what orchestrator_job sends then."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from phaseline_runtime import wake_ups
from phaseline_runtime.bundled import orchestrator_job
from phaseline_runtime.client import Client
from phaseline_runtime.clock import now
from phaseline_runtime.definition import Definition, Phase, Retry, Use
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus, event_of
from tests.support.faults import Dying

QUEUE = "https://sqs.eu-central-1.amazonaws.com/111122223333/wake-ups"


class Queue:
    """SQS, as far as it is used."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)


@pytest.fixture
def queue(store: Store, monkeypatch: pytest.MonkeyPatch) -> Queue:
    made = Queue()
    monkeypatch.setattr(wake_ups, "_sqs", lambda: made)
    monkeypatch.setattr(orchestrator_job, "lambda_store", lambda: store)
    monkeypatch.setenv("PHASELINE_WAKE_QUEUE", QUEUE)
    return made


@pytest.mark.parametrize(
    ("seconds", "delay"), [(0.001, 1), (1, 1), (1.5, 2), (59.999, 60), (899.1, 900), (900, 900), (0, 0), (-5, 0)]
)
def test_a_wake_up_comes_no_sooner_than_what_is_due(queue: Queue, seconds: float, delay: int) -> None:
    wake_ups.send("e", timedelta(seconds=seconds))
    assert queue.sent == [{"QueueUrl": QUEUE, "DelaySeconds": delay, "MessageBody": json.dumps({"execution": "e"})}]


def test_what_is_due_later_than_sqs_can_delay_is_left_to_the_watchdog(queue: Queue) -> None:
    wake_ups.send("e", timedelta(seconds=900.1))
    wake_ups.send("e", timedelta(days=30))
    assert queue.sent == []


def test_without_a_queue_nothing_is_sent(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHASELINE_WAKE_QUEUE")
    wake_ups.send("e", timedelta(seconds=1))
    assert queue.sent == []


def fails(*_: Any) -> None:
    raise ValueError("no boat")


def execution(client: Client, store: Store, *phases: Phase, **bus: Any) -> str:
    """An execution with everything delivered but to orchestrator_job, which the test calls itself."""
    client.migrate({"m": Definition("m", phases)})
    identifier = client.start("m").id
    Bus(store, **bus).run(identifier)
    return identifier


def statuses(store: Store, identifier: str) -> dict[str, Status]:
    found = {}
    for document in store.statuses.find({"execution": identifier}):
        status = store.status(document["_id"])
        assert status is not None
        found[status.id.removeprefix(f"{identifier}/")] = status
    return found


RETRIED = Phase("p", (Use("a", "boat", retry=(Retry(interval=30),)),))


@pytest.mark.parametrize("folded", [True, False])
def test_a_failure_that_is_tried_again_asks_for_one_whether_its_runner_folded_it_or_died(
    client: Client, store: Store, queue: Queue, folded: bool
) -> None:
    runner_store = store if folded else Dying(store, before_fold=True)
    identifier = execution(
        client,
        store,
        RETRIED,
        jobs={"a": fails},
        runs_on=lambda status: runner_store,
        lost=lambda status: status.slot == "end",
    )
    document = store.execution(identifier)
    assert document is not None
    assert ("retry" in document["round"]["jobs"].get("a", {})) is folded
    failed = statuses(store, identifier)["1/a/1/end"]
    assert failed.retry is not None
    asked = (failed.retry["at"] - now()).total_seconds()
    orchestrator_job.handler(event_of(failed), None)
    (sent,) = queue.sent
    assert asked - 5 < sent["DelaySeconds"] < asked + 1
    assert json.loads(sent["MessageBody"]) == {"execution": identifier}


@pytest.mark.parametrize("folded", [True, False])
def test_the_deadline_of_a_phase_asks_for_one(client: Client, store: Store, queue: Queue, folded: bool) -> None:
    phase = Phase("p", (Use("a", "boat"),), deadline=600)
    lost = (lambda status: status.kind == "job") if folded else (lambda status: status.round == 1)
    identifier = execution(client, store, phase, lost=lost)
    opened = statuses(store, identifier)["1/start"]
    orchestrator_job.handler(event_of(opened), None)
    (sent,) = queue.sent
    assert 590 < sent["DelaySeconds"] <= 600


def test_nothing_else_asks_for_one(client: Client, store: Store, queue: Queue) -> None:
    identifier = execution(
        client,
        store,
        Phase("p", (Use("a", "boat"), Use("b", "boat"))),
        Phase("q", (Use("c", "boat"),)),
        jobs={"b": fails},
    )
    for status in statuses(store, identifier).values():
        if status.status not in ("triggered", "started") or status.kind != "job":
            orchestrator_job.handler(event_of(status), None)
    assert queue.sent == []


def test_a_retry_that_has_been_triggered_already_asks_for_none(client: Client, store: Store, queue: Queue) -> None:
    at_once = Phase("p", (Use("a", "boat", retry=(Retry(interval=0, max_attempts=1),)),))
    identifier = execution(client, store, at_once, jobs={"a": fails})
    found = statuses(store, identifier)
    assert "1/a/2/end" in found
    orchestrator_job.handler(event_of(found["1/a/1/end"]), None)
    assert queue.sent == []
