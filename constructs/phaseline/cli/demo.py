"""The demonstration: from nothing to a finished execution, each stage one line with its time."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phaseline.cli.config_files import DEFAULT
from phaseline.cli.interrupt import Interrupted
from phaseline.cli.options import Project
from phaseline.cli.output import console

if TYPE_CHECKING:
    from phaseline.local.stages import Stages

MACHINE = "catch_the_fish"
INPUT: dict[str, Any] = {"angler": "Ada", "age": 36, "wanted_kilos": 6}


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command()(demo)


def demo(
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help="The state machine to start.")] = MACHINE,
    given: Annotated[
        str | None, typer.Option("--input", metavar="JSON|@FILE", help="Its input; by default one for the example.")
    ] = None,
    project: Project = None,
) -> None:
    """Bring the local platform up, deploy, start an execution, and show it until it has ended."""
    from phaseline.cli import connection
    from phaseline.cli.executions import begin
    from phaseline.cli.inputs import read_input
    from phaseline.cli.watching import watch
    from phaseline.local import Platform, find_project
    from phaseline.local.deploy import deploy, require_app
    from phaseline.local.stages import Stages

    example = machine == MACHINE and given is None
    value = INPUT if example else {} if given is None else read_input(given)
    folder = find_project(project)
    require_app(folder)
    _check(folder / DEFAULT, machine, value)
    platform = Platform(folder)
    stages = Stages(console())
    try:
        with stages.stage("Start the local platform") as stage:
            started = platform.up()
            stage.detail = f"{'' if started else 'was up already, '}AWS at {platform.state.endpoint}"
        deploy(platform, stages)
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted; the platform may run on: the same command goes on from here, `phaseline local down` stops it"
        ) from None
    with connection.find(env=connection.LOCAL, project=folder).client() as client:
        with stages.stage(f"Start {machine}") as stage:
            execution = begin(client, machine, value, started_by="demo")
            stage.detail = execution.id
        ended = watch(client, execution.id)
    _say_what_next(stages, machine, {**INPUT, "age": 15} if example else value, folder)
    if ended.status != "success":
        raise typer.Exit(1)


def _check(file: Path, machine: str, value: Any) -> None:
    """Say what is wrong with the config, the machine's name or its input before anything is deployed for it."""
    from phaseline.config import load
    from phaseline_runtime.errors import UnknownMachine
    from phaseline_runtime.starting import check_input

    if not file.exists():
        return
    known = load(file).state_machines
    if machine not in known:
        raise UnknownMachine(f"there is no state machine {machine!r} in {file.name}; there is: {', '.join(known)}")
    check_input(machine, {} if value is None else value, known[machine].definition.input_schema)


def _say_what_next(stages: Stages, machine: str, value: Any, folder: Path) -> None:
    from phaseline.local import find_project

    program = _program()
    there = "" if find_project() == folder else f"cd {shlex.quote(str(folder))} && "
    given = shlex.quote(json.dumps(value))
    stages.say("\nTry next:")
    for command in ("local logs notifications_job", f"start {machine} --input {given} --watch", "graph"):
        stages.say(f"  {there}{program} {command}")


def _program() -> str:
    """How this command line is called from here."""
    script = Path(sys.argv[0])
    if script.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m phaseline.cli"
    found = shutil.which("phaseline")
    if found is not None and script.exists() and Path(found).samefile(script):
        return "phaseline"
    try:
        return shlex.quote(str(script.absolute().relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(str(script.absolute()))
