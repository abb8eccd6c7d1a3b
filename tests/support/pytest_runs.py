"""pytest in a project of somebody else's, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.tools import ROOT

PLUGIN = "phaseline.testing.plugin"


def pytest_in(folder: Path, *arguments: str) -> str:
    """What pytest says in a folder, with the plugin of the testing kit but without anything else of this project."""
    # It is no part of this run: where several processes share it, they keep what they say to themselves.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_XDIST")}
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / name) for name in ("constructs", "lambdas"))
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr
