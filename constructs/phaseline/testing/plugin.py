"""The pytest plugin: fixtures that run state machines in memory, and one that gives a local platform.

It comes with the package, by its entry point; nothing of Phaseline is imported before a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pymongo import MongoClient

    from phaseline.config import Config
    from phaseline.testing.deployed import Deployed
    from phaseline.testing.execution import Execution
    from phaseline.testing.result import Result


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setting `phaseline_config`."""
    parser.addini("phaseline_config", "Phaseline's config file, below pytest's root folder", default="phaseline.yaml")


@pytest.fixture(scope="session")
def phaseline_values() -> dict[str, str]:
    """What each `${NAME}` in the config stands for; a conftest.py says it, or a module of tests for itself."""
    return {}


@pytest.fixture(scope="module")  # One of the session would have the values of whichever module came first.
def phaseline_config(pytestconfig: pytest.Config, phaseline_values: dict[str, str]) -> Config:
    """The project's config: `phaseline.yaml` in pytest's root folder, or what pytest.ini says as `phaseline_config`."""
    from phaseline.config import load

    return load(pytestconfig.rootpath / pytestconfig.getini("phaseline_config"), values=phaseline_values)


@pytest.fixture
def phaseline_run(phaseline_config: Config) -> Callable[..., Result]:
    """`phaseline.testing.run` for the project's config: `phaseline_run("catch_the_fish", {"age": 20}, mocks=…)`."""
    from phaseline.testing.execution import run

    def run_it(machine: str, input: Any = None, **more: Any) -> Result:
        return run(phaseline_config, machine, input, **more)

    return run_it


@pytest.fixture
def phaseline_start(phaseline_config: Config) -> Iterator[Callable[..., Execution]]:
    """`phaseline.testing.start` for the project's config; what was started is closed after the test."""
    from phaseline.testing.execution import start

    with ExitStack() as closing:

        def start_it(machine: str, input: Any = None, **more: Any) -> Execution:
            return closing.enter_context(start(phaseline_config, machine, input, **more))

        yield start_it


@pytest.fixture(scope="session")
def phaseline_mongo() -> MongoClient[dict[str, Any]]:
    """The MongoDB on which the jobs' transactions work in memory: for what they are to find, or have written.

    What a test writes there stays for the next one, unless it is dropped.
    """
    from phaseline.testing import mongo

    return mongo.client()


@pytest.fixture(scope="session")
def phaseline_platform(pytestconfig: pytest.Config) -> Iterator[Deployed]:
    """The local platform with the project deployed to it, and a client: a minute, once for the session.

    The project is the CDK app in the config's folder, or in the nearest one above it up to pytest's root folder. A
    platform that runs already is used, and left running; one that was started for the tests is stopped after them.
    """
    from phaseline.testing.deployed import deployed, project_of

    root = pytestconfig.rootpath
    with deployed(project_of(root / pytestconfig.getini("phaseline_config"), root)) as found:
        yield found
