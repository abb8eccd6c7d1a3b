"""Each example is deployed as it stands, and every command of its README is run; then its data is looked at."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from phaseline.cli.entry import run
from phaseline.local import DATABASE, Platform
from phaseline.local.deploy import client
from phaseline_runtime.client import Client, Execution
from tests.support import tools

EXAMPLES = tools.ROOT / "examples"


class Example:
    """A copy of an example whose README has been followed. `codes` are the exit codes of its commands."""

    def __init__(self, folder: Path) -> None:
        self.codes: dict[str, int] = {}
        for line in commands(folder / "README.md"):
            if "local down" in line:
                break
            for command in line.split(" && "):
                self.codes[command] = run(shlex.split(command, comments=True)[1:])
        uri = Platform(folder).state.mongo_uri
        assert uri is not None
        self.mongo: MongoClient[dict[str, Any]] = MongoClient(uri)
        self.client = Client(self.mongo, database=DATABASE)

    def execution(self, id: str) -> Execution:
        """The execution of this id as it is now."""
        found = self.client.get(id)
        assert found is not None
        return found

    @property
    def refused(self) -> list[str]:
        """The commands that were wrong: an execution that fails is none of them."""
        return [command for command, code in self.codes.items() if code not in (0, 1)]


def commands(readme: Path) -> list[str]:
    """The commands in a README: its indented lines."""
    return [line.strip() for line in readme.read_text().splitlines() if line.startswith("    phaseline ")]


@contextmanager
def followed(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Example]:
    """The example after all commands of its README but the last, which takes the platform down."""
    folder = place / name
    shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns(".phaseline", "node_modules", "cdk.out"))
    tools.lend(folder)
    monkeypatch.chdir(folder)
    try:
        example = Example(folder)
        with example.mongo:
            yield example
    finally:
        Platform(folder).down(purge=True)


def test_every_example_has_a_readme_of_one_screen_that_ends_with_going_down() -> None:
    folders = [folder for folder in EXAMPLES.iterdir() if (folder / "phaseline.yaml").exists()]
    assert folders
    for folder in folders:
        assert len((folder / "README.md").read_text().splitlines()) <= 40, folder.name
        assert commands(folder / "README.md")[-1] == "phaseline local down --purge", folder.name


def test_an_order_is_fulfilled_or_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with followed("order_fulfilment", tmp_path, monkeypatch) as example:
        assert example.refused == []
        shop = example.mongo["shop"]
        assert shop["stock"].find_one({}) == {"_id": "rod", "pieces": 8}, "2 were sold, 2 were put back"
        [order] = shop["orders"].find()
        assert order == {"_id": "o-1", "parcel": "parcel-o-1", "payment": order["payment"]}
        refused = example.execution("o-2")
        assert refused.status == "failed"
        assert refused.error is not None
        assert refused.error["type"] == "NobodyGoesThere"
        assert {undone["job"] for undone in refused.error["undone"]} == {"reserve_stock", "charge_card"}


def test_a_night_is_loaded_once_with_and_without_the_weather(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with followed("nightly_etl", tmp_path, monkeypatch) as example:
        assert example.refused == []
        whole = example.execution("n-1")
        assert whole.results["merge"] == {"turnover": 220, "degrees": 17}
        assert example.execution("n-3").status == "success"
        assert "load" not in example.execution("n-3").results
        again = example.client.wait("n-2", timeout=30)
        assert again.status == "success"
        assert again.results["merge"]["degrees"] == 17, "the rerun has asked for the weather again"
        assert [day["_id"] for day in example.mongo["warehouse"]["days"].find()] == ["2026-05-31"]


def test_a_shop_of_before_has_its_own_function_as_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with followed("existing_app", tmp_path, monkeypatch) as example:
        assert example.refused == []
        assert example.execution("a-1").results["price"] == {"total": 90}
        assert "send_offer" not in example.execution("a-2").results
        state = Platform(tmp_path / "existing_app").state
        [queue] = [url for url in client("sqs", state).list_queues()["QueueUrls"] if "Offers" in url]
        [offer] = client("sqs", state).receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        assert json.loads(offer["Body"]) == {"customer": "Ada", "total": 90}
