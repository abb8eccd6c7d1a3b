"""A project on the local platform, for tests that want the real parts: CDK, Lambda, rules, a database."""

# ruff: noqa: E402  (What is missing is said before anything is imported that would need it.)
from __future__ import annotations

from phaseline.extras import need

need("ministack", owner="phaseline_platform", extra="local")

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from phaseline.local import DATABASE, Platform, PlatformMisuse
from phaseline.local.deploy import deploy
from phaseline.local.stages import Stages
from phaseline_runtime.client import Client


@dataclass(frozen=True, slots=True)
class Deployed:
    """A project that is deployed to a local platform which runs."""

    platform: Platform
    client: Client
    """Starts executions and looks at them."""


def project_of(config: Path, root: Path) -> Path:
    """The folder of the CDK app to which a config belongs: its own, or the nearest one above it up to the root folder.

    Raises PlatformMisuse where there is none: before anything is started.
    """
    folder, root = config.resolve().parent, root.resolve()
    places = list(dict.fromkeys([folder, *(each for each in folder.parents if each.is_relative_to(root)), root]))
    for place in places:
        if (place / "cdk.json").exists():
            return place
    raise PlatformMisuse(
        f"phaseline_platform deploys the CDK app of {config.name}, and there is no cdk.json in "
        f"{' or '.join(map(str, places))}: say where the config is as `phaseline_config` in pytest.ini"
    )


@contextmanager
def deployed(project: Path) -> Iterator[Deployed]:
    """Bring the platform up, deploy the project, and stop again what was started here.

    Of the processes of one run (pytest-xdist), the first one deploys and the last one stops. Raises PlatformMisuse,
    PlatformUnavailable and StageFailed as `phaseline local up` and `deploy` do.
    """
    platform = Platform(project)
    with _shared(platform):
        uri = platform.require().mongo_uri
        assert uri is not None
        with Client(uri, database=DATABASE) as client:
            yield Deployed(platform, client)


@contextmanager
def _shared(platform: Platform) -> Iterator[None]:
    """Let several processes use the platform: each holds a shared lock, and who gets an exclusive one is alone.

    The file holds the run that has deployed, and whether that had to start the platform.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    platform.folder.create()
    with (platform.folder.path / "tests").open("a+") as users:
        with _turn(platform):
            alone = _is_alone(users.fileno())
            users.seek(0)
            before, _, started = users.read().partition("\n")
            if alone:
                started = "started" if platform.up() else ""
            try:
                if alone or before != run:
                    deploy(platform, Stages(Console(file=sys.stderr)))
            except BaseException:
                if alone and started:
                    platform.down()
                raise
            users.truncate(0)
            users.write(f"{run}\n{started}")
            users.flush()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            with _turn(platform):
                if _is_alone(users.fileno()) and started:
                    platform.down()


@contextmanager
def _turn(platform: Platform) -> Iterator[None]:
    """One at a time comes or goes."""
    with (platform.folder.path / "tests.turn").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_alone(file: int) -> bool:
    """Whether nobody else uses the platform; if so, the lock is held."""
    fcntl.flock(file, fcntl.LOCK_UN)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
