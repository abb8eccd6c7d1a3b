"""What dead_letters_job makes of what could not be delivered, in the shapes in which AWS puts it into the queues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phaseline_runtime import runner
from phaseline_runtime.bundled import dead_letters_job, starter_job
from phaseline_runtime.client import Client
from phaseline_runtime.definition import DEFAULT_RETRIES, Definition, Phase, Retry, Use
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store, from_document, to_document
from tests.support.bus import Bus, event_of
from tests.support.faults import Dying, Killed

CRASH = "RequestId: r-1 Error: Runtime exited with error: signal: killed"
TIMED_OUT = "RequestId: r-1 Error: Task timed out after 40.00 seconds"

Record = dict[str, Any]


STARTS = {
    "ab12": {"machine": "m", "kind": "schedule", "input": {"boat": "Orca"}},
    "cd34": {"machine": "m", "kind": "event"},
    "ef56": {"machine": "m", "kind": "event", "input": None},
}


@pytest.fixture(autouse=True)
def deployed(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "starts.json").write_text(json.dumps(STARTS))
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    dead_letters_job._starts.cache_clear()
    for module in (dead_letters_job, starter_job):
        monkeypatch.setattr(module, "lambda_store", lambda: store)


def message(body: Any, number: int = 1, **attributes: str) -> Record:
    """A message as SQS hands it to Lambda."""
    text = body if isinstance(body, str) else json.dumps(body, default=str)
    found = {name: {"stringValue": value, "dataType": "String"} for name, value in attributes.items()}
    return {"messageId": f"m-{number}", "body": text, "messageAttributes": found}


def undelivered(status: Status) -> Record:
    """The dead letter of a rule: the event itself, and what EventBridge says in the attributes."""
    return message(
        event_of(status),
        RULE_ARN="arn:aws:events:eu-central-1:111122223333:rule/bus/boat",
        ERROR_CODE="NO_PERMISSIONS",
        ERROR_MESSAGE="not authorized to perform: lambda:InvokeFunction",
    )


def failed_invocation(event: Any, text: str | None = CRASH, *, request: str = "r-1", number: int = 1) -> Record:
    """Lambda's record of an asynchronous invocation that failed; without a text, of one that was never run."""
    body = {
        "version": "1.0",
        "timestamp": "2026-11-24T21:52:47.333Z",
        "requestContext": {
            "requestId": request,
            "functionArn": "arn:aws:lambda:eu-central-1:111122223333:function:boat:$LATEST",
            "condition": "EventAgeExceeded" if text is None else "RetriesExhausted",
            "approximateInvokeCount": 0 if text is None else 1,
        },
        "requestPayload": event,
        "responseContext": None,
        "responsePayload": None,
    }
    if text is not None:
        body["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
        body["responsePayload"] = {"errorMessage": text, "errorType": "Runtime.ExitError"}
    return message(body, number)


def kept(*records: Record) -> list[str]:
    """The messages that dead_letters_job could not complete."""
    answer = dead_letters_job.handler({"Records": list(records)}, None)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


class Context:
    """Lambda's context of one request."""

    def __init__(self, request: str) -> None:
        self.aws_request_id = request


class Boat:
    """An execution whose one job has been triggered, and whose event is up to the test."""

    def __init__(self, client: Client, store: Store, *retry: Retry) -> None:
        client.migrate({"m": Definition("m", (Phase("p", (Use("a", "boat", retry=retry), Use("b", "crew", ("a",)))),))})
        self.client, self.store = client, store
        self.id = client.start("m").id
        self.runs: list[str] = []
        Bus(store, lost=lambda status: status.status == "triggered").run(self.id)

    @property
    def triggered(self) -> Status:
        return self.status("1/a/1/entry")

    def status(self, place: str) -> Status:
        found = self.store.status(f"{self.id}/{place}")
        assert found is not None, f"there is no status {place}"
        return found

    @property
    def statuses(self) -> int:
        return self.store.statuses.count_documents({"execution": self.id})

    def run(self, store: Store | None = None, request: str = "r-1") -> None:
        def user(*_: Any) -> None:
            self.runs.append(request)

        runner.run(store or self.store, event_of(self.triggered), Context(request), user)

    def crash(self) -> None:
        """Run it in a sandbox that is killed while the user's handler runs."""
        with pytest.raises(Killed):
            self.run(Dying(self.store, before_insert=lambda status: status.slot == "end"))

    def ended(self) -> dict[str, Any]:
        """The execution once all that has been triggered was delivered."""
        document = Bus(self.store).run(self.id)
        assert self.client.rebuild(self.id) == []
        return document


# A job's attempt.


def test_a_crash_after_the_claim_fails_the_attempt_with_its_cause(client: Client, store: Store) -> None:
    boat = Boat(client, store)
    boat.crash()
    assert kept(failed_invocation(event_of(boat.triggered))) == []
    assert boat.status("1/a/1/end").error == {"type": "Phaseline.Crashed", "message": CRASH}
    document = boat.ended()
    assert document["status"] == "failed"
    assert document["error"] == {"type": "Phaseline.Crashed", "message": CRASH, "job": "a"}
    assert boat.runs == ["r-1"]


def test_whether_a_crash_is_tried_again_is_up_to_the_jobs_own_retry(client: Client, store: Store) -> None:
    boat = Boat(client, store, Retry(errors=("Phaseline.Crashed",), interval=0))
    boat.crash()
    assert kept(failed_invocation(event_of(boat.triggered))) == []
    assert boat.status("1/a/2/entry").cause == f"{boat.id}/1/a/1/end"
    assert boat.ended()["status"] == "success"


def test_a_record_that_comes_twice_changes_nothing_more(client: Client, store: Store) -> None:
    boat = Boat(client, store, Retry(interval=0))
    boat.crash()
    assert kept(failed_invocation(event_of(boat.triggered))) == []
    before = boat.statuses
    assert kept(failed_invocation(event_of(boat.triggered))) == []
    assert boat.statuses == before


def test_the_crash_of_a_duplicate_does_not_touch_the_attempt_that_runs(client: Client, store: Store) -> None:
    boat = Boat(client, store)
    boat.crash()
    before = boat.statuses
    assert kept(failed_invocation(event_of(boat.triggered), request="r-2")) == []
    assert kept(undelivered(boat.triggered)) == []
    assert boat.statuses == before


def test_a_crash_after_the_end_was_recorded_is_completed_as_what_it_was(client: Client, store: Store) -> None:
    boat = Boat(client, store)
    with pytest.raises(Killed):
        boat.run(Dying(store, before_fold=True))
    assert kept(failed_invocation(event_of(boat.triggered))) == []
    assert boat.status("1/a/1/end").status == "success"
    assert boat.status("1/b/1/entry").status == "triggered"


@pytest.mark.parametrize("text", [CRASH, None])
def test_a_job_that_lambda_did_not_run_is_unavailable_and_tried_again_by_default(
    client: Client, store: Store, text: str | None
) -> None:
    boat = Boat(client, store, DEFAULT_RETRIES[0])
    assert kept(failed_invocation(event_of(boat.triggered), text)) == []
    failed = boat.status("1/a/1/start")
    assert failed.error is not None
    assert failed.error["type"] == "Phaseline.Unavailable"
    assert (text or "EventAgeExceeded") in failed.error["message"]
    assert failed.retry is not None
    assert failed.retry["attempt"] == 2


def test_an_attempt_that_was_given_up_does_not_run_when_its_event_comes_after_all(client: Client, store: Store) -> None:
    boat = Boat(client, store)
    assert kept(failed_invocation(event_of(boat.triggered))) == []
    boat.run()
    assert boat.runs == []
    assert boat.ended()["error"]["type"] == "Phaseline.Unavailable"


def test_the_timeout_of_lambda_itself_is_a_timeout(client: Client, store: Store) -> None:
    boat = Boat(client, store)
    boat.crash()
    assert kept(failed_invocation(event_of(boat.triggered), TIMED_OUT)) == []
    assert boat.status("1/a/1/end").error == {"type": "Phaseline.Timeout", "message": TIMED_OUT}


def test_what_a_rule_could_not_hand_over_fails_with_what_eventbridge_says(client: Client, store: Store) -> None:
    boat = Boat(client, store)
    assert kept(undelivered(boat.triggered)) == []
    error = boat.status("1/a/1/start").error
    assert error is not None
    assert error["type"] == "Phaseline.Unavailable"
    assert "not authorized to perform: lambda:InvokeFunction" in error["message"]


def test_a_code_stands_in_for_a_message_that_eventbridge_does_not_give(client: Client, store: Store) -> None:
    boat = Boat(client, store)
    assert kept(message(event_of(boat.triggered), ERROR_CODE="SDK_CLIENT_ERROR")) == []
    error = boat.status("1/a/1/start").error
    assert error is not None
    assert "SDK_CLIENT_ERROR" in error["message"]


@pytest.mark.parametrize("fields", [{"kind": "execution"}, {"status": "success"}, {"job": "crew"}], ids=str)
def test_an_event_that_was_for_somebody_else_fails_no_attempt(
    client: Client, store: Store, fields: dict[str, Any]
) -> None:
    """Its id was made up: statemachine_job or another job has got it, and the job's own event is on its way."""
    boat = Boat(client, store)
    forged = event_of(boat.triggered)
    forged["detail"]["fullDocument"] |= fields
    before = boat.statuses
    assert kept(failed_invocation(forged), failed_invocation(forged, None), message(forged, ERROR_CODE="X")) == []
    assert boat.statuses == before
    boat.run()
    assert boat.runs == ["r-1"]


# What is not a job's.


@pytest.mark.parametrize("shape", [undelivered, lambda status: failed_invocation(event_of(status))])
def test_what_a_bundled_lambda_did_not_get_is_reconciled(client: Client, store: Store, shape: Any) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "boat"),)),))})
    identifier = client.start("m").id
    started = store.status(f"{identifier}/started")
    assert started is not None
    assert kept(shape(started)) == []
    triggered = store.status(f"{identifier}/1/a/1/entry")
    assert triggered is not None
    assert triggered.status == "triggered"


