"""Small config files for tests, and tables of them: a file a row, with every line that is said of it."""

from __future__ import annotations

import re
from pathlib import Path

from phaseline.config import Config, ConfigError, load

JOBS = "jobs: {a: {code: job}, b: {code: job}, c: {code: job}, d: {code: job}}\n"
HANDLER = "def handler(input, context): ...\n\n\ndef one(input): ...\n"

_HEAD = f"{JOBS}state_machines:\n  m:\n"
_ALL = "phases: {p: {jobs: {a: , b: , c: , d: }}}\n"


def whole(kind: str, text: str) -> str:
    """A whole file around a part of one: `phases`, `machine`, `jobs`, the end of a `file`, or a `whole` one."""
    match kind:
        case "phases":
            return f"{_HEAD}    phases:\n{_indented(text, 6)}"
        case "machine":
            return f"{_HEAD}{_indented(text, 4)}    {_ALL}"
        case "jobs":
            return f"jobs:\n{_indented(text, 2)}state_machines: {{m: {{phases: {{p: {{jobs: {{a: }}}}}}}}}}\n"
        case "file":
            return f"{_HEAD}    {_ALL}{text}\n"
        case _:
            return f"{text}\n"


def write(folder: Path, text: str) -> Path:
    """Write a config file, and the folder `job` that its jobs have as code."""
    (folder / "job").mkdir(exist_ok=True)
    (folder / "job" / "handler.py").write_text(HANDLER, encoding="utf-8")
    file = folder / "phaseline.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def loaded(folder: Path, kind: str, text: str) -> Config:
    """The config of a file that has no fault."""
    return load(write(folder, whole(kind, text)), values={})


def said(file: Path, values: dict[str, str] | None = None) -> tuple[list[str], list[str]]:
    """The faults and the warnings of a file, without its name."""
    try:
        warnings = load(file, values=values).warnings
        return [], [_short(str(each), file) for each in warnings]
    except ConfigError as error:
        return [_short(line, file) for line in str(error).splitlines()], [
            _short(str(each), file) for each in error.warnings
        ]


def rows(table: str) -> list[tuple[str, str, str, list[str]]]:
    """The rows of a table: name, kind, text and what is said of it."""
    found = []
    for block in re.split(r"^=== ", table, flags=re.MULTILINE)[1:]:
        title, *lines = block.strip("\n").splitlines()
        kind, _, name = title.partition(": ")
        text = "\n".join(line for line in lines if not line.startswith("--> "))
        found.append((name, kind, text.strip("\n"), [line[4:] for line in lines if line.startswith("--> ")]))
    return found


def _short(line: str, file: Path) -> str:
    return line.removeprefix(f"{file}:")


def _indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())
