"""A new project: what is written, and what is never overwritten. That it deploys is tried in tests/local."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phaseline.cli import project
from phaseline.cli.entry import run
from phaseline_runtime.errors import UserError


def test_a_project_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deep" / "My Fishing Trip"
    assert run(["init", str(folder)]) == 0
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written >= {
        "app.py",
        "cdk.json",
        "requirements.txt",
        "package.json",
        "package-lock.json",
        "phaseline.yaml",
        "README.md",
        ".gitignore",
        "stacks/environments.py",
        "lambdas/jobs/greet/handler.py",
        "lambdas/jobs/look_up_guest/handler.py",
        "tests/test_stack.py",
    }
    assert not [path for path in written if path.endswith(project.SUFFIX)]
    assert json.loads((folder / "package.json").read_text())["name"] == "my-fishing-trip-deploy"
    assert not [path for path in written if "{{" in (folder / path).read_text()]
    said = capsys.readouterr().out
    assert f"Next: cd '{folder}' && pip install" in said
    assert "README.md" in said


def test_python_files_of_a_project_are_python(tmp_path: Path) -> None:
    for path in project.write(tmp_path, "p"):
        if path.suffix == ".py":
            compile(path.read_text(), str(path), "exec")


def test_a_project_has_the_feature_flags_that_the_constructs_are_tested_with(tmp_path: Path) -> None:
    project.write(tmp_path, "p")
    ours = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())
    assert json.loads((tmp_path / "cdk.json").read_text())["context"] == ours["context"]


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "app.py").write_text("mine")
    assert run(["init", str(tmp_path)]) == 2
    assert "holds app.py already" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.py", "notes.txt"]
    (tmp_path / "app.py").unlink()
    assert run(["init", str(tmp_path)]) == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "tests").write_text("a file where a folder belongs")
    with pytest.raises(UserError, match="no project was written"):
        project.write(tmp_path, "p")
    assert [path.name for path in tmp_path.iterdir()] == ["tests"]
    with pytest.raises(UserError, match="is no folder"):
        project.write(tmp_path / "tests", "p")