@pytest.mark.parametrize(
    "request_",
    [
        {"machine": "m", "schedule": "ab12", "time": "2026-11-24T00:00:00Z"},
        {"machine": "m", "event": "cd34", "eventId": "7bf73129", "input": {"order": 1}},
        {"machine": "m", "id": "mine"},
    ],
)
def test_a_start_that_failed_is_made_up_for_once(client: Client, store: Store, request_: Record) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "boat"),)),))})
    assert kept(failed_invocation(request_), message(request_, 2, ERROR_CODE="THROTTLING")) == []
    assert len(list(client.find())) == 1


@pytest.mark.parametrize(
    ("rule", "id", "given"),
    [
        ("rule/prod-Starts-9F-ab12", "m-ab12-2026-11-24T00:00:00Z", {"boat": "Orca"}),
        ("rule/orders/prod-Starts-9F-cd34", "m-cd34-7bf73129", {"order": 1}),
        ("rule/orders/prod-Starts-9F-ef56", "m-ef56-7bf73129", {}),
    ],
)
def test_a_start_that_its_rule_could_not_hand_over_is_made_of_the_event_as_the_rule_would_have(
    client: Client, rule: str, id: str, given: Any
) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "boat"),)),))})
    event = {"id": "7bf73129", "source": "shop", "time": "2026-11-24T00:00:00Z", "detail": {"order": 1}}
    record = message(event, RULE_ARN=f"arn:aws:events:eu-central-1:111122223333:{rule}", ERROR_CODE="THROTTLING")
    assert kept(record, record) == []
    (started,) = client.find()
    assert started.id == id
    assert started.document["input"] == given


