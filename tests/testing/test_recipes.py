"""The recipes of the docs, run as printed: their own tests by pytest, and what these cannot see."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ministack.services import eventbridge

from phaseline.config import load
from phaseline.testing import fails, run
from phaseline_runtime.notify import channels
from phaseline_runtime.notify.message import subscribes
from tests.support.pytest_runs import pytest_in
from tests.support.recipes import FOLDER, recipe, recipes
from tests.support.tools import ROOT

ALL = recipes()
WITH_TESTS = [each for each in ALL if any(name.startswith("test_") for name in each.files)]


def test_the_tests_of_the_recipes_pass(tmp_path: Path) -> None:
    """Each in a folder of its own, which is the working directory: as somebody who tries one runs it."""
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture(autouse=True)\ndef there(request, monkeypatch):\n"
        "    monkeypatch.chdir(request.path.parent)\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    for number, each in enumerate(WITH_TESTS):
        each.write(tmp_path / f"recipe_{number}")
    said = pytest_in(tmp_path)
    assert re.search(r"^=+ \d+ passed in", said, re.MULTILINE), said


@pytest.mark.parametrize("title", [each.title for each in ALL if "phaseline.yaml" in each.files])
def test_the_config_of_a_recipe_has_neither_faults_nor_warnings(title: str, tmp_path: Path) -> None:
    assert load(recipe(title).write(tmp_path), values={}).warnings == ()


def test_a_recipe_without_tests_of_its_own_is_run_over_a_database() -> None:
    elsewhere = (ROOT / "tests/integration/test_recipes.py").read_text()
    assert [each.title for each in ALL if each not in WITH_TESTS and f'recipe("{each.title}")' not in elsewhere] == []


def test_the_index_lists_all_twelve() -> None:
    index = re.findall(r"\| \[([^]]+)\]\(([^)]+)\) \|", (FOLDER / "index.md").read_text())
    assert sorted(index) == sorted((each.title, each.anchor) for each in ALL)
    assert len(index) == 12


def test_the_event_that_is_shown_is_one_that_starts_a_report(tmp_path: Path) -> None:
    shown = recipe("Schedules and events")
    schedule, on_event = load(shown.write(tmp_path), values={}).state_machines["report"].starts
    event = json.loads(shown.files["event.json"])
    assert schedule.input["object"].keys() <= event["detail"]["object"].keys()
    for key, starts in (("north.csv", True), ("north.pdf", False)):
        event["detail"]["object"]["key"] = key
        sent = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
        }
        assert eventbridge._matches_pattern(json.dumps(on_event.pattern), sent) is starts


def test_slack_gets_the_line_that_is_shown_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = recipe("A deadline, and word to Slack")
    config = load(shown.write(tmp_path), values={})
    result = run(config, "quote", mocks={"compute_quote": fails("NoPrices")}, id="q-7")
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr(channels, "_secret", lambda name: f"https://hooks.slack.example/{name}")
    monkeypatch.setattr(channels, "_post", lambda url, body: sent.append((url, body["text"])))
    (channel,) = config.notifications
    for status in result.statuses:
        if subscribes(channel.events, status):
            channels.send({"to": channel.to, "url_secret": channel.url_secret}, status, print)
    assert sent == [("https://hooks.slack.example/shop/slack", shown.shown["text"].strip())]
