"""Whatever Atlas answers: a finding, or an error that names the request and the place, and never a traceback."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from phaseline.atlas import answers, checks, project
from phaseline.atlas.answers import Answer, AtlasUnavailable
from phaseline.atlas.api import AtlasApi
from phaseline.cli.entry import run
from phaseline_runtime.store.grants import Purpose
from tests.support import atlas as stand_in
from tests.support.atlas import ADMIN, APP, DATABASE, PROJECT, SERVICE, SERVICES, TRIGGER, Atlas

Path = tuple[str | int, ...]

MISSING = object()
INSTEAD: tuple[Any, ...] = (
    None,
    MISSING,
    5,
    -1,
    1.5,
    True,
    "",
    "x",
    "2026-11-24T10:00:00",
    [],
    [5],
    [None],
    {},
    {"x": 1},
    [[{}]],
)
"""What may stand in the place of any value."""


@pytest.fixture
def atlas() -> Iterator[Atlas]:
    """A project in which nothing is left out that could be there."""
    with stand_in.serving() as served:
        granted = stand_in.role(Purpose.RUNTIME)
        served.roles = [{**granted, "actions": granted["actions"][:2]}]
        served.users = [{**stand_in.user(Purpose.RUNTIME), "scopes": [{"name": "cluster0", "type": "CLUSTER"}]}]
        served.clusters, served.flex = [stand_in.cluster(paused=False)], [{"name": "flex"}]
        served.triggers[0]["config"] |= {
            "match": {"$or": [{"fullDocument.kind": "job", "fullDocument.status": {"$in": ["success"]}}]},
            "project": {"operationType": 1, "fullDocument": {"job": 1}},
        }
        served.log = [stand_in.failure("large"), *(stand_in.firing(f"2026-11-24T11:{n:02}:00Z") for n in range(2))]
        yield served


class Recorded:
    """The answers of the stand-in, of which a test may change one."""

    def __init__(self, atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, Answer] = {}
        self.changed: tuple[str, Any] | None = None
        self.api = AtlasApi.from_environment(variables=atlas.variables)
        send = AtlasApi._send

        def recording(api: AtlasApi, request: Any, *handlers: Any) -> Answer:
            key = f"{request.get_method()} {request.full_url}"
            if key not in self.answers:
                self.answers[key] = send(api, request, *handlers)
            found = self.answers[key]
            return replace(found, value=self.changed[1]) if self.changed and self.changed[0] == key else found

        monkeypatch.setattr(AtlasApi, "_send", recording)
        self.ask()

    def ask(self) -> list[checks.Finding]:
        self.api.__dict__.pop("_token", None)
        return checks.check(project.read(self.api), DATABASE)

    def said(self) -> str | None:
        """The error that an answer is for us, if any; any other is raised."""
        try:
            self.ask()
        except AtlasUnavailable as error:
            return str(error)
        return None


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from places(each, (*at, key))


def changed(value: Any, at: Path, instead: Any) -> Any:
    if not at:
        return None if instead is MISSING else instead
    made = copy.deepcopy(value)
    inside = made
    for key in at[:-1]:
        inside = inside[key]
    if instead is not MISSING:
        inside[at[-1]] = instead
    else:
        del inside[at[-1]]
    return made


def test_no_answer_ends_in_a_traceback(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value of each answer, in the place of which something else stands."""
    recorded, told, errors = Recorded(atlas, monkeypatch), 0, 0
    for key, answer in list(recorded.answers.items()):
        for at in places(answer.value):
            for instead in INSTEAD:
                recorded.changed = key, changed(answer.value, at, instead)
                said = recorded.said()
                told, errors = told + (said is None), errors + (said is not None)
                # An id that is a text, and none of Atlas's, is found out by the next request.
                by_others = at[-1:] == ("_id",) and said is not None and said.startswith("Atlas refuses GET ")
                assert said is None or by_others or f"asked for {answer.asked}, and" in said, (key, at, instead)
    assert told > 500
    assert errors > 500


BASE = f"{SERVICES}/groups/{PROJECT}/apps"


