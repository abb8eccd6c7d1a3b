"""The relay's command: where it takes the connection string from, and what it says without one."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from phaseline.cli.entry import run
from phaseline.local import services
from phaseline.local.state import Folder, Part, State
from phaseline_runtime.relay import _events, main

REST = ["--database", "phaseline_test", "--bus", "phaseline-test"]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_without_a_connection_string_it_says_how_to_give_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PHASELINE_MONGO_URI", raising=False)
    assert refused(REST, capsys).endswith("no connection string: set PHASELINE_MONGO_URI, or give --mongo")


def test_the_connection_string_comes_from_the_environment_unless_an_option_gives_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHASELINE_MONGO_URI", "variable://h")
    assert "URI must begin with" in refused(REST, capsys)
    monkeypatch.setenv("PHASELINE_MONGO_URI", "mongodb://h")
    assert "URI must begin with" in refused(["--mongo", "option://h", *REST], capsys)


def test_without_a_region_it_says_how_to_give_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setenv("PHASELINE_MONGO_URI", "mongodb://127.0.0.1:9/")
    assert "Set AWS_REGION to where the bus is" in refused(REST, capsys)


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_may_be_said_as_aws_does(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setenv(variable, "eu-central-1")
    assert _events(ArgumentParser()).meta.region_name == "eu-central-1"


def test_without_boto3_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHASELINE_MONGO_URI", "mongodb://127.0.0.1:9/")
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert refused(REST, capsys).endswith("boto3 is not installed: pip install 'phaseline[cli]'")


def test_a_database_that_is_none_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHASELINE_MONGO_URI", "mongodb://h")
    assert "is no good" in refused(["--database", "a b", "--bus", "b"], capsys)


def test_a_file_of_certificates_that_is_not_there_is_the_users_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = f"mongodb://h/db?tls=true&tlsCAFile={tmp_path}/none.pem"
    assert "file is not readable" in refused(["--mongo", uri, *REST], capsys)
    assert run(["list", "--mongo", uri]) == 2
    assert "the connection string from --mongo" in capsys.readouterr().err
    (tmp_path / "phaseline.yaml").touch()
    assert run(["local", "up", "--mongo", uri, "--project", str(tmp_path)]) == 2
    assert "is no connection string: " in capsys.readouterr().err


def test_a_connection_string_in_another_place_than_its_own_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused([*REST, "mongodb://user:s3cr3tPlanted@h/db"], capsys)
    assert said.endswith("unrecognized arguments: mongodb://***@h/db")


def test_no_command_of_the_platform_shows_the_connection_string(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.create()
    state = State().having("mongo", Part(uri="mongodb://user:secret@h/", port=1)).having("aws", Part(port=2))
    for name in ("mongo", "aws", "relay"):
        assert "secret" not in " ".join(services.command(name, state, folder))
    assert "phaseline_runtime.relay" in services.command("relay", state, folder)
    assert services.environment("relay", state, folder)["PHASELINE_MONGO_URI"] == "mongodb://user:secret@h/"
