"""A password that an error quotes is written down nowhere: not in a status, a log line, a message or an answer."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import phaseline_runtime
from phaseline.cli.entry import run
from phaseline_runtime.bundled import dead_letters_job, migrations_job, notifications_job
from phaseline_runtime.client import Client
from phaseline_runtime.definition import DEFAULT_RETRIES, Definition, Phase, Use
from phaseline_runtime.errors import AttemptFailed, InvalidInput
from phaseline_runtime.notify import channels
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus, event_of

SECRET = "s3cr3tPlanted"
QUOTED = [
    f"no answer from mongodb://user:{SECRET}@host:27017/db?w=majority, gave up",
    f"mongodb+srv://user:{SECRET}@host.example/",
    f"mongodb://user:abc/{SECRET}?x#y@host/",
    f"mongodb://user:abc@{SECRET}@host/",
    f"'mongodb://host/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:{SECRET}&w=1'",
    f"MONGODB://user:{SECRET}@host and https://user:{SECRET}@hooks.example/path and amqps://{SECRET}@host",
    f"two lines\nmongodb://user:{SECRET}@one,two/\n",
    f'{{"uri": "mongodb://user:{SECRET}@host/"}}',
    f"InvalidURI(mongodb://user:pa'<{SECRET}>@host/)",
    f"postgres://user:pa@{SECRET}@host/db",
    "x" * 1_990 + f"mongodb://user:{SECRET}@host/",
]
"""What an error may say."""


def raised(text: str) -> None:
    raise ConnectionError(text)


def caused(text: str) -> None:
    try:
        raised(text)
    except ConnectionError as error:
        raise LookupError("no database") from error


def of_a_key(text: str) -> None:
    raise KeyError(text)


def in_a_group(text: str) -> None:
    raise ExceptionGroup("both", [ValueError(text), ValueError(text)])


def invoked(text: str) -> None:
    """As an invoker does for a function that has failed so."""
    raise AttemptFailed(f"Failed at {text}", text, f"line 1: {text}")


def left(text: str) -> None:
    raise SystemExit(text)


def failed(client: Client, store: Store, fails: Callable[[str], None], text: str) -> str:
    """The id of an execution whose job has raised with this text, and once more after its first try."""
    job = Use("a", "job", retry=DEFAULT_RETRIES)
    client.migrate({"m": Definition("m", (Phase("p", (job,)),))})
    execution = client.start("m", {}).id
    assert Bus(store, {"a": lambda *_: fails(text)}).run(execution)["status"] == "failed"
    return execution


@pytest.mark.parametrize(
    ("fails", "text"),
    [
        *((raised, text) for text in QUOTED),
        *((fails, QUOTED[0]) for fails in (caused, of_a_key, in_a_group, invoked, left)),
    ],
    ids=[*(str(number) for number in range(len(QUOTED))), "caused", "of_a_key", "in_a_group", "invoked", "left"],
)
def test_what_a_job_raises_is_recorded_logged_and_shown_without_it(
    client: Client,
    store: Store,
    mongo_uri: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fails: Callable[[str], None],
    text: str,
) -> None:
    execution = failed(client, store, fails, text)
    stored = [list(store.database[name].find()) for name in store.database.list_collection_names()]
    assert SECRET not in str(stored)
    assert "***" in str(stored)
    told: list[Any] = []
    monkeypatch.setattr(channels, "_post", lambda url, body: told.append(body))
    for status in client.statuses(execution):
        for channel in ({"to": "log"}, {"to": "slack", "url": "https://x"}, {"to": "webhook", "url": "https://x"}):
            channels.send(channel, status, told.append)
    assert "failed" in str(told)
    assert SECRET not in str(told)
    place = ["--mongo", mongo_uri, "--database", store.database.name]
    for command in (["show", execution], ["show", execution, "--json"], ["list"], ["list", "--json"]):
        assert run([*command, *place]) == 0
    said = "".join(capsys.readouterr())
    assert "the job failed" in said
    assert SECRET not in said


def test_what_lambda_says_of_a_crash_is_recorded_and_logged_without_it(
    client: Client, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "job"),)),))})
    execution = client.start("m", {}).id
    Bus(store, lost=lambda status: status.status == "triggered").run(execution)
    triggered = store.status(f"{execution}/1/a/1/entry")
    assert triggered is not None
    letter = {"requestPayload": event_of(triggered), "responsePayload": {"errorMessage": QUOTED[0]}}
    dead_letters_job.handle(store, {"messageId": "1", "body": json.dumps(letter, default=str)})
    recorded = store.status(f"{execution}/1/a/1/start")
    assert recorded is not None
    assert "mongodb://***@host:27017/db" in str(recorded.error)
    assert SECRET not in str(recorded) + "".join(capsys.readouterr())


def test_an_expression_that_fails_on_it_is_recorded_without_it(client: Client, store: Store) -> None:
    job = Use("a", "job", input=json.dumps({"n": {"$toInt": "$input.uri"}}))
    client.migrate({"m": Definition("m", (Phase("p", (job,)),))})
    execution = client.start("m", {"uri": f"mongodb://user:{SECRET}@host/"}).id
    document = Bus(store).run(execution)
    assert document["errors"]["a"]["type"] == "Phaseline.ExpressionFailed"
    assert SECRET not in str(document["errors"])


class Settings:
    """What a handler may return by mistake, or put into a progress."""

    def __repr__(self) -> str:
        return f"Settings(password='{SECRET}',\nuser='me', of type: 'sea', of type: {SECRET})"


@pytest.mark.parametrize(
    "handler",
    [
        lambda *_: {"token": SECRET, "settings": Settings()},
        lambda *_: phaseline_runtime.heartbeat([SECRET, Settings()]),
    ],
    ids=["output", "progress"],
)
def test_of_what_cannot_be_stored_its_type_is_told_alone(
    client: Client, store: Store, capsys: pytest.CaptureFixture[str], handler: Callable[..., Any]
) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "job"),)),))})
    document = Bus(store, {"a": handler}).run(client.start("m", {}).id)
    assert re.search(r"cannot encode an object, of type: <class '.*Settings'>", document["errors"]["a"]["message"])
    stored = [list(store.database[name].find()) for name in store.database.list_collection_names()]
    assert SECRET not in str(stored) + "".join(capsys.readouterr())


def test_of_an_input_that_cannot_be_stored_its_type_is_told_alone(client: Client) -> None:
    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "job"),)),))})
    with pytest.raises(InvalidInput, match="Settings'>") as raised:
        client.start("m", {"settings": Settings()})
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    with pytest.raises(InvalidInput, match=r"only string keys, key was an object$") as raised:
        client.start("m", {"ports": {Settings(): 27017}})
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    with pytest.raises(InvalidInput, match=r"only string keys, key was -27017$"):
        client.start("m", {"ports": {-27017: "me"}})


def test_a_channel_that_fails_is_named_and_its_address_is_not(
    client: Client,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    execution = failed(client, store, raised, "a fault")
    urls = [f"htps://hooks.example/{SECRET}", f"http://127.0.0.1:1/{SECRET}", f"http://user:{SECRET}@[::1/", SECRET]
    given = [{"to": "slack", "url_secret": str(number), "events": ["*"]} for number in range(len(urls))]
    (tmp_path / "notifications.json").write_text(json.dumps(given))
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    monkeypatch.setattr(channels, "_secret", lambda name: urls[int(name)])
    monkeypatch.setattr(notifications_job, "lambda_store", lambda: store)
    notifications_job._channels.cache_clear()
    ended = client.statuses(execution)[-1]
    with pytest.raises(notifications_job.ChannelsFailed, match=r"slack: .*slack: .*slack: .*slack: ") as error:
        notifications_job.handler(event_of(ended), None)
    notifications_job._channels.cache_clear()
    assert SECRET not in str(error.getrepr(chain=True)) + "".join(capsys.readouterr())


def test_a_migration_that_fails_tells_cloudformation_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(migrations_job, "_migrate", lambda: raised(QUOTED[0]))
    monkeypatch.setattr(migrations_job, "_answer", lambda event, status, reason: told.append(reason))
    migrations_job.handler({"RequestType": "Create"}, None)
    assert told == ["ConnectionError: no answer from mongodb://***@host:27017/db?w=majority, gave up"]
