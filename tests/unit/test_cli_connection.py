"""Which MongoDB a command talks to: options, then variables, then what is deployed."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import ConfigurationError

from phaseline.cli import connection
from phaseline.cli.entry import run
from phaseline.local.errors import PlatformUnavailable
from phaseline.local.state import Folder, Part, State
from phaseline_runtime.errors import DatabaseUnavailable, UserError

VARIABLES = {"PHASELINE_MONGO_URI": "mongodb://variable", "PHASELINE_DATABASE": "from_variable", "PHASELINE_ENV": "dev"}


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """Stacks by name with their outputs; every secret's value is a connection string with its name in it."""
    known: dict[str, dict[str, str]] = {}

    def aws(service: str, operation: str, env: str, **arguments: Any) -> dict[str, Any]:
        if arguments.get("SecretId") == "of bytes":
            return {"SecretBinary": b"mongodb://h"}
        if operation == "get_secret_value":
            return {"SecretString": f'{{"uri": "mongodb://{arguments["SecretId"]}"}}'}
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in known[arguments["StackName"]].items()]
        return {"Stacks": [{"Outputs": outputs}]}

    monkeypatch.setattr(connection, "_aws", aws)
    return known


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose platform has a MongoDB that somebody else runs, so that no process is needed."""
    folder = Folder(tmp_path)
    folder.create()
    folder.write(State().having("mongo", Part(uri="mongodb://local", own=False)))
    return tmp_path


def test_options_come_first(project: Path) -> None:
    found = connection.find("mongodb://option", "db", variables=VARIABLES, project=project)
    assert (found.uri, found.database) == ("mongodb://option", "db")


def test_variables_come_before_the_local_platform(project: Path) -> None:
    found = connection.find(variables=VARIABLES, project=project)
    assert (found.uri, found.database) == ("mongodb://variable", "from_variable")


def test_without_anything_the_local_platform_is_meant(project: Path) -> None:
    found = connection.find(variables={}, project=project)
    assert (found.uri, found.database) == ("mongodb://local", "phaseline_local")


def test_an_environment_given_as_an_option_is_not_overruled_by_variables(
    project: Path, stacks: dict[str, dict[str, str]]
) -> None:
    stacks["phaseline-prod"] = {
        "PhaselineDatabase": "phaseline_prod",
        "PhaselineMongoSecret": "phaseline/prod/mongo",
        "PhaselineBus": "statuses",
    }
    found = connection.find(env="prod", variables=VARIABLES, project=project)
    assert (found.uri, found.database) == ("mongodb://phaseline/prod/mongo", "phaseline_prod")
    assert found.bus == "statuses"
    assert connection.find(env="local", variables=VARIABLES, project=project).uri == "mongodb://local"


def test_a_stack_may_have_a_name_of_its_own(stacks: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    stacks["shop-prod"] = stacks["offers"] = {"PhaselineDatabase": "shop", "PhaselineMongoUri": "mongodb://shop"}
    for name in ("shop-{env}", "offers"):
        monkeypatch.setenv("PHASELINE_STACK", name)
        assert connection.find(env="prod", variables={}).database == "shop"


def test_the_database_may_stand_in_the_connection_string() -> None:
    assert connection.find("mongodb://h:1/fish?x=y", variables={}).database == "fish"


def test_a_mongodb_without_a_database_is_a_question() -> None:
    with pytest.raises(UserError, match=r"which database.*--database or --env"):
        connection.find("mongodb://h:1/?x=y", variables={})
    assert connection.find("mongodb://h:1", env="dev", variables={}).database == "phaseline_dev"


@pytest.mark.parametrize("name", ["admin", "Local", "config"])
def test_a_database_of_mongodbs_own_is_never_meant(name: str) -> None:
    """In a connection string it says where the user is known, which many have."""
    uri = f"mongodb://anna:secret@h:1/{name}?x=y"
    with pytest.raises(UserError, match=r"which database.*--database or --env"):
        connection.find(uri, variables={})
    assert connection.find(uri, env="dev", variables={}).database == "phaseline_dev"
    for database, variables in ((name, {}), (None, {"PHASELINE_DATABASE": name})):
        with pytest.raises(UserError, match=f"database '{name}' is MongoDB's own"):
            connection.find("mongodb://h:1", database, variables=variables)


def test_a_platform_that_is_not_up_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(PlatformUnavailable, match="phaseline local up"):
        connection.find(variables={}, project=tmp_path)


def test_a_platform_that_is_half_up_is_a_warning_where_something_is_to_run(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project)
    monkeypatch.setattr(connection.Connection, "client", lambda _: contextlib.nullcontext(Nobody()))
    for arguments, warned in ((["show", "x"], False), (["watch", "x"], True), (["start", "x"], True)):
        assert run(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("warning: executions wait: ") == warned
        assert ("(aws, relay): `phaseline local up`" in error) == warned


class Nobody:
    """A client that knows nothing."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: object, **__: object) -> None:
            raise UserError(f"{name}: nobody knows")

        return refuse


