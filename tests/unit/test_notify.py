"""Notifications: who is told what."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from phaseline_runtime.bundled import notifications_job
from phaseline_runtime.notify.channels import send
from phaseline_runtime.notify.message import subscribes, text
from phaseline_runtime.statuses import Status

BASE: dict[str, Any] = {"execution": "e1", "state_machine": "m"}
FAILED = Status(
    id="e1/2/rent/2/end",
    kind="job",
    status="failed",
    name="rent",
    job="rent",
    phase="thinking",
    round=2,
    attempt=2,
    error={"type": "BoatTaken", "message": "no boat", "traceback": "t"},
    **BASE,
)

LEFT: dict[str, Any] = {"undone": [], "notUndone": [{"job": "a", "round": 1}]}
UNDONE: dict[str, Any] = {"undone": [{"job": "a", "round": 1}], "notUndone": []}


def test_of_many_that_were_not_undone_a_few_are_named() -> None:
    left = [{"job": "a", "round": number} for number in range(1, 1_008)]
    status = Status(id="i", kind="execution", status="failed", error={"undone": [], "notUndone": left}, **BASE)
    assert text(status).endswith(
        "not undone: a (round 1), a (round 2), a (round 3), a (round 4), a (round 5) and 1,002 more"
    )


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (FAILED, "m e1: job rent failed (phase thinking, round 2, attempt 2): BoatTaken: no boat"),
        (Status(id="i", kind="execution", status="success", **BASE), "m e1: execution succeeded"),
        (Status(id="i", kind="phase", phase="p", round=1, status="started", **BASE), "m e1: phase p started (round 1)"),
        (
            Status(id="i", kind="job", name="a", phase="p", round=1, status="skipped", reason="when", **BASE),
            "m e1: job a was skipped (phase p, round 1): when",
        ),
        (
            Status(id="i", kind="execution", status="cancel_requested", reason="too late", **BASE),
            "m e1: execution is being cancelled: too late",
        ),
        (
            Status(id="i", kind="phase", phase="p", round=1, status="overdue", **BASE),
            "m e1: phase p has passed its deadline (round 1)",
        ),
        (
            Status(id="i", kind="job", name="a", phase="p", round=1, status="late", reason="success", **BASE),
            "m e1: job a ended after it had been given up (phase p, round 1): success",
        ),
        (
            Status(id="i", kind="execution", status="failed", error={"type": "E", "message": "m", **LEFT}, **BASE),
            "m e1: execution failed: E: m; not undone: a (round 1)",
        ),
        (
            Status(id="i", kind="execution", status="failed", error=LEFT, **BASE),
            "m e1: execution failed: not undone: a (round 1)",
        ),
        (Status(id="i", kind="execution", status="cancelled", error=UNDONE, **BASE), "m e1: execution cancelled"),
    ],
)
def test_text(status: Status, line: str) -> None:
    assert text(status) == line


@pytest.mark.parametrize(
    ("events", "told"),
    [(["*"], True), (["job.*"], True), (["job.failed"], True), (["job.success", "execution.*"], False), ([], False)],
)
def test_subscriptions(events: list[str], told: bool) -> None:
    assert subscribes(events, FAILED) is told


@pytest.fixture
def posts() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_slack_gets_the_line_and_a_webhook_the_fields(posts: tuple[str, list[dict[str, Any]]]) -> None:
    url, seen = posts
    send({"to": "slack", "url": url}, FAILED, print)
    send({"to": "webhook", "url": url}, FAILED, print)
    assert seen[0] == {"text": text(FAILED)}
    assert seen[1]["event"] == "job.failed"
    assert seen[1]["error"] == {"type": "BoatTaken", "message": "no boat"}


def test_a_channel_that_is_down_does_not_keep_the_others_from_being_told(
    posts: tuple[str, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, seen = posts
    down = {"to": "webhook", "url": "http://127.0.0.1:9/secret-token", "events": ["*"]}
    channels = [down, {"to": "slack", "url": url, "events": ["job.failed"]}, {"to": "log", "events": ["phase.*"]}]
    (tmp_path / "notifications.json").write_text(json.dumps(channels))
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))

    class OneStatus:
        def status(self, _: str) -> Status:
            return FAILED

    monkeypatch.setattr(notifications_job, "lambda_store", OneStatus)
    notifications_job._channels.cache_clear()
    with pytest.raises(notifications_job.ChannelsFailed) as failure:
        notifications_job.handler({"detail": {"fullDocument": {"_id": FAILED.id}}}, None)
    notifications_job._channels.cache_clear()
    assert str(failure.value) == "webhook: URLError (status e1/2/rent/2/end)"
    assert seen == [{"text": text(FAILED)}]
