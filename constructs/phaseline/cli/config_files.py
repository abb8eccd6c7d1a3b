"""What reads a config file and needs no database: validate, schema, graph."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phaseline.cli.options import ConfigFile, Json
from phaseline.cli.output import complain, note, print_json

if TYPE_CHECKING:
    from phaseline.config import Config

DEFAULT = Path("phaseline.yaml")


class GraphFormat(StrEnum):
    """How a state machine is drawn."""

    TEXT = "text"
    """A tree for the terminal."""
    MERMAID = "mermaid"
    """A flowchart for Markdown pages."""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for command in (validate, schema, graph):
        app.command()(command)


def validate(file: ConfigFile = DEFAULT, as_json: Json = False) -> None:
    """Check a config file: all faults at once, each with its place; exit 2 if there are any."""
    from phaseline.config import ConfigError, compile_definitions, load

    file = _found(file)
    try:
        config = load(file)
        compile_definitions(config)
    except ConfigError as error:
        if as_json:
            faults, warnings = ([_fault(item) for item in found] for found in (error.faults, error.warnings))
            print_json({"valid": False, "faults": faults, "warnings": warnings})
        else:
            print(error)
            for warning in error.warnings:
                note(f"warning: {warning}")
            count = len(error.faults)
            complain(f"{file} has {count} fault{'s' * (count != 1)}")
        raise typer.Exit(2) from None
    if as_json:
        print_json({"valid": True, "faults": [], "warnings": [_fault(warning) for warning in config.warnings]})
        return
    for warning in config.warnings:
        note(f"warning: {warning}")
    jobs, machines = len(config.jobs), len(config.state_machines)
    print(f"{file} is valid: {jobs} job{'s' * (jobs != 1)}, {machines} state machine{'s' * (machines != 1)}")


def schema(as_json: Annotated[bool, typer.Option("--json", hidden=True, help="It is JSON anyway.")] = False) -> None:
    """Print the JSON Schema of the config file, for editors."""
    from phaseline.config import json_schema

    print_json(json_schema())


def graph(
    file: ConfigFile = DEFAULT,
    form: Annotated[GraphFormat, typer.Option("--format", help="How to draw.")] = GraphFormat.TEXT,
    machine: Annotated[str | None, typer.Option("--machine", help="Only this state machine.")] = None,
    as_json: Json = False,
) -> None:
    """Draw each state machine: its phases, jobs, conditions and loops."""
    from phaseline.cli import graph as drawing
    from phaseline.config import compile_definitions, load
    from phaseline_runtime.errors import UnknownMachine

    config: Config = load(_found(file))
    definitions = compile_definitions(config)
    if machine is not None:
        if machine not in definitions:
            raise UnknownMachine(f"{file} has no state machine {machine!r}; it has: {', '.join(definitions) or 'none'}")
        definitions = {machine: definitions[machine]}
    if as_json:
        print_json({name: definition.to_document() for name, definition in definitions.items()})
    elif form is GraphFormat.MERMAID:
        print(drawing.mermaid(definitions))
    else:
        print("\n\n".join(drawing.text(definition) for definition in definitions.values()))


def _found(file: Path) -> Path:
    """The file; where it is the default and not here, that of the project around here."""
    if file == DEFAULT and not file.exists():
        from phaseline.local import find_project

        around = find_project() / DEFAULT
        return around if around.exists() else file
    return file


def _fault(fault: Any) -> dict[str, Any]:
    return {key: getattr(fault, key) for key in ("file", "line", "column", "path", "message")}