def test_a_stack_without_outputs_says_what_is_missing(stacks: dict[str, dict[str, str]]) -> None:
    stacks["phaseline-dev"] = {}
    with pytest.raises(UserError, match=r"PhaselineDatabase: call add_outputs\(\) in it, or give --mongo"):
        connection.find(env="dev", variables={})
    stacks["phaseline-dev"] = {"PhaselineDatabase": "shop"}
    with pytest.raises(UserError, match=r"what was given to `MongoConnection\.uri` is in no output, .*: give --mongo"):
        connection.find(env="dev", variables={})


def test_a_secret_of_bytes_is_the_users_mistake(stacks: dict[str, dict[str, str]]) -> None:
    stacks["phaseline-prod"] = {"PhaselineDatabase": "shop", "PhaselineMongoSecret": "of bytes"}
    with pytest.raises(UserError, match="secret of bytes: expected a connection string"):
        connection.find(env="prod", variables={})


def test_a_connection_string_that_is_none_is_the_users_mistake() -> None:
    with (
        pytest.raises(UserError, match="--mongo"),
        connection.Connection("postgres://h", "db", "--mongo").client(),
    ):
        pass


def test_an_unreachable_database_is_said_with_where_its_address_comes_from_and_the_client_is_closed() -> None:
    where = connection.Connection("mongodb://127.0.0.1:1", "db", "PHASELINE_MONGO_URI")
    with (
        pytest.raises(DatabaseUnavailable, match=r"^away \(it comes from PHASELINE_MONGO_URI\)$"),
        where.client() as made,
    ):
        raise DatabaseUnavailable("away")
    with pytest.raises(DatabaseUnavailable, match="after close"):
        made.get("x")


@pytest.mark.parametrize("name", ["a b", "a.b", ""])
def test_a_database_name_that_is_none_is_the_users_mistake(name: str) -> None:
    with pytest.raises(UserError, match="database"), connection.Connection("mongodb://h", name, "--mongo").client():
        pass


def test_what_the_driver_doubts_is_a_warning_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    with connection.Connection("mongodb://127.0.0.1:1/?odd=1", "db", "--mongo").client():
        pass
    assert capsys.readouterr().err.startswith("warning: the connection string from --mongo: ")


def test_a_host_that_cannot_be_looked_up_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    failed: Exception = type("DNSException", (Exception,), {"__module__": "dns.exception"})()

    def client(*_: object, **__: object) -> None:
        raise ConfigurationError("no such name") from failed

    monkeypatch.setattr("phaseline_runtime.client.Client", client)
    with (
        pytest.raises(DatabaseUnavailable, match=r"cannot be looked up \(no such name\): check the network"),
        connection.Connection("mongodb+srv://h", "db", "--mongo").client(),
    ):
        pass
