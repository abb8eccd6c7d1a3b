"""How the tests are shared out where several processes run them, as `make test` does."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

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
