"""How the tests are shared out where several processes run them, as `make test` does; and nothing is left of a run."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from phaseline.local import Platform
from phaseline.local.interrupts import uninterrupted
from phaseline.local.processes import stop_mentioning

# How long an example takes says how busy the machine is; and what a fixture has made may serve all examples of a test.
settings.register_profile(
    "phaseline", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("phaseline")

OWN = [f"tests/local/test_{name}.py" for name in ("examples", "permissions", "platform", "project")]
TOGETHER = (*OWN, "tests/local/", "tests/simulation/test_seeds.py", "tests/synth/test_role_")
"""Tests that go to one process, which share what is deployed, seeds or templates. The first that fits counts."""


class SomeTogether(LoadScopeScheduling):  # type: ignore[misc]
    """The tests of one deployment go to one process, and those of the simulated seeds; each other test is free.

    The largest share is given out first: what is deployed for all, and mostly waits, begins at once.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((together for together in TOGETHER if nodeid.startswith(together)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SomeTogether:
    """Called by pytest-xdist, where tests run in several processes."""
    return SomeTogether(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    """What a test has said may hold a text that is no UTF-8: sent as it is, it would end the whole run."""
    data: dict[str, Any] | None = _in_utf8((yield))
    return data


def _in_utf8(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _in_utf8(item) for key, item in value.items()}
    return type(value)(map(_in_utf8, value)) if isinstance(value, (list, tuple)) else value


def pytest_configure() -> None:
    """Whoever ends a run (a CI that cancels it, `timeout`) is answered as Ctrl-C is: by tidying up first."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what an interrupted run has left: a test that is interrupted twice, or killed, does not tidy up itself.

    All is known by the run's folder. The process that has shared out the tests does it, once the others have ended.
    """
    if hasattr(config, "workerinput"):
        return
    run = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    with uninterrupted():
        stop_mentioning(run)
        for place, folders, _ in os.walk(run):
            if ".phaseline" in folders:
                folders.clear()
                Platform(Path(place)).down(purge=True)
