"""The recipes of the docs that need executions in a database, run as printed over the real store."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from phaseline.cli.entry import run
from phaseline.config import load
from phaseline_runtime.client import Client
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus
from tests.support.recipes import recipe

STARTING = recipe("A start in your own transaction")
STUCK = recipe("Finding and redriving what has failed")


@pytest.fixture
def project(tmp_path: Path, store: Store, client: Client, mongo_uri: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of both recipes, which is deployed, and the variables that they read."""
    STUCK.write(tmp_path)
    config = load(STARTING.write(tmp_path), values={})
    client.migrate({name: machine.definition for name, machine in config.state_machines.items()})
    monkeypatch.setenv("PHASELINE_MONGO_URI", mongo_uri)
    monkeypatch.setenv("PHASELINE_DATABASE", store.database.name)
    return tmp_path


def printed(project: Path, *arguments: str) -> str:
    """What a Python program in the folder prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_order_and_its_execution_are_there_both_or_neither(project: Path, store: Store, client: Client) -> None:
    assert printed(project, "use_shop.py") == STARTING.shown["text"]
    (execution,) = client.find()
    assert store.database["orders"].find_one() == {"_id": "A1", "item": "net", "execution": execution.id}
    assert store.statuses.count_documents({}) == 1


def test_what_is_stuck_is_found_and_goes_on(project: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    troubles = {"A1": "CourierDown", "A2": "WrongAddress", "A3": "CourierDown"}

    def book_courier(event: Any, context: Any) -> str:
        if event["order"] in troubles:
            raise type(troubles[event["order"]], (Exception,), {})
        return "booked"

    def go_on() -> dict[str, str]:
        orders = store.database["orders"].find()
        bus = Bus(store, {"book_courier": book_courier})
        return {order["_id"]: bus.run(order["execution"])["status"] for order in orders}

    printed(project, "-c", "from shop import place\nfor number in range(1, 5): place({'_id': f'A{number}'})")
    failed = {"A1": "failed", "A2": "failed", "A3": "failed", "A4": "success"}
    assert go_on() == failed
    assert printed(project, "stuck.py") == STUCK.shown["text"]

    command, _, said = STUCK.shown["console"].replace("\\\n", "").splitlines()
    program, *arguments = shlex.split(command.removeprefix("$ "))
    assert (program, run(arguments)) == ("phaseline", 0)
    assert capsys.readouterr().err.splitlines()[-1] == said
    del troubles["A1"], troubles["A3"]
    assert go_on() == failed | {"A1": "success", "A3": "success"}
    assert printed(project, "stuck.py") == "WrongAddress A2\n"
