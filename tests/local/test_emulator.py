"""How the emulator is changed towards AWS, on its own functions: what waits for a place, and what does not."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from ministack.services import lambda_svc

from phaseline.local.emulator import raised, wait_where_it_throttles

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
