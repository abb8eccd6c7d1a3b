"""The invoker's call, over HTTP to a stand-in for Lambda's endpoint: once, and what becomes of its answers."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import SSLError
from bson import ObjectId

from phaseline_runtime import answers, invoker
from phaseline_runtime.answers import failure, refusal
from phaseline_runtime.current import Current, running
from phaseline_runtime.errors import AttemptFailed

TARGET = "arn:aws:lambda:eu-west-1:111122223333:function:captain:live"
ATTEMPT = Current(execution="e", state_machine="m", phase="p", round=2, name="call", job="captain", attempt=3)


@dataclass
class Lambda:
    """What the stand-in answers, and what it was asked."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"null"
    before: Callable[[BaseHTTPRequestHandler], None] = lambda handler: None
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lambda]:
    answer = Lambda()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer.asked.append((self.path, dict(self.headers), body))
            answer.before(self)
            if self.close_connection:
                return
            content = answer.body  # The next answer may be set as soon as the caller has read the headers.
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    configured(monkeypatch, server.server_address[1])
    yield answer
    server.shutdown()
    thread.join()
    server.server_close()
    invoker._client.cache_clear()


def configured(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("PHASELINE_TARGET", TARGET)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    invoker._client.cache_clear()


def call(given: Any = None) -> Any:
    with running(ATTEMPT):
        return invoker.call({} if given is None else given, None)


def failed(given: Any = None) -> tuple[str, str]:
    with pytest.raises(AttemptFailed) as raised:
        call(given)
    return raised.value.type, str(raised.value)


@pytest.mark.parametrize("letter", ["x", "漁", "🐟"])
def test_what_is_told_of_the_attempt_fits_whatever_its_id_is_written_in(endpoint: Lambda, letter: str) -> None:
    name = "x" * 64
    long = replace(ATTEMPT, execution=letter * 256, state_machine=name, phase=name, name=name, job=name)
    with running(long):
        invoker.call({}, None)
    [(_, headers, _)] = endpoint.asked
    context = headers["X-Amz-Client-Context"]
    assert len(context) <= 3_583
    assert json.loads(base64.b64decode(context))["custom"]["execution"] == letter * 256


def test_a_function_gets_the_input_as_its_event_and_the_attempt_as_its_context(endpoint: Lambda) -> None:
    endpoint.body = b'{"boat": "Anna"}'
    when = datetime(2026, 5, 31, 12, tzinfo=UTC)
    assert call({"at": when, "id": ObjectId("64f0c0ffee64f0c0ffee0000"), "$fish": {"a.b": 1}}) == {"boat": "Anna"}
    [(path, headers, body)] = endpoint.asked
    assert "captain%3Alive/invocations" in path
    assert json.loads(body) == {
        "at": "2026-05-31T12:00:00.000Z",
        "id": "64f0c0ffee64f0c0ffee0000",
        "$fish": {"a.b": 1},
    }
    assert "eu-west-1/lambda" in headers["Authorization"]  # The region of the ARN, not the invoker's.
    assert json.loads(base64.b64decode(headers["X-Amz-Client-Context"])) == {
        "custom": {
            "execution": "e",
            "stateMachine": "m",
            "phase": "p",
            "round": "2",
            "name": "call",
            "job": "captain",
            "attempt": "3",
            "idempotencyKey": "e/2/call",
        }
    }


def test_an_empty_answer_is_none_and_one_that_is_no_json_an_error(endpoint: Lambda) -> None:
    endpoint.body = b""
    assert call() is None
    endpoint.body = b"<fish/>"
    with pytest.raises(invoker.AnswerNotJson, match="7 bytes that are no JSON"):
        call()


def test_a_functions_own_error_is_the_attempts(endpoint: Lambda) -> None:
    endpoint.headers = {"X-Amz-Function-Error": "Unhandled"}
    endpoint.body = json.dumps({"errorType": "BoatTaken", "errorMessage": "by Ole", "trace": ["at x", "at y"]}).encode()
    with pytest.raises(AttemptFailed) as raised:
        call()
    assert (raised.value.type, str(raised.value), raised.value.trace) == ("BoatTaken", "by Ole", "at x\nat y")


REFUSALS = [
    (429, "TooManyRequestsException", "Phaseline.Unavailable"),
    (409, "ResourceConflictException", "Phaseline.Unavailable"),
    (413, "RequestTooLargeException", "Phaseline.InputTooLarge"),
    (500, "ServiceException", "Phaseline.Crashed"),
    (503, "", "Phaseline.Crashed"),
    (403, "AccessDeniedException", "AccessDeniedException"),
    (404, "ResourceNotFoundException", "ResourceNotFoundException"),
    (502, "KMSAccessDeniedException", "KMSAccessDeniedException"),
]


@pytest.mark.parametrize(("status", "code", "recorded"), REFUSALS)
def test_a_refusal_is_asked_for_once_and_means_what_it_says(
    endpoint: Lambda, status: int, code: str, recorded: str
) -> None:
    endpoint.status, endpoint.body = status, b'{"Message": "no boat"}'
    endpoint.headers = {"x-amzn-ErrorType": code} if code else {}
    kind, message = failed()
    assert kind == recorded
    assert "no boat" in message
    assert TARGET in message
    assert len(endpoint.asked) == 1


def test_a_function_that_does_not_answer_is_called_once_and_is_a_timeout(
    endpoint: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoker, "LONGEST_WAIT", 0.2)
    given_up = threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        given_up.wait(10)
        handler.close_connection = True

    endpoint.before = late
    kind, message = failed()
    given_up.set()
    assert kind == "Phaseline.Timeout"
    assert "whether it has ended is not known" in message
    assert len(endpoint.asked) == 1


def test_a_connection_that_breaks_leaves_open_whether_it_ran(endpoint: Lambda) -> None:
    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    endpoint.before = hang_up
    assert failed()[0] == "Phaseline.Crashed"
    assert len(endpoint.asked) == 1


def test_an_answer_that_is_cut_off_leaves_open_whether_it_ran(endpoint: Lambda) -> None:
    endpoint.body, endpoint.headers = b'{"boat": ', {"Content-Length": "20", "Connection": "close"}
    assert failed()[0] == "Phaseline.Crashed"
    assert len(endpoint.asked) == 1


def test_tls_that_breaks_may_have_broken_after_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def invoke(self, **_: Any) -> None:
            raise SSLError(endpoint_url="https://lambda", error="EOF occurred in violation of protocol")

    monkeypatch.setenv("PHASELINE_TARGET", TARGET)
    monkeypatch.setattr(invoker, "_client", lambda region: Broken())
    kind, message = failed()
    assert kind == "Phaseline.Crashed"
    assert "whether it has ended is not known" in message


def test_where_lambda_cannot_be_reached_nothing_has_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        configured(monkeypatch, nobody.getsockname()[1])
        assert failed()[0] == "Phaseline.Unavailable"
    invoker._client.cache_clear()


def test_an_input_that_no_call_can_carry_is_not_sent(endpoint: Lambda) -> None:
    kind, message = failed({"fish": "x" * invoker.MAX_PAYLOAD})
    assert kind == "Phaseline.InputTooLarge"
    assert "the input has 6291468 bytes, and a function can be called with 6291456" in message
    assert endpoint.asked == []


FAILURES = [
    ({"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 seconds"}, "Phaseline.Timeout"),
    ({"errorMessage": "2026-05-31T12:00:00Z 1a2b Task timed out after 3.00 seconds"}, "Phaseline.Timeout"),
    ({"errorType": "Runtime.ExitError", "errorMessage": "signal: killed"}, "Phaseline.Crashed"),
    ({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": "exceeded"}, "Phaseline.OutputTooLarge"),
    (
        {"errorType": "java.io.IOException", "errorMessage": "gone", "stackTrace": ["a(b.java:1)"]},
        "java.io.IOException",
    ),
    ({"errorType": "Runtime.ImportModuleError", "errorMessage": "no module"}, "Runtime.ImportModuleError"),
    ({}, "Phaseline.Crashed"),
    ("text", "Phaseline.Crashed"),
]


@pytest.mark.parametrize(("document", "recorded"), FAILURES)
def test_what_lambda_calls_the_end_of_a_function_has_a_name_of_ours(document: Any, recorded: str) -> None:
    assert failure(json.dumps(document).encode(), TARGET).type == recorded


def test_a_failure_that_is_no_json_keeps_its_text() -> None:
    assert str(failure(b"\xffgone", TARGET)) == "�gone"


def test_each_refusal_of_lambdas_that_passes_by_itself_is_one_that_lambda_has() -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    known = {shape.name for shape in model.operation_model("Invoke").error_shapes}
    assert known >= answers.NOT_RUN
    assert known >= answers.TOO_LARGE
    assert refusal({"Error": {"Code": "ServiceException"}}, TARGET).type == "Phaseline.Crashed"
