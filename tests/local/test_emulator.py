"""How the emulator is changed towards AWS, on its own functions: what waits for a place, and what does not."""

from __future__ import annotations

import io
import os
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from phaseline.local.emulator import let_what_runs_end, raised, share_layers, wait_where_it_throttles
from tests.support.waiting import until

CHANGED = ("_acquire_execution_slot", "_release_execution_slot", "_execute_function_with_config_scope")
PATIENCE = 20.0


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The emulator's service of Lambda with two places in all; what a function does is to wait for `free`."""
    for name in CHANGED:
        monkeypatch.setattr(lambda_svc, name, getattr(lambda_svc, name))
    monkeypatch.setattr(lambda_svc, "_ACCOUNT_CONCURRENCY_CAP", 2)
    return lambda_svc


def function(name: str, reserved: int | None = None) -> dict[str, Any]:
    return {"config": {"FunctionName": name}, "concurrency": reserved}


def test_who_is_waited_for_needs_no_place_that_those_who_wait_have_taken(
    bounded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquired: list[Any] = []

    def call(func: Any, event: Any) -> Any:
        slot, limit = bounded._acquire_execution_slot(func, func["config"])
        acquired.append((slot is not None, limit))
        if slot is not None:
            bounded._release_execution_slot(slot)

    monkeypatch.setattr(bounded, "_execute_function_with_config_scope", call)
    wait_where_it_throttles(bounded, patience=PATIENCE)
    places = [bounded._acquire_execution_slot(function("invoker"), function("invoker")["config"]) for _ in range(2)]
    bounded._execute_function_with_config_scope(function("target"), {})
    bounded._execute_function_with_config_scope(function("closed", reserved=0), {})
    for slot, _ in places:
        bounded._release_execution_slot(slot)
    assert acquired == [(True, None), (False, "function")]
    assert bounded._ACCOUNT_CONCURRENCY_CAP == 2


@pytest.mark.parametrize("reserved", [None, 1])
def test_an_event_waits_for_a_place_of_the_account_or_of_its_function(bounded: Any, reserved: int | None) -> None:
    wait_where_it_throttles(bounded, patience=PATIENCE)
    func = function("job", reserved)
    held = [bounded._acquire_execution_slot(func, func["config"])[0] for _ in range(reserved or 2)]
    got: list[Any] = []
    waiting = threading.Thread(target=lambda: got.append(bounded._acquire_execution_slot(func, func["config"])[0]))
    waiting.start()
    time.sleep(0.05)
    assert got == []
    bounded._release_execution_slot(held.pop())
    waiting.join(PATIENCE)
    assert len(got) == 1
    for slot in [*held, *got]:
        assert slot is not None
        bounded._release_execution_slot(slot)


def zipped(**files: str) -> bytes:
    """A zip file of modules, by their names."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as into:
        for name, source in files.items():
            into.writestr(f"{name}.py", source)
    return packed.getvalue()


HANDLER = """
import os
import layered


def handler(event, context):
    compiled = os.stat(layered.__cached__)
    return [compiled.st_ino, compiled.st_mtime_ns]
"""


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[Any]]:
    """Two functions with the same layer, on an emulator whose layers are shared."""
    monkeypatch.setattr(lambda_runtime, "zipfile", lambda_runtime.zipfile)
    layer = zipped(layered="")
    monkeypatch.setattr(lambda_svc, "_resolve_layer_zip", lambda _: layer)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    share_layers(lambda_runtime, tmp_path)
    config = {"Handler": "handler.handler", "Runtime": "python3.13", "Layers": ["arn:aws:lambda:…:layer:runtime:1"]}
    arn = "arn:aws:lambda:us-east-1:000000000000:function:"
    started = [
        lambda_runtime.Worker(
            name, {**config, "FunctionName": name, "FunctionArn": arn + name}, zipped(handler=HANDLER)
        )
        for name in ("first", "second")
    ]
    yield started
    for worker in started:
        end(worker)


def end(worker: Any, kill: Callable[[list[Any]], None] = lambda_runtime.kill_workers) -> None:
    """End its process, and close what the emulator leaves open."""
    process = worker._proc
    kill([worker])
    for pipe in (process.stdin, process.stdout, process.stderr) if process else ():
        pipe.close()


def test_a_layer_is_unpacked_and_compiled_once_and_outlives_each_process(workers: list[Any]) -> None:
    first, second = workers
    compiled = first.invoke({}, "r-1")["result"]
    end(first)
    assert second.invoke({}, "r-2")["result"] == compiled


PATIENT = """
import os
import time


def handler(event, context):
    with open(event["began"], "w") as began:
        began.write(str(os.getpid()))
    while not os.path.exists(event["free"]):
        time.sleep(0.01)
    return os.getpid()
"""
PATIENT_ARN = "arn:aws:lambda:us-east-1:000000000000:function:patient"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A function that runs until its event's file is there, on an emulator that lets what runs end."""
    for name in ("invalidate_worker", "acquire_worker", "release_worker"):
        monkeypatch.setattr(lambda_svc, name, getattr(lambda_svc, name))
    monkeypatch.setattr(lambda_runtime, "kill_workers", lambda workers: list(map(end, workers)))
    let_what_runs_end(lambda_runtime, lambda_svc)
    config = {"FunctionName": "patient", "FunctionArn": PATIENT_ARN, "Handler": "handler.handler"}
    yield {"config": {**config, "Runtime": "python3.13"}, "code_zip": zipped(handler=PATIENT)}
    lambda_runtime.reset()


def changed(func: dict[str, Any]) -> None:
    lambda_svc.invalidate_worker("patient")


def cannot_start(func: dict[str, Any]) -> None:
    failed = lambda_svc._execute_function_warm({**func, "code_zip": b"no zip"}, {}, "r-0")
    assert failed["body"]["errorType"] == "BadZipFile"


@pytest.mark.parametrize("meanwhile", [changed, cannot_start])
def test_a_process_ends_what_it_runs_before_it_is_replaced(
    patient: dict[str, Any], tmp_path: Path, meanwhile: Callable[[dict[str, Any]], None]
) -> None:
    began, free = tmp_path / "began", tmp_path / "free"
    event = {"began": str(began), "free": str(free)}
    answers: list[Any] = []

    def run() -> None:
        answers.append(lambda_svc._execute_function_warm(patient, event, "r-1")["body"])

    running = threading.Thread(target=run)
    running.start()
    try:
        process = int(until(lambda: began.exists() and began.read_text()))
        meanwhile(patient)
        assert running.is_alive()
        assert not any(lambda_runtime._workers.values())
    finally:
        free.touch()
        running.join(PATIENCE)
    assert answers == [process]
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert lambda_svc._execute_function_warm(patient, event, "r-2")["body"] != process


PYTHON = """Traceback (most recent call last):
  File "handler.py", line 3, in handler
boats.errors.BoatTaken: by: the other
"""
NODE = """BoatTaken: by the other
    at handler (index.mjs:3:9)
"""


@pytest.mark.parametrize(
    ("message", "log", "name"),
    [
        ("by: the other", PYTHON, "BoatTaken"),
        ("by the other", NODE, "BoatTaken"),
        ("", "Traceback (most recent call last):\nValueError\n", "ValueError"),
        ("by nobody", PYTHON, None),
    ],
)
def test_an_error_is_named_by_its_traceback(message: str, log: str, name: str | None) -> None:
    assert raised(message, log) == name
