"""A password or a token that is planted shows up in no error, no log and no fault."""

from __future__ import annotations

import copy
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from phaseline.cli.entry import run
from phaseline.config import ConfigError, load
from phaseline.local import services
from phaseline_runtime.bundled import orchestrator_job
from phaseline_runtime.client import Client
from phaseline_runtime.errors import UserError
from phaseline_runtime.store import connection
from tests.support.config_files import write

SECRET = "s3cr3tPlanted"
STRINGS = [
    f"mongodb://user:{SECRET}@127.0.0.1:1/db?serverSelectionTimeoutMS=50",
    f"mongodb://user:abc/{SECRET}@host/db",
    f"mongodb://user:abc?{SECRET}@host/db",
    f"mongodb://user:abc@{SECRET}@host/db",
    f"mongodb://user:abc:{SECRET}@host/db",
    f"mongodb://user:{SECRET}%@host/db",
    f"mongodb://user:{SECRET}",
    f"mongodb://user:{SECRET}@host:port/db",
    f"mongodb://user:{SECRET}@/db",
    f"mongodb+srv://user:{SECRET}@host:27017/db",
    f"mongodb+srv://user:{SECRET}@host.invalid/db",
    f"mongodb+srv://<user>:<{SECRET}>@host.invalid/db",
    f"mongodb://<user>:<{SECRET}>@host:port/db",
    f"mongo://user:{SECRET}@host/db",
    f"user:{SECRET}@host/db",
    f"mongodb://user:pa'<{SECRET}>@127.0.0.1:1/db",
    f"mongodb://127.0.0.1:1/db?tlsCertificateKeyFilePassword={SECRET}",
    f"mongodb://127.0.0.1:1/db?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:{SECRET}",
    f"mongodb://user:{SECRET}@127.0.0.1:1/db?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:{SECRET}",
]
"""Connection strings that are wrong or reach nothing, each with a password in another place."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be reached is given up at once."""

    def made(uri: str, **options: Any) -> MongoClient[dict[str, Any]]:
        return MongoClient(uri, **{**options, "serverSelectionTimeoutMS": 50})

    real = services.mongo_fault

    def looked_at(uri: str, *, timeout: float = 0) -> str | None:
        return real(uri, timeout=0.05)

    monkeypatch.setattr(connection, "MongoClient", made)
    monkeypatch.setattr(services, "mongo_fault", looked_at)


@pytest.mark.parametrize("uri", STRINGS)
def test_the_command_line_tells_no_password(uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["list", "--mongo", uri], ["show", "x", "--mongo", uri, "--database", "db"]):
        assert run(command) != 0
        said = "".join(capsys.readouterr())
        assert said
        assert SECRET not in said


