"""A new project: `init` writes one that deploys and passes its tests as it is."""

from __future__ import annotations

import re
import shlex
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from phaseline_runtime.errors import UserError

SUFFIX = ".tmpl"
"""Of every template: none of them is taken for a module, a test or a setting of Phaseline itself."""

RENAMED = {"gitignore": ".gitignore"}


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command()(init)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Its folder; it is made if need be.")] = Path(),
) -> None:
    """Write a new project: a CDK app, two jobs, a state machine, tests and a README."""
    name = project_name(folder)
    written = write(folder, name)
    print(f"{name}: {len(written)} files in {folder.resolve()}")
    steps = "pip install -r requirements.txt && phaseline local up && phaseline local deploy"
    there = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    print(f"Next: {there}{steps}\nThe rest stands in its README.md.")


def project_name(folder: Path) -> str:
    """The name of a project in this folder, in letters that npm takes as well."""
    return re.sub(r"[^a-z0-9-]+", "-", folder.resolve().name.lower()).strip("-") or "project"


def write(folder: Path, name: str) -> list[Path]:
    """Write all files of a new project and return them.

    Raises UserError where a file would be overwritten, or the folder cannot be written; then nothing was.
    """
    texts = {folder / path: _filled(text, name) for path, text in _templates()}
    _refuse_what_is_there(folder, texts)
    written: list[Path] = []
    made: list[Path] = []
    try:
        for path, text in texts.items():
            for parent in reversed(path.parents):
                if not parent.exists():
                    parent.mkdir()
                    made.append(parent)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except BaseException as error:
        for path in written:
            path.unlink(missing_ok=True)
        for parent in reversed(made):
            parent.rmdir()
        if isinstance(error, OSError):
            raise UserError(f"{error.filename or folder}: {error.strerror}: no project was written") from error
        raise
    return written


def _refuse_what_is_there(folder: Path, texts: dict[Path, str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is no folder: choose another one")
    there = [str(path.relative_to(folder)) for path in texts if path.exists() or path.is_symlink()]
    if there:
        raise UserError(
            f"{folder.resolve()} holds {', '.join(there)} already, and nothing is overwritten: choose another folder"
        )


def _templates() -> list[tuple[Path, str]]:
    return sorted(_below(files("phaseline.cli") / "templates" / "project", Path()))


def _below(folder: Traversable, place: Path) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _below(item, place / item.name)
        elif item.name.endswith(SUFFIX):
            name = item.name.removesuffix(SUFFIX)
            found.append((place / RENAMED.get(name, name), item.read_text(encoding="utf-8")))
    return found


def _filled(text: str, name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version("phaseline")
    except PackageNotFoundError:
        installed = "0.1.0"
    return text.replace("{{name}}", name).replace("{{version}}", installed)
