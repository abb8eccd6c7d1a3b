"""docs/command-line.md names every command and every exit code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from phaseline.cli import entry

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")


def test_every_command_is_described_and_none_that_is_not_there() -> None:
    rows = [line.split("|")[1] for line in PAGE.partition("## ")[0].splitlines() if line.startswith("| `")]
    described = {word.split()[0] for row in rows for word in re.findall(r"`([^`]+)`", row)}
    root = get_command(entry.app)
    known = set(root.commands)  # type: ignore[attr-defined]
    local = set(root.commands["local"].commands)  # type: ignore[attr-defined]
    letters = set(root.commands["dlq"].commands)  # type: ignore[attr-defined]
    assert described == known | local - {"up"} | letters
    for name in root.commands["atlas"].commands:  # type: ignore[attr-defined]
        assert f"`atlas {name}`" in PAGE


def test_every_exit_code_is_described() -> None:
    described = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert described == {0, entry.EXECUTION_FAILED, entry.USER_MISTAKE, entry.UNREACHABLE, entry.INTERRUPTED}


def test_what_may_be_left_out_stands_in_one_pair_of_brackets() -> None:
    def usages(command: Any, path: str) -> Iterator[str]:
        with command.make_context(path, [], resilient_parsing=True) as context:
            yield command.get_usage(context)
        for name, inner in getattr(command, "commands", {}).items():
            yield from usages(inner, f"{path} {name}")

    found = list(usages(get_command(entry.app), "phaseline"))
    assert "Usage: phaseline cancel [OPTIONS] [ID]" in found
    assert not [usage for usage in found if "[[" in usage]
