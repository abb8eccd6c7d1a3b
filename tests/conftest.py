"""How the tests are shared out where several processes run them, as `make test` does."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


class OneForLocal(LoadScopeScheduling):  # type: ignore[misc]
    """All tests of the local platform go to one process, as they share what is deployed; each other test is free.

    The largest share is given out first: the local platform, which mostly waits, begins at once.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "local" if nodeid.startswith("tests/local/") else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneForLocal:
    """Called by pytest-xdist, where tests run in several processes."""
    return OneForLocal(config, log)
