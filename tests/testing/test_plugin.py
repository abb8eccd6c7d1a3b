"""The plugin in a project of its own, and the examples of the docs, as pytest runs them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.support.pytest_runs import PLUGIN, pytest_in
from tests.support.tools import ROOT

PAGE = (ROOT / "docs/testing.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_docs_pass(tmp_path: Path) -> None:
    [config], [plain, fixtures] = blocks("yaml"), blocks("python")
    file = tmp_path / "config" / "trip.yaml"
    for job in re.findall(r"code: ([\w/]+)", config):
        (file.parent / job).mkdir(parents=True)
        (file.parent / job / "handler.py").write_text("def handler(event, context): ...\n")
    file.with_name("plain.yaml").write_text(config)
    file.write_text(config.replace("code: lambdas/jobs/buy_gear", 'code: lambdas/jobs/buy_gear, description: "${WHO}"'))
    (tmp_path / "pytest.ini").write_text("[pytest]\nphaseline_config = config/trip.yaml\n")
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture(scope='session')\ndef phaseline_values():\n    return {'WHO': 'Ada'}\n"
    )
    (tmp_path / "test_plain.py").write_text(plain.replace('"phaseline.yaml"', '"config/plain.yaml"'))
    (tmp_path / "test_fixtures.py").write_text(
        f"{fixtures}\n\n"
        "def test_the_config_has_its_values(phaseline_config):\n"
        "    assert phaseline_config.jobs['buy_gear'].description == 'Ada'\n\n"
        "def test_that_fails(phaseline_start):\n"
        "    trip = phaseline_start('fishing_trip', mocks={'catch_fish': fails('Storm', 'too much wind')})\n"
        "    result = trip.run()\n"
        "    print(result)\n"
        "    assert result.status == 'success'\n"
    )
    said = pytest_in(tmp_path)
    tests = len(re.findall(r"^def test_", plain + fixtures, re.MULTILINE)) + 1
    assert f"1 failed, {tests} passed" in said, said
    assert "catch_fish failed Storm: too much wind" in said


def test_each_module_has_the_values_that_it_says(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job/handler.py").write_text(
        "import os\n\ndef handler(event, context):\n    return os.environ['WHO']\n"
    )
    (tmp_path / "phaseline.yaml").write_text(
        "jobs: {a: {code: job, environment: {WHO: '${WHO}'}}}\nstate_machines: {m: {phases: {p: {jobs: {a: }}}}}\n"
    )
    values = "import pytest\n\n@pytest.fixture(scope='session')\ndef phaseline_values():\n    return {'WHO': 'NAME'}\n"
    for name in ("Ada", "Bo"):
        (tmp_path / f"test_{name}.py").write_text(
            values.replace("NAME", name)
            + f"\ndef test_it(phaseline_run):\n    assert phaseline_run('m').outputs['a'] == '{name}'\n"
        )
    said = pytest_in(tmp_path)
    assert "2 passed" in said, said


def test_pytest_finds_the_plugin_by_itself() -> None:
    """The entry point has the module's name, so that `-p` with it is the same plugin."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {PLUGIN: PLUGIN}


def test_what_the_kit_offers_is_explained() -> None:
    import phaseline.testing as kit
    from phaseline.testing import plugin
    from phaseline.testing.execution import Execution

    explained = set(re.findall(r"`\.?(\w+)", PAGE))
    public = {name for name in vars(kit.Result) if not name.startswith("_")}
    public |= {name for name in vars(Execution) if not name.startswith("_")} - {"close", "now", "id"}
    public |= {name for name in vars(plugin) if name.startswith("phaseline_")}
    public |= {name for name in kit.__all__ if name.islower()}
    assert public <= explained, public - explained


def test_every_name_of_the_kit_is_there() -> None:
    import phaseline.testing as kit

    assert all(getattr(kit, name) is not None for name in kit.__all__)
    assert set(kit.__all__) <= set(dir(kit))