@pytest.mark.parametrize("uri", STRINGS[1:])
def test_the_local_platform_tells_no_password(
    uri: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "phaseline.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert run(["local", "up", "--mongo", uri]) != 0
    assert SECRET not in "".join(capsys.readouterr())


@pytest.mark.parametrize("uri", STRINGS)
def test_a_lambda_logs_and_raises_no_password(
    uri: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def connected(text: str) -> MongoClient[dict[str, Any]]:
        with MongoClient[dict[str, Any]](text, serverSelectionTimeoutMS=50) as client:
            client.admin.command("ping")
            return client

    monkeypatch.setattr(connection, "connect", connected)
    monkeypatch.setenv("PHASELINE_MONGO_URI", uri)
    monkeypatch.setenv("PHASELINE_DATABASE", "db")
    connection.from_environment.cache_clear()
    with caplog.at_level(logging.DEBUG), pytest.raises((PyMongoError, ValueError)) as raised:
        orchestrator_job.handler({"detail": {"fullDocument": {"_id": "x"}}}, None)
    assert SECRET not in str(raised.value) + caplog.text + "".join(capsys.readouterr())


@pytest.mark.parametrize("uri", STRINGS[:1])
def test_a_client_tells_no_password(uri: str) -> None:
    with Client(uri, database="db") as client, pytest.raises(Exception, match="cannot be reached") as raised:
        client.get("x")
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert SECRET not in repr(client)


@pytest.mark.parametrize(
    "channel",
    [
        {"to": "slack", "url": f"htps://hooks.slack.com/services/{SECRET}"},
        {"to": "slack", "url": f"hooks.slack.com/services/{SECRET}"},
        {"to": "webhook", "url": f"https//user:{SECRET}@host/"},
        {"to": "webhook", "url_secret": f"https://host/{SECRET}"},
        {"to": "webhook", "url_secret": f"https://user:{SECRET}@host/"},
    ],
    ids=json.dumps,
)
def test_a_fault_tells_no_address_of_a_channel(channel: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({**MINIMAL, "notifications": [{**channel, "events": ["*"]}]}))
    with pytest.raises(ConfigError) as raised:
        load(path, values={})
    assert "notifications[0]" in str(raised.value)
    assert SECRET not in str(raised.value)


FULL: dict[str, Any] = {
    "defaults": {"memory": 256, "timeout": "30s", "retry": {"errors": ["E"], "interval": "1s"}},
    "jobs": {
        "work": {
            "code": "job",
            "environment": {"PLACE": "sea"},
            "secrets": {"TOKEN": "harbour"},
            "filter": {"x": ["y"]},
            "policy": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::boats/*"]}],
            "layers": ["arn:aws:lambda:eu-west-1:111122223333:layer:nets:1"],
            "mongo": ["shop.orders"],
            "tags": {"team": "sea"},
        },
        "call": {"function_arn": "arn:aws:lambda:eu-west-1:111122223333:function:captain"},
        "look": {"image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/boat:1"},
    },
    "state_machines": {
        "m": {
            "input_schema": {"type": "object"},
            "start": [{"schedule": "rate(1 hour)", "input": {"n": 1}}, {"event": {"pattern": {"source": ["shop"]}}}],
            "phases": {
                "p": {
                    "when": {"input.x": 1},
                    "jobs": {"work": {"input": {"n": "$input.x"}, "compensate": "call"}, "look": {"after": "work"}},
                    "next": [{"when": {"input.x": 1}, "to": "end"}],
                },
                "q": {"fail": {"error": "E", "cause": "c"}},
            },
        }
    },
    "notifications": [
        {"to": "slack", "url_secret": "phaseline/slack", "events": ["job.failed"]},
        {"to": "webhook", "url": "https://host.example/", "events": ["*"]},
    ],
}
"""A config with a value of each kind."""


def planted(value: Any, made: list[Callable[[str], Any]], text: str) -> Iterator[Any]:
    """The value with what is made of the text in the place of each thing in it."""
    yield from (make(text) for make in made)
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        for each in planted(inner, made, text):
            changed = copy.copy(value)
            changed[key] = each
            yield changed


@pytest.mark.parametrize(
    ("text", "made", "parts"),
    [
        (f"mongodb://user:{SECRET}@host/db", [str, lambda text: [text], lambda text: {text: text}], {*FULL}),
        (
            f"https://hooks.slack.com/services/T0/{SECRET}",
            [str, lambda text: [text], lambda text: {"url": text}],
            {*FULL} - {"state_machines"},  # There, an address may be that of a schema.
        ),
    ],
    ids=["uri", "hook"],
)
def test_no_fault_and_no_warning_of_a_config_tells_what_somebody_has_put_into_a_wrong_place(
    text: str, made: list[Callable[[str], Any]], parts: set[str], tmp_path: Path
) -> None:
    faults = 0
    for each in planted({key: FULL[key] for key in parts}, made, text):
        path = write(tmp_path, json.dumps({**FULL, **each} if isinstance(each, dict) else each))
        try:
            said = [*load(path, values={}).warnings]
        except ConfigError as error:
            said = [*error.faults, *error.warnings]
            faults += 1
        assert SECRET not in str(said), each
    assert faults > 90


def test_a_value_of_the_environment_in_a_wrong_place_is_not_told(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({**MINIMAL, "defaults": {"memory": "${MEMORY}"}}))
    with pytest.raises(ConfigError, match=r'got "mongodb://\*\*\*@host/db"') as raised:
        load(path, values={"MEMORY": f"mongodb://user:{SECRET}@host/db"})
    assert SECRET not in repr(raised.value) + str(raised.value.faults)


@pytest.mark.parametrize(
    "command", [["migrate", STRINGS[0]], ["list", STRINGS[0]], [STRINGS[0]], ["list", f"--{STRINGS[0]}"]], ids=len
)
def test_a_connection_string_that_was_typed_in_the_wrong_place_is_not_told(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 2
    said = "".join(capsys.readouterr())
    assert "mongodb://***@127.0.0.1:1/" in said
    assert SECRET not in said


def test_an_error_of_ours_quotes_what_it_was_given_without_a_password() -> None:
    error = UserError(f"database: got 'mongodb://user:{SECRET}@host/db'")
    assert str(error) == "database: got 'mongodb://***@host/db'"
    assert SECRET not in repr(error)


MINIMAL: dict[str, Any] = {
    "jobs": {"work": {"code": "job"}},
    "state_machines": {"m": {"phases": {"p": {"jobs": {"work": None}}}}},
}
