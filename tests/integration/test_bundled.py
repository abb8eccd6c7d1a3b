"""starter_job and migrations_job, as AWS calls them."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from phaseline_runtime.bundled import migrations_job, starter_job
from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.errors import UnknownMachine, UserError
from phaseline_runtime.store.store import Store

MACHINE = Definition("m", (Phase("p", (Use("a", "a"),)),))


@pytest.fixture(autouse=True)
def lambda_store(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    client.migrate({"m": MACHINE})
    for module in (starter_job, migrations_job):
        monkeypatch.setattr(module, "lambda_store", lambda: store)


def test_an_invocation_starts_and_a_repetition_does_not(client: Client) -> None:
    request = {"machine": "m", "input": {"n": 1}, "id": "mine"}
    assert starter_job.handler(request, None) == {"id": "mine", "status": "running", "created": True}
    assert starter_job.handler(request, None) == {"id": "mine", "status": "running", "created": False}


@pytest.mark.parametrize(
    "request_",
    [
        {"machine": "m", "schedule": "ab12", "time": "2026-01-01T00:00:00Z", "input": {}},
        {"machine": "m", "event": "cd34", "eventId": "7bf73129", "input": {"order": 1}},
    ],
)
def test_a_schedule_or_event_delivered_twice_starts_once(request_: dict[str, Any], client: Client) -> None:
    answers = [starter_job.handler(request_, None) for _ in range(2)]
    assert [answer["created"] for answer in answers] == [True, False]
    [execution] = client.find()
    assert execution.document["input"] == request_["input"]
    assert execution.document["startedBy"] in ("schedule", "event")


@pytest.mark.parametrize("encode", [lambda text: (text, False), lambda text: (base64.b64encode(text), True)])
def test_a_function_url_answers_like_http(encode: Callable[[bytes], tuple[Any, bool]]) -> None:
    def call(body: bytes) -> tuple[int, dict[str, Any]]:
        text, encoded = encode(body)
        answer = starter_job.handler({"requestContext": {}, "body": text, "isBase64Encoded": encoded}, None)
        return answer["statusCode"], json.loads(answer["body"])

    assert call(b'{"machine": "m", "id": "x"}') == (201, {"id": "x", "status": "running", "created": True})
    assert call(b'{"machine": "m", "id": "x"}')[0] == 200
    assert call(b'{"machine": "m", "id": "x", "input": 1}')[1]["error"] == "ExecutionConflict"
    assert call(b"{machine")[0] == 400
    assert call(b"[]")[0] == 400
    assert call(b'{"machine": "nope"}')[1]["error"] == "UnknownMachine"


def test_mistakes_of_the_caller_fail_the_invocation() -> None:
    with pytest.raises(UserError, match="machine, input and id"):
        starter_job.handler({"machin": "m"}, None)
    with pytest.raises(UnknownMachine, match="'nope'"):
        starter_job.handler({"machine": "nope"}, None)


def answered(event: dict[str, Any], context: Any = None) -> dict[str, Any]:
    """What migrations_job tells CloudFormation."""
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        request = {"ResponseURL": url, "StackId": "s", "RequestId": "r", "LogicalResourceId": "l", **event}
        migrations_job.handler(request, context)
        thread.join()
    return seen[0]


def test_a_deploy_publishes_and_a_new_one_leaves_running_definitions_alone(
    store: Store, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    before = client.start("m").document["definition"]
    changed = Definition("m", (Phase("p", (Use("b", "b"),)),))
    (tmp_path / "definitions.json").write_text(json.dumps({"m": changed.to_document()}))
    assert answered({"RequestType": "Create"})["Status"] == "SUCCESS"
    assert answered({"RequestType": "Update", "PhysicalResourceId": "kept"})["PhysicalResourceId"] == "kept"
    assert client.start("m").document["definition"] == changed.to_document()["_id"] != before
    assert store.definition(before) == MACHINE


def test_what_is_taken_out_of_the_file_is_started_no_more_until_it_is_back(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    file, running = tmp_path / "definitions.json", client.start("m", id="running")
    other = Definition("other", (Phase("p", (Use("b", "b"),)),))

    def deploy(*definitions: Definition) -> None:
        file.write_text(json.dumps({each.state_machine: each.to_document() for each in definitions}))
        assert answered({"RequestType": "Update", "PhysicalResourceId": "p"})["Status"] == "SUCCESS"

    deploy(other)
    with pytest.raises(UnknownMachine, match=r"'m' is not deployed here; deployed are: other$"):
        client.start("m")
    with pytest.raises(UnknownMachine, match="jobs that are not deployed here: a; deployed are: b"):
        client.start("other", definition=Definition("other", MACHINE.phases))
    found = client.get("running")
    assert found is not None
    assert found.document == running.document
    deploy(MACHINE, other)
    assert client.start("m").status == client.start("other").status == "running"


def test_a_failed_migration_fails_the_deploy_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    answer = answered({"RequestType": "Create"})
    assert answer["Status"] == "FAILED"
    assert "definitions.json" in answer["Reason"]


def test_rights_that_are_missing_are_told_with_what_to_do(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Any:
        raise OperationFailure("not authorized on shop, full error: {}", 13, {"errmsg": "not authorized on shop"})

    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    (tmp_path / "definitions.json").write_text("{}")
    monkeypatch.setattr("phaseline_runtime.store.schema.migrate", refused)
    answer = answered({"RequestType": "Update"})
    assert answer["Status"] == "FAILED"
    assert re.fullmatch(
        r"DatabaseUnavailable: MongoDB at \S+ refuses \(not authorized on shop\): check the user, .* "
        r"\(docs/atlas\.md lists those that it needs\)",
        answer["Reason"],
    )


def test_a_migration_that_takes_too_long_is_answered_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations_job, "_migrate", lambda: time.sleep(30))
    monkeypatch.setattr(migrations_job, "_LEFT", 60)
    begun = time.monotonic()
    answer = answered({"RequestType": "Update"}, SimpleNamespace(get_remaining_time_in_millis=lambda: 61_000))
    assert time.monotonic() - begun < 10
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        "StillBuilding: MongoDB is still building an index of a large collection, and goes on with it: "
        "run `phaseline migrate`, which waits for it as long as it takes, and deploy again"
    )


def test_deleting_the_stack_deletes_no_data(client: Client, tmp_path: Path) -> None:
    client.start("m", id="kept")
    assert answered({"RequestType": "Delete", "PhysicalResourceId": "p"})["Status"] == "SUCCESS"
    assert client.get("kept") is not None