@pytest.mark.parametrize(
    ("path", "at", "place"),
    [
        (f"{SERVICES}/auth/providers/mongodb-cloud/login", ("access_token",), "access_token"),
        (BASE, (0, "_id"), "[0]._id"),
        (BASE, (0, "name"), "[0].name"),
        (f"{BASE}/{APP}/services", (0, "_id"), "[0]._id"),
        (f"{BASE}/{APP}/services", (1, "type"), "[1].type"),
        (f"{BASE}/{APP}/services/{SERVICE}/config", ("clusterName",), "clusterName"),
        (f"{BASE}/{APP}/triggers", (0, "_id"), "[0]._id"),
        (f"{BASE}/{APP}/triggers", (0, "type"), "[0].type"),
        (f"{BASE}/{APP}/triggers", (0, "config"), "[0].config"),
        (f"{BASE}/{APP}/triggers", (0, "config", "service_id"), "[0].config.service_id"),
        (f"{BASE}/{APP}/triggers", (0, "config", "operation_types"), "[0].config.operation_types"),
        (f"{BASE}/{APP}/logs", ("logs", 0, "started"), "logs[0].started"),
        (f"{ADMIN}clusters", ("results",), "results"),
        (f"{ADMIN}clusters", ("results", 0, "name"), "results[0].name"),
        (f"{ADMIN}flexClusters", ("results", 0, "name"), "results[0].name"),
        (f"{ADMIN}databaseUsers", ("results", 0, "roles", 0, "roleName"), "results[0].roles[0].roleName"),
        (f"{ADMIN}customDBRoles/roles", (0, "roleName"), "[0].roleName"),
        (f"{ADMIN}customDBRoles/roles", (0, "actions", 1, "action"), "[0].actions[1].action"),
    ],
)
def test_what_is_needed_and_missing_is_named_with_the_request(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch, path: str, at: Path, place: str
) -> None:
    recorded = Recorded(atlas, monkeypatch)
    key = next(each for each in recorded.answers if urlsplit(each.partition(" ")[2]).path == path)
    asked = f"{key.partition(' ')[0]} {path}"
    for instead, what in ((MISSING, "is missing"), (None, "is missing"), (5, "has to be a.*, and is a number")):
        recorded.changed = key, changed(recorded.answers[key].value, at, instead)
        with pytest.raises(AtlasUnavailable) as raised:
            recorded.ask()
        assert str(raised.value).startswith(
            f"Atlas was asked for {asked}, and has answered with something else: is a proxy in between? `{place}` "
        )
        assert raised.match(what)


@pytest.mark.parametrize("command", ["doctor", "resume"])
def test_both_commands_end_with_that_error(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for name, value in atlas.variables.items():
        monkeypatch.setenv(name, value)
    for name in ("PHASELINE_MONGO_URI", "PHASELINE_ENV"):
        monkeypatch.delenv(name, raising=False)
    atlas.triggers[0]["config"]["match"] = 5
    assert run(["atlas", command, "--database", DATABASE]) == 3
    said = capsys.readouterr()
    assert f"GET {BASE}/{APP}/triggers, and has answered with something else" in said.err
    assert "`[0].config.match` has to be an object, or one as a JSON text" in said.err


@pytest.mark.parametrize("nested", ["[" * 100_000, '{"detail":' * 100_000])
@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_is_nested_too_deeply_is_told(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch, nested: str, status: int
) -> None:
    monkeypatch.setattr(json, "dumps", lambda *_: nested)
    atlas.refusal = status, {}
    with pytest.raises(AtlasUnavailable, match="cannot be read as JSON" if status == 200 else r"\(500 "):
        AtlasApi.from_environment(variables=atlas.variables).clusters()


def test_a_token_that_is_none_is_not_told(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in, "TOKEN", "secret\ntoken")
    with pytest.raises(AtlasUnavailable, match="`access_token` is no token") as raised:
        AtlasApi.from_environment(variables=atlas.variables).apps()
    assert "secret" not in str(raised.value)


def test_a_list_that_has_no_end_is_told_as_such(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Atlas, "admin", lambda *_: {"results": [{"name": "again"}], "totalCount": 10**9})
    with pytest.raises(AtlasUnavailable, match="`results` has no end after 100 pages"):
        AtlasApi.from_environment(variables=atlas.variables).clusters()


def test_times_with_and_without_a_zone_are_held_against_each_other(atlas: Atlas) -> None:
    atlas.log = [stand_in.failure("first", at="2026-11-24T09:00:00"), stand_in.failure("last")]
    (found,) = project.read_triggers(AtlasApi.from_environment(variables=atlas.variables), APP)
    assert (found.id, found.failure) == (TRIGGER, "last")


def test_what_atlas_names_does_not_command_the_terminal(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in atlas.variables.items():
        monkeypatch.setenv(name, value)
    atlas.log = [stand_in.failure("\x1b[2J")]
    run(["atlas", "doctor", "--database", DATABASE])
    said = capsys.readouterr()
    assert "\\u001b[2J" in said.out
    assert "\x1b" not in said.out + said.err


def test_an_answer_says_what_it_is_and_no_value() -> None:
    error = answers.Answer("GET apps", json.loads('[{"name": ["secret"]}]')).listed()[0]
    with pytest.raises(AtlasUnavailable, match=r"`\[0\]\.name` has to be a text, and is a list$"):
        error.text("name")
