"""Tests for what is built on Phaseline: a whole state machine in memory, in milliseconds, in virtual time.

    from phaseline.testing import fails, returns, run

    def test_a_taken_boat_is_asked_for_again():
        result = run("phaseline.yaml", "catch_the_fish", mocks={"rent_a_boat": fails("BoatTaken", times=2)})
        assert result.attempts["rent_a_boat"] == 3

Importing this package imports neither `aws_cdk` nor pymongo: what needs them comes with the first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phaseline.testing.execution import Execution as Execution
    from phaseline.testing.execution import run as run
    from phaseline.testing.execution import start as start
    from phaseline.testing.mocks import Mock as Mock
    from phaseline.testing.mocks import fails as fails
    from phaseline.testing.mocks import returns as returns
    from phaseline.testing.mocks import takes as takes
    from phaseline.testing.result import Attempt as Attempt
    from phaseline.testing.result import Result as Result
    from phaseline.testing.stable_ids import assert_stable_ids as assert_stable_ids
    from phaseline.testing.templates import masked as masked

_PLACES = {
    "Attempt": "result",
    "Execution": "execution",
    "Mock": "mocks",
    "Result": "result",
    "assert_stable_ids": "stable_ids",
    "fails": "mocks",
    "masked": "templates",
    "returns": "mocks",
    "run": "execution",
    "start": "execution",
    "takes": "mocks",
}
"""The public names and their modules."""

__all__ = sorted(_PLACES)


if not TYPE_CHECKING:  # Hidden from type checkers, which would take any name for one of the package.

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from phaseline.extras import need  # Not before: the plugin imports this package in every run of pytest.

        need("ruamel.yaml", owner="phaseline.testing", extra="testing")
        found = getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
