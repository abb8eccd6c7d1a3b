"""Errors of the database driver in one sentence: which server, why, what to do, and who must act."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from phaseline_runtime.client import Client
from phaseline_runtime.errors import DatabaseUnavailable, UserError
from phaseline_runtime.store.troubles import explained

SETTINGS = "(configured timeouts: socketTimeoutMS: 20000.0ms, connectTimeoutMS: 20000.0ms)"


@pytest.fixture
def client() -> Iterator[MongoClient[Any]]:
    """It never connects."""
    with MongoClient[Any]("mongodb://user:secret@boats:27017,fish:27018/", connect=False) as made:
        yield made


@pytest.mark.parametrize(
    "error",
    [
        ServerSelectionTimeoutError(
            f"boats:27017: [Errno 111] Connection refused {SETTINGS},fish:27018: [Errno 111] Connection refused "
            f"{SETTINGS}, Timeout: 5.0s, Topology Description: <TopologyDescription id: 6, servers: [<Server>]>"
        ),
        AutoReconnect(f"boats:27017: [Errno 111] Connection refused {SETTINGS}"),
    ],
)
def test_a_server_that_cannot_be_reached_is_named_and_nothing_of_the_drivers_insides(
    client: MongoClient[Any], error: PyMongoError
) -> None:
    found = explained(error, client)
    assert isinstance(found, DatabaseUnavailable)
    assert str(found) == (
        "MongoDB at boats:27017, fish:27018 cannot be reached (Connection refused): "
        "check that it runs and that the connection string is right"
    )


def test_a_login_that_is_refused_names_what_to_check_and_no_password(client: MongoClient[Any]) -> None:
    found = explained(OperationFailure("no, full error: {}", 18, {"errmsg": "Authentication failed."}), client)
    assert isinstance(found, DatabaseUnavailable)
    assert "refuses (Authentication failed.): check the user, the password" in str(found)
    assert "secret" not in str(found)


def test_a_request_that_is_refused_is_the_users_mistake(client: MongoClient[Any]) -> None:
    found = explained(OperationFailure("unknown operator: $odd, full error: {'ok': 0}", 2), client)
    assert isinstance(found, UserError)
    assert str(found).endswith("refuses the request: unknown operator: $odd")


@pytest.mark.parametrize("operation", ["cancel", "pause", "resume", "redrive"])
def test_a_request_to_a_server_that_is_away_is_told_so_at_once(operation: str) -> None:
    """A transaction of the driver's tries again for two minutes."""
    begun = time.monotonic()
    with (
        MongoClient[dict[str, Any]]("mongodb://127.0.0.1:1/", serverSelectionTimeoutMS=50) as mongo,
        pytest.raises(DatabaseUnavailable, match="cannot be reached"),
    ):
        getattr(Client(mongo, database="db"), operation)("x")
    assert time.monotonic() - begun < 60
