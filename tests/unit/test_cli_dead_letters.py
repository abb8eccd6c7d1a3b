"""`phaseline dlq`: what is kept for people, as it is told, retried and dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from phaseline.cli import cloud, kept
from phaseline.cli.cloud import Cloud
from phaseline.cli.dead_letter import DeadLetter
from phaseline.cli.entry import run
from phaseline.local import PlatformUnavailable

ARN = "arn:aws:sqs:eu-central-1:111122223333:prod-"
EVENT = {"detail": {"fullDocument": {"_id": "e1/1/a/1/entry", "kind": "job", "status": "triggered"}}}
CRASHED = {
    "requestContext": {"condition": "RetriesExhausted"},
    "requestPayload": EVENT,
    "responsePayload": {"errorMessage": "signal: killed"},
}
T0 = 1_790_000_000_000


class FakeAws:
    """SQS with one queue, CloudFormation with one stack, and Lambda; `calls` is what was asked of them."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.hidden: set[str] = set()
        self.elsewhere = 0
        self.sent: list[tuple[str, Any]] = []
        self.invoked: list[tuple[str, Any]] = []
        self.broken: Exception | None = None
        self.outputs = {"PhaselineKept": "https://sqs/kept", "PhaselineNotifications": "prod-notify"}

    def put(self, body: Any, *, source: str | None = "Functions", at: int = 0, **attributes: str) -> str:
        identifier = f"m-{len(self.messages)}"
        given = {"SentTimestamp": str(T0 + at)}
        if source is not None:
            given["DeadLetterQueueSourceArn"] = ARN + source
        self.messages[identifier] = {
            "MessageId": identifier,
            "ReceiptHandle": f"receipt of {identifier}",
            "Body": body if isinstance(body, str) else json.dumps(body),
            "Attributes": given,
            "MessageAttributes": {k: {"DataType": "String", "StringValue": v} for k, v in attributes.items()},
        }
        return identifier

    def describe_stacks(self, StackName: str | None = None) -> Any:
        if self.broken is not None:
            raise self.broken
        outputs = [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs.items()]
        return {"Stacks": [*([] if StackName else [{}]), {"Outputs": outputs}]}

    def receive_message(self, QueueUrl: str, MaxNumberOfMessages: int, **_: Any) -> Any:
        found = [id for id in self.messages if id not in self.hidden][:MaxNumberOfMessages]
        self.hidden |= set(found)
        return {"Messages": [self.messages[id] for id in found]} if found else {}

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:
        assert len(Entries) <= 10
        for entry in Entries:
            self.hidden.discard(entry["ReceiptHandle"].removeprefix("receipt of "))
        return {}

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> Any:
        return {"Attributes": {AttributeNames[0]: str(len(self.hidden) + self.elsewhere)}}

    def get_queue_url(self, QueueName: str, QueueOwnerAWSAccountId: str) -> Any:
        return {"QueueUrl": f"https://sqs/{QueueOwnerAWSAccountId}/{QueueName}"}

    def send_message(self, QueueUrl: str, MessageBody: str, MessageAttributes: Any) -> None:
        if "poison" in MessageBody:
            raise ClientError({"Error": {"Code": "InvalidMessageContents", "Message": "no"}}, "SendMessage")
        self.sent.append((QueueUrl, MessageBody))
        self.attributes = {name: item["StringValue"] for name, item in MessageAttributes.items()}

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> None:
        identifier = ReceiptHandle.removeprefix("receipt of ")
        del self.messages[identifier]
        self.hidden.discard(identifier)

    def invoke(self, FunctionName: str, InvocationType: str, Payload: bytes) -> None:
        assert InvocationType == "Event"
        self.invoked.append((FunctionName, json.loads(Payload)))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    found = FakeAws()
    monkeypatch.setattr(cloud, "find", lambda env: Cloud(env or "prod", lambda service: found))
    return found


@pytest.fixture(autouse=True)
def nobody_else_is_kept_waiting(aws: FakeAws) -> Any:
    yield
    assert aws.hidden == set()


# What is told.


