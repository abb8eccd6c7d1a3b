"""Tests against a MongoDB server over the wire: one SecantusDB for the session, a database of its own for each test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from phaseline_runtime.client import Client
from phaseline_runtime.store import schema
from phaseline_runtime.store.connection import database
from phaseline_runtime.store.store import Store
from tests.support.commands import Commands
from tests.support.mongo_server import server


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server: SecantusDB, or a real MongoDB where PHASELINE_TEST_MONGODB names one."""
    with server(tmp_path_factory.mktemp("mongo")) as uri:
        yield uri


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


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def watched(mongo_uri: str, store: Store, commands: Commands) -> Iterator[Store]:
    with MongoClient[dict[str, Any]](mongo_uri, event_listeners=[commands]) as client:
        yield Store(database(client, store.database.name))
