"""The MongoDB that a variable names for the kit: what is wrong with it is said of the variable."""

from __future__ import annotations

from pathlib import Path

import pytest
from pymongo import MongoClient

from phaseline.testing import mongo
from phaseline_runtime.errors import UserError


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://h", "PHASELINE_TEST_MONGODB is no connection string: .*must begin with 'mongodb://'"),
        ("mongodb://h/?tlsCAFile=FOLDER/none.pem", "PHASELINE_TEST_MONGODB is no connection string: .*not readable"),
        (
            "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=1",
            "PHASELINE_TEST_MONGODB: MongoDB at 127.0.0.1:9 cannot be reached",
        ),
    ],
)
def test_a_mongodb_that_cannot_be_used_is_said_once(
    uri: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo, "connect", lambda uri, pool: MongoClient(uri))  # Ours waits five seconds for a server.
    monkeypatch.setenv(mongo.VARIABLE, uri.replace("FOLDER", str(tmp_path)))
    with pytest.raises(UserError, match=said):
        mongo.client.__wrapped__()
