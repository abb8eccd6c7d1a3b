"""The local platform itself: up, down, mending, ports. Starts its own on free ports in a folder of its own."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from phaseline.cli.entry import run
from phaseline.local import Platform, PlatformMisuse, PlatformUnavailable, processes, services
from phaseline.local.processes import Process
from phaseline.local.state import Folder, Part, State
from tests.support.waiting import until


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """An empty project; what a test has started in it is stopped, whatever the test did."""
    yield tmp_path
    Platform(tmp_path).down(purge=True)


def pids(project: Path) -> dict[str, int | None]:
    return {name: part.pid for name, part in Folder(project).read().parts.items()}


def test_up_twice_mend_and_down(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    platform = Platform(project, said.append)
    assert platform.up() is True
    assert [part.state for part in platform.status()] == ["ready"] * 3
    before, endpoint = pids(project), platform.state.endpoint

    # A second one changes nothing.
    assert platform.up() is False
    assert pids(project) == before

    # What has died is started again, in its place; the rest stays as it is.
    assert before["aws"] is not None
    os.kill(before["aws"], signal.SIGKILL)
    until(lambda: not platform.state.part("aws").alive)
    assert [part.state for part in platform.status()] == ["ready", "down", "ready"]
    assert run(["local", "status", "--project", str(project)]) == 3
    assert platform.up() is True
    after = pids(project)
    assert after["mongo"] == before["mongo"]
    assert after["aws"] != before["aws"]
    assert platform.state.endpoint == endpoint

    # Asking for another port than the one in use is refused, and changes nothing.
    with pytest.raises(PlatformMisuse, match="local down"):
        platform.up(aws_port=1234)
    assert pids(project) == after

    capsys.readouterr()
    assert run(["local", "status", "--json", "--project", str(project)]) == 0
    assert json.loads(capsys.readouterr().out)["ready"] is True

    # Down leaves nothing running, and the data where it was.
    temporary = platform.folder.temporary
    assert platform.down() is True
    assert platform.down() is False
    assert processes.stop_mentioning(platform.folder.path) == 0
    assert list(temporary.iterdir()) == []
    assert (platform.folder.data / "mongo").exists()

    # The port that it had is taken meanwhile: another one is chosen, and said.
    port = platform.state.part("aws").port
    assert port is not None
    said.clear()
    with socket.create_server(("127.0.0.1", port)):
        assert platform.up() is True
        assert platform.state.part("aws").port != port
        assert any(f"port {port}" in line and "taken" in line for line in said)
        assert platform.down(purge=True) is True
    assert list(project.iterdir()) == []


def test_down_stops_everything_where_nothing_can_be_written_any_more(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sleeper = processes.spawn(
        [sys.executable, "-c", "import time; time.sleep(60)"], env=dict(os.environ), cwd=project, log=project / "log"
    )
    folder = Folder(project)
    folder.create()
    for name in ("mongo", "relay"):
        folder.write(folder.read().having(name, Part().running(sleeper)))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Folder, "write", full)
    assert run(["local", "down", "--project", str(project)]) == 2
    assert capsys.readouterr().err == "phaseline: No space left on device: mend that, then try again\n"
    assert not sleeper.alive
    assert run(["local", "down", "--purge", "--project", str(project)]) == 0
    assert not folder.path.exists()
    assert run(["local", "down", "--purge", "--project", str(project)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "the local platform was not up"


def test_a_port_asked_for_that_is_taken_starts_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for option in ("--aws-port", "--mongo-port"):
            assert run(["local", "up", option, str(port), "--project", str(project)]) == 2
            assert f"port {port} is taken" in capsys.readouterr().err
    assert set(pids(project).values()) == {None}


def test_a_part_that_does_not_start_is_named_and_leaves_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(services.MODULES, "relay", "phaseline_runtime.no_such_module")
    assert run(["local", "up", "--project", str(project)]) == 3
    error = capsys.readouterr().err
    assert "relay has ended at once: " in error
    assert "No module named phaseline_runtime.no_such_module" in error
    assert "relay.log" in error
    assert set(pids(project).values()) == {None}
    assert processes.stop_mentioning(Folder(project).path) == 0


def test_a_part_that_is_not_installed_is_said_to_be(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(services.PACKAGES, "mongo", "no_such_package_of_ours")
    assert run(["local", "up", "--project", str(project)]) == 2
    assert "pip install 'phaseline[local]'" in capsys.readouterr().err


@pytest.mark.parametrize("part", services.MODULES)
def test_what_has_to_be_installed_for_a_part_is_what_it_imports(part: str) -> None:
    found = importlib.util.find_spec(services.MODULES[part])
    assert found is not None
    assert found.origin is not None
    imported = rf"^ *(from|import) {services.PACKAGES[part]}\b"
    assert re.search(imported, Path(found.origin).read_text(), re.MULTILINE)


def test_ctrl_c_while_starting_and_again_while_stopping_leaves_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = services.answers

    def interrupted(name: str, state: object) -> bool:
        if name == "aws":
            raise KeyboardInterrupt
        return real(name, state)  # type: ignore[arg-type]

    def stop_and_be_interrupted_again(process: Process, *, patience: float) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        processes.stop(process, patience=patience)

    monkeypatch.setattr(services, "answers", interrupted)
    monkeypatch.setattr("phaseline.local.platform.stop", stop_and_be_interrupted_again)
    assert run(["local", "up", "--project", str(project)]) == 130
    assert "stopped again" in capsys.readouterr().err
    assert set(pids(project).values()) == {None}
    assert processes.stop_mentioning(Folder(project).path) == 0


def test_a_mongodb_that_does_not_answer_is_refused_and_its_password_not_shown(project: Path) -> None:
    with pytest.raises(PlatformUnavailable, match="cannot be used") as caught:
        Platform(project).up(mongo="mongodb://user:secret@127.0.0.1:1/")
    assert set(pids(project).values()) == {None}
    assert "secret" not in str(caught.value)
    assert "mongodb://***@127.0.0.1:1/" in str(caught.value)


def test_an_emulator_that_goes_while_its_logs_are_followed_is_one_message(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Emulator:
        """It knows one function; then it is gone."""

        def get_paginator(self, _: str) -> Emulator:
            return self

        def paginate(self) -> list[dict[str, Any]]:
            return [{"Functions": [{"FunctionName": "greet"}]}]

        def filter_log_events(self, **_: object) -> None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1/")

    monkeypatch.setattr(Platform, "require", lambda platform, *_: platform.state)
    monkeypatch.setattr("phaseline.local.logs.client", lambda *_: Emulator())
    assert run(["local", "logs", "greet", "--follow", "--project", str(project)]) == 3
    error = capsys.readouterr().err
    assert error.startswith("phaseline: the AWS emulator does not answer (")
    assert error.endswith("run `phaseline local up`\n")
    monkeypatch.undo()


@pytest.mark.parametrize("command", [["local", "logs"], ["local", "logs", "greet"], ["dlq", "list"]])
def test_an_emulator_that_runs_and_keeps_silent_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """It hangs, or was stopped by a debugger."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PHASELINE_ENV", raising=False)
    Folder(tmp_path).create()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        me = Process(os.getpid(), processes._start_time(os.getpid()) or "")
        Folder(tmp_path).write(State().having("aws", Part(port=silent.getsockname()[1]).running(me)))
        begun = time.monotonic()
        assert run(command) == 3
        assert time.monotonic() - begun < 30
    assert "(AWS (MiniStack)): run `phaseline local up`" in capsys.readouterr().err


