"""The fixture of the local platform where several processes of one run want it: here threads, with nothing real."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from phaseline.local import Platform, PlatformMisuse
from phaseline.testing import deployed as module
from phaseline.testing.deployed import deployed, project_of


class Log(list[str]):
    """What has been done to the platform, in order."""

    running = False


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """A platform that starts, deploys and stops nothing."""
    log = Log()

    def up(self: Platform) -> bool:
        started, log.running = not log.running, True
        log.extend(["up"] * started)
        return started

    def down(self: Platform) -> bool:
        log.running = False
        log.append("down")
        return True

    monkeypatch.setattr(Platform, "up", up)
    monkeypatch.setattr(Platform, "down", down)
    monkeypatch.setattr(Platform, "require", lambda self: self.state.having("mongo", _AT))
    monkeypatch.setattr(module, "deploy", lambda *_: log.append("deploy"))
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "one run")
    return log


_AT: Any = type("At", (), {"uri": "mongodb://127.0.0.1:1/?directConnection=true"})


def test_the_app_that_is_deployed_is_the_one_to_which_the_config_belongs(tmp_path: Path) -> None:
    config = tmp_path / "shop/config/phaseline.yaml"
    config.parent.mkdir(parents=True)
    with pytest.raises(PlatformMisuse, match=rf"no cdk\.json in {config.parent} or {tmp_path}/shop or {tmp_path}: say"):
        project_of(config, tmp_path)
    for place in (tmp_path, tmp_path / "shop", config.parent):
        (place / "cdk.json").write_text("{}")
        assert project_of(config, tmp_path) == place
    (config.parent / "cdk.json").unlink()
    with pytest.raises(PlatformMisuse, match=rf"no cdk\.json in {config.parent} or {tmp_path}/tests: say"):
        project_of(config, tmp_path / "tests")


def test_the_first_process_of_a_run_deploys_and_the_last_one_stops(log: Log, tmp_path: Path) -> None:
    together, leaving = threading.Barrier(3, timeout=10), threading.Semaphore(0)

    def process(number: int) -> None:
        with deployed(tmp_path):
            log.append("used")
            together.wait()
            if number > 0:
                leaving.acquire(timeout=10)
                log.append("used still")
        leaving.release()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(process, range(3)))
    assert log == ["up", "deploy", *["used"] * 3, *["used still"] * 2, "down"]


def test_a_platform_that_ran_before_is_left_running(log: Log, tmp_path: Path) -> None:
    log.running = True
    with deployed(tmp_path), deployed(tmp_path):
        pass
    assert log == ["deploy"]


def test_another_run_beside_it_has_its_own_code_deployed(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with deployed(tmp_path):
        monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "another run")
        with deployed(tmp_path):
            pass
    assert log == ["up", "deploy", "deploy", "down"]


def test_where_it_cannot_be_deployed_nothing_is_left(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise PlatformMisuse("no app")

    with monkeypatch.context() as patched:
        patched.setattr(module, "deploy", fails)
        with pytest.raises(PlatformMisuse), deployed(tmp_path):
            pytest.fail("not deployed")
    with deployed(tmp_path):
        pass
    assert log == ["up", "down", "up", "deploy", "down"]