def test_the_list_says_since_when_what_it_is_about_and_why(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.put({"execution": "e2"}, at=5_000)
    aws.put(CRASHED)
    assert run(["dlq", "list"]) == 0
    first, second = capsys.readouterr().out.splitlines()[1:]
    assert first.split()[0] == "m-1"
    assert "status e1/1/a/1/entry" in first
    assert "signal: killed" in first
    assert "execution e2" in second


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["show", "m-0"], ["show", "m-0", "--json"]])
def test_no_password_is_told_that_an_error_quotes_and_data_is_told_as_it_is(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    secret, given = "mongodb://user:s3cr3t@host/", "mongodb://data@host/"
    event = {"detail": {"fullDocument": {**EVENT["detail"]["fullDocument"], "input": {"uri": given}}}}
    response = {"errorMessage": f"no answer from {secret}", "stackTrace": [[f"at {secret}"], 1]}
    aws.put({**CRASHED, "requestPayload": event, "responsePayload": response})
    assert run(["dlq", *command]) == 0
    said = capsys.readouterr().out
    assert "no answer from mongodb://***@host/" in said
    assert "s3cr3t" not in said
    assert (given in said) is (command[0] == "show")
    assert run(["dlq", "retry", "m-0"]) == 0
    assert secret in aws.sent[0][1]  # What is retried is the message as it was.


def test_the_list_as_json(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.put({"machine": "m", "schedule": "ab12"}, source="Rules", ERROR_CODE="THROTTLING")
    assert run(["dlq", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"id": "m-0", "since": "2026-09-21T14:13:20.000Z", "about": "start of m", "cause": "THROTTLING"}
    ]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("{", "the message is no JSON object"),
        ([1], "the message is no JSON object"),
        ({"x": 1}, "the message is neither an event of a status nor a wake-up nor a start"),
        ({"detail": {"fullDocument": {"_id": 1}}}, "the message is neither an event of a status nor"),
        ({"requestPayload": None}, "the invocation that failed had no JSON object as its event"),
    ],
)
def test_of_what_cannot_be_read_it_is_said_what_is_wrong_and_what_to_do(
    aws: FakeAws, body: Any, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.put(body)
    assert run(["dlq", "list", "--json"]) == 0
    [listed] = json.loads(capsys.readouterr().out)
    assert listed["about"] == "unreadable"
    assert listed["cause"].startswith(wrong)
    assert run(["dlq", "list"]) == 0
    said = capsys.readouterr()
    assert wrong in said.out
    assert "fails at each retry: `phaseline dlq show ID`, then `phaseline dlq drop ID`" in said.err


@pytest.mark.parametrize(
    ("body", "source", "about", "consumer"),
    [
        (EVENT, "Rules", "status e1/1/a/1/entry", "dead_letters_job"),
        ({"detail": 1}, "Rules", "event for rule/orders", "dead_letters_job"),
        ({"requestPayload": {"execution": "e2"}}, "Functions", "execution e2", "dead_letters_job"),
        ({"execution": "e2"}, "WakeUps", "execution e2", "watchdog_job"),
        ({"requestPayload": EVENT}, None, "status e1/1/a/1/entry", "notifications_job"),
    ],
)
def test_whose_log_has_the_cause_is_said_where_the_message_has_none(
    aws: FakeAws, body: Any, source: str | None, about: str, consumer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.put(body, source=source, RULE_ARN="arn:aws:events:eu-central-1:1:rule/orders")
    assert run(["dlq", "list", "--json"]) == 0
    [listed] = json.loads(capsys.readouterr().out)
    assert (listed["about"], listed["cause"]) == (about, f"not in the message: see the log of {consumer}")
    assert run(["dlq", "list"]) == 0
    assert "cannot be read" not in capsys.readouterr().err


def test_all_are_listed_however_many_sqs_gives_at_once(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(25):
        aws.put(CRASHED)
    assert run(["dlq", "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 25


def test_a_look_is_bounded(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(kept, "MOST", 20)
    for _ in range(45):
        aws.put(CRASHED)
    assert run(["dlq", "list", "--json"]) == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)) == 20
    assert "there may be more" in said.err
    for left in (25, 5, 0):
        assert run(["dlq", "retry", "--all"]) == 0
        assert len(aws.messages) == left
        assert ("there may be more: call it once more" in capsys.readouterr().err) is (left > 0)


def test_an_empty_queue_is_said_and_so_is_what_somebody_else_looks_at(
    aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.elsewhere = 3
    assert run(["dlq", "list"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[0] == "no dead letters to be seen"
    assert said.err.splitlines()[1].startswith("3 more cannot be seen just now")


def test_show_prints_the_whole_message(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.put({"execution": "other"})
    wanted = aws.put(EVENT, source="Rules", RULE_ARN="arn:rule", ERROR_MESSAGE="not authorized")
    assert run(["dlq", "show", wanted]) == 0
    out = capsys.readouterr().out
    assert "RULE_ARN: arn:rule" in out
    assert json.loads(out[out.index("{") :]) == EVENT
    assert run(["dlq", "show", wanted, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert (whole["message"], whole["cause"], whole["from"]) == (EVENT, "not authorized", ARN + "Rules")


@pytest.mark.parametrize("command", ["show", "retry", "drop"])
def test_an_id_that_is_not_there_is_the_users_mistake(
    aws: FakeAws, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.put(CRASHED)
    aws.elsewhere = 2
    assert run(["dlq", command, "m-7"]) == 2
    said = capsys.readouterr().err
    assert "there is no dead letter 'm-7' to be seen" in said
    assert "2 more cannot be seen just now" in said
    assert list(aws.messages) == ["m-0"]


# What is done.


def test_retry_gives_it_back_to_the_queue_that_had_it(aws: FakeAws) -> None:
    crashed = aws.put(CRASHED)
    undelivered = aws.put(EVENT, source="Rules", RULE_ARN="arn:rule", ERROR_MESSAGE="not authorized")
    assert run(["dlq", "retry", crashed]) == 0
    assert aws.sent == [("https://sqs/111122223333/prod-Functions", json.dumps(CRASHED))]
    assert run(["dlq", "retry", undelivered]) == 0
    assert aws.sent[1] == ("https://sqs/111122223333/prod-Rules", json.dumps(EVENT))
    assert aws.attributes == {"RULE_ARN": "arn:rule", "ERROR_MESSAGE": "not authorized"}
    assert aws.messages == {}


@pytest.mark.parametrize("body", [CRASHED, EVENT])
def test_a_message_of_notifications_job_is_handed_to_it_anew(aws: FakeAws, body: Any) -> None:
    aws.put(body, source=None)
    assert run(["dlq", "retry", "m-0"]) == 0
    assert aws.invoked == [("prod-notify", EVENT)]
    assert aws.messages == {}


def test_one_that_cannot_be_retried_stays_and_holds_up_no_other(
    aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    poisoned, _ = aws.put("poison"), aws.put(CRASHED)
    assert run(["dlq", "retry", "--all"]) == 1
    assert list(aws.messages) == [poisoned]
    said = capsys.readouterr()
    assert said.out == "m-1 retried\n"
    assert "1 retried, 1 failed" in said.err


def test_drop_asks_first_and_deletes_then(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.put(CRASHED)
    aws.put({"execution": "e2"})
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert run(["dlq", "drop", "--all"]) == 2
    assert len(aws.messages) == 2
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    assert run(["dlq", "drop", "m-0"]) == 0
    assert list(aws.messages) == ["m-1"]
    capsys.readouterr()
    assert run(["dlq", "drop", "--all", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"id": "m-1", "done": "dropped"}]
    assert (aws.messages, aws.sent, aws.invoked) == ({}, [], [])


@pytest.mark.parametrize("arguments", [["retry"], ["drop"], ["retry", "m-0", "--all"], ["drop", "m-0", "--all"]])
def test_either_one_or_all(aws: FakeAws, arguments: list[str]) -> None:
    aws.put(CRASHED)
    assert run(["dlq", *arguments]) == 2
    assert list(aws.messages) == ["m-0"]


@pytest.mark.parametrize("command", ["retry", "drop"])
def test_which_ones_is_asked_before_the_stack_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    def away(env: str | None) -> Cloud:
        raise PlatformUnavailable("the local platform is not up")

    monkeypatch.setattr(cloud, "find", away)
    assert run(["dlq", command]) == 2
    assert "give the id of a message, or --all" in capsys.readouterr().err


# What keeps it from being asked.


def test_a_stack_without_the_output_says_what_to_do(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.outputs.clear()
    assert run(["dlq", "list", "--env", "prod"]) == 2
    assert "stack phaseline-prod has no output PhaselineKept" in capsys.readouterr().err
    assert run(["dlq", "list", "--env", "local"]) == 2
    assert "no stack of the local platform has the output PhaselineKept" in capsys.readouterr().err


def test_on_the_local_platform_the_stack_has_any_name(aws: FakeAws) -> None:
    assert run(["dlq", "list", "--env", "local"]) == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks"), 2),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DescribeStacks"), 3),
        (EndpointConnectionError(endpoint_url="https://aws"), 3),
    ],
)
def test_what_aws_refuses_or_does_not_answer(aws: FakeAws, error: Exception, code: int) -> None:
    aws.broken = error
    assert run(["dlq", "list"]) == code


def test_a_platform_that_is_down_cannot_be_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PHASELINE_ENV", raising=False)
    (tmp_path / "phaseline.yaml").write_text("")
    (tmp_path / "cdk.json").write_text("{}")
    assert run(["dlq", "list"]) == 3
    assert "the local platform is not up" in capsys.readouterr().err


def test_a_letter_reads_the_event_out_of_lambdas_record(aws: FakeAws) -> None:
    aws.put(CRASHED)
    assert DeadLetter.of(aws.messages["m-0"]).event == EVENT