def test_a_deploy_during_which_a_part_has_ended_does_not_end_well(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no definition has changed, it needs no MongoDB."""
    (project / "cdk.json").write_text("{}")
    platform = Platform(project)
    platform.up()
    mongo = platform.state.part("mongo").process
    assert mongo is not None
    monkeypatch.setattr("phaseline.local.deploy._deploy", lambda *_: processes.stop(mongo))
    assert run(["local", "deploy", "--project", str(project)]) == 3
    assert "the local platform is not up (MongoDB (SecantusDB)" in capsys.readouterr().err


def test_a_connection_string_that_is_none_is_the_users_mistake(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["local", "up", "--mongo", "postgres://user:secret@h/", "--project", str(project)]) == 2
    error = capsys.readouterr().err
    assert "--mongo postgres://***@h/ is no connection string: Invalid URI scheme" in error
    assert "secret" not in error


def test_a_project_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("up", "down", "status", "logs", "deploy"):
        assert run(["local", command, "--project", str(tmp_path / "misspelt")]) == 2
    assert capsys.readouterr().err.count("there is no such folder") == 5
    assert list(tmp_path.iterdir()) == []


def test_a_mongodb_and_a_port_for_ones_own_exclude_each_other(project: Path) -> None:
    with pytest.raises(PlatformMisuse, match="--mongo-port"):
        Platform(project).up(mongo="mongodb://h", mongo_port=27017)


def test_without_a_platform_everything_says_how_to_get_one(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["local", "logs", "--project", str(project)]) == 3
    assert run(["local", "deploy", "--project", str(project)]) == 3
    assert capsys.readouterr().err.count("run `phaseline local up`") == 2
    assert run(["local", "down", "--project", str(project)]) == 0
