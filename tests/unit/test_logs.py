"""What functions of ours log: lines of JSON that a query can join, by execution, job, attempt, request and trace."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import pkgutil
import sys
import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from phaseline_runtime import bundled
from phaseline_runtime.logs import follow, logged, logger
from phaseline_runtime.statuses import Status

ATTEMPT = Status(
    id="e/2/rent/3/entry",
    kind="job",
    execution="e",
    state_machine="m",
    status="triggered",
    phase="p",
    round=2,
    name="rent",
    job="rent_a_boat",
    attempt=3,
)
PHASE = Status(id="e/2/start", kind="phase", execution="e", state_machine="m", status="started", phase="p", round=2)
CONTEXT = SimpleNamespace(aws_request_id="request-1")
log = logger("rent_a_boat")
BUNDLED = [f"bundled.{each.name}" for each in pkgutil.iter_modules(bundled.__path__) if each.name.endswith("_job")]


@pytest.fixture(autouse=True)
def trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_says_which_attempt_and_which_invocation(capsys: pytest.CaptureFixture[str]) -> None:
    @logged
    def handler(event: Any, context: Any) -> None:
        follow(ATTEMPT)
        log.info("started", extra={"at": datetime(2026, 1, 2, tzinfo=UTC)})

    handler({}, CONTEXT)
    (line,) = lines(capsys)
    assert line.pop("location").startswith("handler:")
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo is not None
    assert line == {
        "level": "INFO",
        "message": "started",
        "service": "rent_a_boat",
        "function_request_id": "request-1",
        "xray_trace_id": "1-5759e988-bd862e3fe1be46a994272793",
        "execution": "e",
        "stateMachine": "m",
        "phase": "p",
        "round": 2,
        "job": "rent",
        "attempt": 3,
        "at": "2026-01-02 00:00:00+00:00",
    }


def test_nothing_of_the_invocation_before_stays(capsys: pytest.CaptureFixture[str]) -> None:
    @logged
    def handler(event: Any, context: Any) -> None:
        log.info("begun")
        for status in event:
            follow(status)
            log.info("followed")

    handler([ATTEMPT, PHASE], CONTEXT)
    handler([], None)
    begun, attempt, phase, other = lines(capsys)
    assert "execution" not in begun
    assert (attempt["job"], attempt["attempt"]) == ("rent", 3)
    assert not {"job", "attempt"} & set(phase)
    assert phase["execution"] == "e"
    assert not {"execution", "function_request_id"} & set(other)


@pytest.mark.parametrize("module", ["runner", "invoker", *BUNDLED])
def test_the_lines_of_each_lambda_say_so(
    module: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PHASELINE_MONGO_URI", "PHASELINE_MONGO_SECRET", "PHASELINE_MONGO_PARAMETER"):
        monkeypatch.delenv(name, raising=False)
    with contextlib.suppress(Exception):  # It has no database, and this is no event.
        importlib.import_module(f"phaseline_runtime.{module}").handler({}, SimpleNamespace(aws_request_id=module))
    log.info("afterwards")
    assert lines(capsys)[-1]["function_request_id"] == module


def test_threads_do_not_mix(capsys: pytest.CaptureFixture[str]) -> None:
    follow(ATTEMPT)
    thread = threading.Thread(target=lambda: log.info("another"))
    thread.start()
    thread.join()
    log.info("this one")
    another, this = lines(capsys)
    assert "execution" not in another
    assert this["execution"] == "e"


def test_an_error_is_one_line_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("no such harbour\nat all")
    except ValueError:
        log.exception("the job failed")
    (line,) = lines(capsys)
    assert (line["level"], line["exception_name"]) == ("ERROR", "ValueError")
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("no such harbour\nat all")


def test_the_keys_are_those_of_powertools(capsys: pytest.CaptureFixture[str]) -> None:
    theirs = Logger(service="rent_a_boat")

    @logged
    def ours(event: Any, context: Any) -> None:
        logger("rent_a_boat").info("failed", extra={"boat": 1})

    theirs.info("failed", extra={"boat": 1})
    ours({}, None)
    one, other = lines(capsys)
    assert set(one) == set(other)


def test_a_line_is_written_once_and_not_by_lambdas_own_handler_besides(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("rent_a_boat", "another"):
        logger(name)
    lambdas = logging.StreamHandler(sys.stdout)
    logging.getLogger().addHandler(lambdas)
    try:
        log.info("ours")
    finally:
        logging.getLogger().removeHandler(lambdas)
    assert len(lines(capsys)) == 1
