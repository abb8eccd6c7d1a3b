"""Tests against a MongoDB server over the wire: one SecantusDB for the session, a database of its own for each test."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from phaseline_runtime.client import Client
from phaseline_runtime.store import schema
from phaseline_runtime.store.connection import database
from phaseline_runtime.store.store import Store


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server: SecantusDB, or a real MongoDB where PHASELINE_TEST_MONGODB names one."""
    given = os.environ.get("PHASELINE_TEST_MONGODB")
    if given:
        yield given
        return
    folder = tmp_path_factory.mktemp("mongo")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("secantusd-py")
    command = [str(program), "--host", "127.0.0.1", "--port", str(port), "--storage-path", str(folder / "data")]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
            _wait(uri, folder / "log")
            yield uri
        finally:
            server.terminate()


def _wait(uri: str, log: Path) -> None:
    deadline = time.monotonic() + 30
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=200) as client:
        while True:
            try:
                client.admin.command("ping")
            except PyMongoError:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}") from None
                time.sleep(0.05)
            else:
                return


@pytest.fixture(scope="session")
def mongo(mongo_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        yield client


@pytest.fixture
def store(mongo: MongoClient[dict[str, Any]]) -> Iterator[Store]:
    name = f"test_{secrets.token_hex(4)}"
    found = database(mongo, name)
    schema.migrate(found)
    yield Store(found)
    mongo.drop_database(name)


@pytest.fixture
def client(mongo: MongoClient[dict[str, Any]], store: Store) -> Client:
    return Client(mongo, database=store.database.name)
