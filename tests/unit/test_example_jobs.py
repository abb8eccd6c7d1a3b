"""The example's jobs are plain functions: called here without Lambda, MongoDB or anything of ours."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

JOBS = Path(__file__).parents[2] / "lambdas/jobs"

Handler = Callable[[dict[str, Any], Any], Any]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setenv("FISHING_LICENCE", "test")


def handler(job: str) -> Handler:
    spec = importlib.util.spec_from_file_location(f"job_{job}", JOBS / job / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loaded: Handler = module.handler
    return loaded


def test_no_job_imports_anything_of_ours() -> None:
    sources = [file.read_text() for file in JOBS.rglob("*.py")]
    assert len(sources) == 8
    assert not any("phaseline" in source for source in sources)


def test_the_fish_of_a_cast_come_on_top_of_those_before() -> None:
    catch = handler("catch_fish")
    first = catch({"ground": "Lofoten", "cast": 1}, None)
    second = catch({"ground": "Lofoten", "cast": 2, "caught": first["fish"]}, None)
    assert second["fish"][: len(first["fish"])] == first["fish"]
    assert second["kilos"] > first["kilos"]


def test_the_same_cast_catches_the_same_fish() -> None:
    catch = handler("catch_fish")
    assert catch({"ground": "Loch Ness", "cast": 3}, None) == catch({"ground": "Loch Ness", "cast": 3}, None)


def test_without_a_licence_nothing_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FISHING_LICENCE")
    with pytest.raises(Exception, match="set FISHING_LICENCE"):
        handler("catch_fish")({"ground": "Lofoten", "cast": 1}, None)


def test_the_way_from_the_catch_to_the_story() -> None:
    cleaned = handler("clean_fish")(
        {"fish": [{"species": "cod", "kilos": 4.0}, {"species": "cod", "kilos": 2.0}]}, None
    )
    assert cleaned == {"kilos": 3.9, "species": ["cod"]}
    assert handler("share_with_neighbours")({"kilos": 9.0}, None) == {"kilos": 4.5}
    cooked = handler("cook_fish")({"kilos": cleaned["kilos"]}, None)
    assert cooked == {"dish": "roast fish", "portions": 15}
    story = handler("go_home")({"distance_km": 660, "dish": cooked["dish"]}, None)["story"]
    assert "660 km" in story
    assert "roast fish" in story
