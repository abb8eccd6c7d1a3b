"""A project on the local platform, for tests that want the real parts: CDK, Lambda, rules, a database."""

# ruff: noqa: E402  (What is missing is said before anything is imported that would need it.)
from __future__ import annotations

from phaseline.extras import need

need("ministack", owner="phaseline_platform", extra="local")

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from phaseline.local import DATABASE, Platform
from phaseline.local.deploy import deploy
from phaseline.local.stages import Stages
from phaseline_runtime.client import Client


@dataclass(frozen=True, slots=True)
class Deployed:
    """A project that is deployed to a local platform which runs."""

    platform: Platform
    client: Client
    """Starts executions and looks at them."""


@contextmanager
def deployed(project: Path) -> Iterator[Deployed]:
    """Bring the platform up, deploy the project, and stop again what was started here.

    Raises PlatformMisuse, PlatformUnavailable and StageFailed as `phaseline local up` and `deploy` do.
    """
    platform = Platform(project)
    started = platform.up()
    try:
        deploy(platform, Stages(Console(file=sys.stderr)))
        uri = platform.require().mongo_uri
        assert uri is not None
        with Client(uri, database=DATABASE) as client:
            yield Deployed(platform, client)
    finally:
        if started:
            platform.down()
