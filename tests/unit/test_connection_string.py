"""Where a Lambda finds its connection string, and that no error repeats what may be a password."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from phaseline_runtime.errors import UserError
from phaseline_runtime.store.connection import stored_uri, uri_from

URI = "mongodb+srv://anna:hunter2@cluster0.ab1cd.mongodb.net/"

Ask = Callable[..., dict[str, Any]]


class Aws:
    """Two services of AWS, each with one thing in it."""

    def __init__(self, value: str) -> None:
        self.value = value

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:
        return {"SecretString": self.value if SecretId == "shop/mongo" else ""}

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> dict[str, Any]:
        assert WithDecryption
        return {"Parameter": {"Value": self.value if Name == "/shop/mongo" else ""}}


@pytest.mark.parametrize("stored", [URI, f"  {URI}\n", json.dumps({"uri": URI, "user": "anna"})])
@pytest.mark.parametrize(
    "variables",
    [
        {"PHASELINE_MONGO_URI": URI, "PHASELINE_MONGO_SECRET": "other"},
        {"PHASELINE_MONGO_SECRET": "shop/mongo"},
        {"PHASELINE_MONGO_PARAMETER": "/shop/mongo"},
    ],
)
def test_it_stands_in_a_variable_a_secret_or_a_parameter(
    variables: dict[str, str], stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boto3.client", lambda service: Aws(stored))
    assert uri_from(variables) == URI


def test_without_any_the_variables_are_named() -> None:
    with pytest.raises(UserError, match="PHASELINE_MONGO_URI, or PHASELINE_MONGO_SECRET or PHASELINE_MONGO_PARAMETER"):
        uri_from({"PHASELINE_MONGO_URI": ""})


@pytest.mark.parametrize(
    "text",
    ["hunter2", "", "{hunter2", '{"url": "mongodb://hunter2@x/"}', '{"uri": 5}', '{"uri": "hunter2"}', '["hunter2"]'],
)
def test_what_is_no_connection_string_is_told_by_its_place_and_not_repeated(text: str) -> None:
    with pytest.raises(UserError, match="secret shop/mongo: expected a connection string") as raised:
        stored_uri(text, "secret shop/mongo")
    assert "hunter2" not in str(raised.value)
    assert "hunter2" not in str(raised.value.__context__)


def test_a_secret_of_bytes_is_no_connection_string(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Aws, "get_secret_value", lambda self, SecretId: {"SecretBinary": URI.encode()})
    monkeypatch.setattr("boto3.client", lambda service: Aws(""))
    with pytest.raises(UserError, match="secret shop/mongo: expected a connection string"):
        uri_from({"PHASELINE_MONGO_SECRET": "shop/mongo"})