def test_a_schedule_that_does_not_say_its_time_is_kept_since_it_would_stand_for_all_times(client: Client) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "boat"),)),))})
    request = {"machine": "m", "schedule": "ab12", "time": "<aws.scheduler.scheduled-time>"}
    assert kept(message(request)) == ["m-1"]
    assert list(client.find()) == []


def test_a_sweep_that_failed_is_made_up_for_by_the_next() -> None:
    assert kept(failed_invocation({"sweep": True}, "ServerSelectionTimeoutError")) == []


@pytest.mark.parametrize("fields", [{"name": "nobody"}, {"phase": "nobody"}, {"job": "crew"}], ids=str)
@pytest.mark.parametrize("shape", [undelivered, lambda status: failed_invocation(event_of(status))])
def test_the_dead_letter_of_a_job_that_the_state_machine_has_not_changes_nothing(
    client: Client, store: Store, shape: Any, fields: dict[str, Any]
) -> None:
    boat = Boat(client, store)
    made_up = to_document(boat.triggered) | {"_id": f"{boat.id}/1/made_up/1/entry"} | fields
    store.statuses.insert_one(made_up)
    before = boat.statuses
    assert kept(shape(from_document(made_up))) == []
    assert boat.statuses == before


# What nobody can complete is kept for people.


def test_what_cannot_be_read_is_kept_and_does_not_hold_up_the_others(client: Client, store: Store) -> None:
    boat = Boat(client, store)
    boat.crash()
    forged = {
        "detail": {"fullDocument": {**event_of(boat.triggered)["detail"]["fullDocument"], "_id": "e/1/a/1/entry"}}
    }
    unreadable: list[Any] = [
        "{",
        [],
        "null",
        {"machine": "nobody has deployed this"},
        {"source": "shop", "detail": {"order": 1}},
        {"detail": {"fullDocument": {"kind": "job"}}},
        forged,
    ]
    records = [message(body, number) for number, body in enumerate(unreadable, 1)]
    records += [failed_invocation(body, number=number) for number, body in ((8, None), (9, "text"), (10, {}))]
    records.insert(4, failed_invocation(event_of(boat.triggered), number=99))
    assert kept(*records) == [f"m-{number}" for number in range(1, 11)]
    assert boat.status("1/a/1/end").status == "failed"


def test_what_failed_for_a_passing_reason_comes_again(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    boat = Boat(client, store)
    boat.crash()
    record = failed_invocation(event_of(boat.triggered))
    with monkeypatch.context() as patch:
        patch.setattr(store, "definition", lambda digest: 1 / 0)
        assert kept(record) == ["m-1"]
    assert kept(record) == []
    assert boat.status("1/a/1/end").status == "failed"
