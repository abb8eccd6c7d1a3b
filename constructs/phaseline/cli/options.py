"""The options that several commands share, declared once so that they read the same everywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"phaseline {version('phaseline')}")
        except PackageNotFoundError:
            print("phaseline (not installed)")
        raise typer.Exit


def _no_address(given: Path) -> Path:
    """A connection string in the place of a file would be quoted by all that is said of that file."""
    if re.match(r"[a-z+]{2,}:/", str(given), re.IGNORECASE):
        raise typer.BadParameter("this is an address, and no file")
    return given


Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Mongo = Annotated[
    str | None,
    typer.Option(
        "--mongo", metavar="URI", help="Connect to this MongoDB. \\[env: PHASELINE_MONGO_URI]", show_default=False
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="NAME", help="Use this database of it. \\[env: PHASELINE_DATABASE]", show_default=False
    ),
]
Env = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="NAME",
        help="The environment: local, or one that is deployed to AWS as stack `phaseline-NAME` (or as PHASELINE_STACK "
        "says). \\[env: PHASELINE_ENV]",
        show_default=False,
    ),
]
Project = Annotated[
    Path | None,
    typer.Option("--project", metavar="DIR", help="The project's folder. By default the one around here."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for a confirmation.")]
ConfigFile = Annotated[Path, typer.Argument(metavar="FILE", help="The config file.", callback=_no_address)]
ExecutionId = Annotated[str, typer.Argument(metavar="ID", help="The execution's id.", show_default=False)]
