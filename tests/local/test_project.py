"""A new project, all the way: init, its own tests, up, deploy, start, logs, down. Minutes on a small machine."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from phaseline.cli.entry import run
from phaseline.local import Platform
from tests.support.pytest_runs import pytest_in
from tests.support.waiting import until


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
    said = pytest_in(project)
    assert "5 passed" in said, said
    assert "1 snapshot passed" in said


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


TESTS_ON_THE_PLATFORM = """
def test_a_guest_is_welcomed(phaseline_platform):
    client = phaseline_platform.client
    execution = client.wait(client.start("welcome", {"guest": "Eve"}).id, timeout=60)
    assert execution.results["greet"]["words"] == "Welcome to local, Eve"
    assert all(part.state == "ready" for part in phaseline_platform.platform.status())
"""


@pytest.fixture
def tests_on_the_platform(here: Path) -> Iterator[str]:
    """A file of the project's tests that uses the fixture `phaseline_platform`."""
    file = here / "tests" / "test_on_the_platform.py"
    file.write_text(TESTS_ON_THE_PLATFORM)
    yield str(file)
    file.unlink()


def test_its_tests_use_a_platform_that_is_up_and_a_second_deploy_changes_nothing(
    here: Path, tests_on_the_platform: str
) -> None:
    platform = Platform(here)
    before, bootstrap = platform.state, platform.folder.log("bootstrap")
    bootstrapped = bootstrap.stat()
    said = pytest_in(here, tests_on_the_platform)
    assert "1 passed" in said, said
    assert all(part.state == "ready" for part in platform.status())
    assert platform.state == before
    assert bootstrap.stat() == bootstrapped
    assert "no changes" in platform.folder.log("deploy").read_text()


@pytest.mark.parametrize("part", ["aws", "mongo", "relay"])
def test_what_is_deployed_survives_the_crash_of_a_part(
    here: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    process, relay = Platform(here).state.part(part).process, Platform(here).state.part("relay").pid
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not process.alive)
    assert run(["local", "deploy"]) == 3
    assert "run `phaseline local up`" in capsys.readouterr().err
    assert run(["local", "up"]) == 0
    # A relay that has seen what the database lost in its crash would miss as much of what comes.
    assert (Platform(here).state.part("relay").pid == relay) == (part == "aws")
    assert run(["start", "welcome", "--input", '{"guest": "Di"}', "--watch"]) == 0


def test_its_tests_start_and_stop_a_platform_that_is_down_and_the_state_survives(
    here: Path, tests_on_the_platform: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["start", "welcome", "--input", '{"guest": "Bo"}', "--id", "kept", "--watch"]) == 0
    assert run(["local", "down"]) == 0
    assert run(["list"]) == 3
    try:
        said = pytest_in(here, tests_on_the_platform)
        assert "1 passed" in said, said
        assert run(["list"]) == 3
    finally:
        assert run(["local", "up"]) == 0
    capsys.readouterr()
    assert run(["show", "kept"]) == 0
    assert "success" in capsys.readouterr().out
    assert run(["start", "welcome", "--input", '{"guest": "Cy"}', "--watch"]) == 0
