"""A new project, all the way: init, its own tests, up, deploy, start, logs, down. Minutes on a small machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from phaseline.cli.entry import run
from phaseline.local import Platform


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new project that is deployed to a platform of its own."""
    folder = tmp_path_factory.mktemp("new") / "trip"
    try:
        assert run(["init", str(folder)]) == 0
        assert run(["local", "up", "--project", str(folder)]) == 0
        assert run(["local", "deploy", "--project", str(folder)]) == 0
        yield folder
    finally:
        Platform(folder).down(purge=True)


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command line is called in the project's folder, and nothing says otherwise."""
    for name in ("PHASELINE_MONGO_URI", "PHASELINE_DATABASE", "PHASELINE_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project)
    return project


def test_its_own_tests_pass_as_written(project: Path) -> None:
    # Not as a part of this run: where several processes share it, they keep what they say to themselves.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_XDIST")}
    environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "phaseline.testing.plugin"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout
    assert "1 snapshot passed" in done.stdout


def test_an_execution_runs_and_everything_can_be_seen_of_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["start", "welcome", "--input", '{"guest": "Ada"}', "--id", "first", "--watch"]) == 0
    shown = capsys.readouterr().out
    assert '{"words": "Welcome to local, Ada", "again": true}' in shown
    assert "✓ welcome  first  success" in shown

    assert run(["show", "first", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["results"]["greet"]["words"] == "Welcome to local, Ada"
    assert run(["list", "--machine", "welcome", "--status", "success"]) == 0
    assert "first" in capsys.readouterr().out
    assert run(["statuses", "first"]) == 0
    assert "phase preparing  success  → welcoming" in capsys.readouterr().out
    assert run(["rebuild", "first"]) == 0
    assert "equals the fold" in capsys.readouterr().out
    assert run(["local", "logs", "greet"]) == 0
    assert "greet | Welcome to local, Ada" in capsys.readouterr().out


def test_a_wrong_input_starts_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["start", "welcome", "--input", '{"guest": ""}', "--id", "wrong"]) == 2
    assert "input_schema" in capsys.readouterr().err
    assert run(["show", "wrong"]) == 2
    assert run(["start", "unknown"]) == 2
    assert "deployed are: welcome" in capsys.readouterr().err


def test_a_config_with_a_fault_is_not_deployed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = here / "phaseline.yaml"
    sound = config.read_text()
    config.write_text(sound.replace("timeout: 30s", "timeout: 30 parsecs"))
    try:
        assert run(["validate"]) == 2
        fault = capsys.readouterr().out.splitlines()[0]
        assert fault.startswith("phaseline.yaml:")
        assert run(["local", "deploy"]) == 2
        error = capsys.readouterr().err
        assert fault in error
        assert "synth.log" in error
        assert "Traceback" not in error
    finally:
        config.write_text(sound)
    assert run(["validate"]) == 0


def test_a_second_deploy_changes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["local", "deploy"]) == 0
    shown = capsys.readouterr().out
    assert "Bootstrap" not in shown
    assert "no changes" in (here / ".phaseline/local/logs/deploy.log").read_text()


@pytest.mark.parametrize("part", ["aws", "mongo", "relay"])
def test_what_is_deployed_survives_the_crash_of_a_part(
    here: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    process = Platform(here).state.part(part).process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    while process.alive:
        pass
    assert run(["local", "deploy"]) == 3
    assert "run `phaseline local up`" in capsys.readouterr().err
    assert run(["local", "up"]) == 0
    assert run(["start", "welcome", "--input", '{"guest": "Di"}', "--watch"]) == 0


def test_the_state_survives_a_restart(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["start", "welcome", "--input", '{"guest": "Bo"}', "--id", "kept", "--watch"]) == 0
    assert run(["local", "down"]) == 0
    assert run(["list"]) == 3
    assert run(["local", "up"]) == 0
    capsys.readouterr()
    assert run(["show", "kept"]) == 0
    assert "success" in capsys.readouterr().out
    assert run(["start", "welcome", "--input", '{"guest": "Cy"}', "--watch"]) == 0
