"""The local platform: up, down, status, logs, deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from phaseline.cli.interrupt import Interrupted
from phaseline.cli.options import Json, Project
from phaseline.cli.output import console, note, print_columns, print_json

if TYPE_CHECKING:
    from phaseline.local import Platform

group = typer.Typer(
    name="local",
    help="The local platform: an AWS emulator, a MongoDB and the relay between them, without Docker.",
    no_args_is_help=True,
)

AwsPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="The emulator's port; a free one by default, remembered.")
]
MongoPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="SecantusDB's port; a free one by default, remembered.")
]


@group.command()
def up(
    mongo: Annotated[
        str | None,
        typer.Option("--mongo", metavar="URI", help="Use this MongoDB (a replica set) instead of SecantusDB."),
    ] = None,
    aws_port: AwsPort = None,
    mongo_port: MongoPort = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Start what of the platform does not run yet. Ready when it says so."""
    from phaseline.local import Platform, find_project

    platform = Platform(find_project(project), note)
    try:
        started = platform.up(mongo=mongo, aws_port=aws_port, mongo_port=mongo_port)
    except KeyboardInterrupt:
        raise Interrupted("interrupted: what had been started is stopped again") from None
    if as_json:
        _print_status(platform, as_json=True)
        return
    state = platform.state
    print(f"the local platform {'is up' if started else 'was up already'}: AWS at {state.endpoint}")


@group.command()
def down(
    purge: Annotated[bool, typer.Option("--purge", help="Delete its data, logs and settings as well.")] = False,
    project: Project = None,
) -> None:
    """Stop the platform. Its data stays, and the next `up` goes on from it."""
    from phaseline.local import Platform, find_project

    platform = Platform(find_project(project), note)
    was_there = platform.folder.path.exists()
    try:
        ran = platform.down(purge=purge)
    except KeyboardInterrupt:
        raise Interrupted("interrupted: parts of the platform may run still; `phaseline local down` again") from None
    gone = f", {platform.folder.path} is deleted" if purge and was_there else ""
    print(f"the local platform {'is down' if ran else 'was not up'}{gone}")


@group.command()
def status(project: Project = None, as_json: Json = False) -> None:
    """Show how each part is; exit 3 unless all are ready."""
    from phaseline.local import Platform, find_project

    if not _print_status(Platform(find_project(project)), as_json):
        raise typer.Exit(3)


@group.command()
def logs(
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="JOB",
            help="A job or a bundled Lambda; or a part of the platform: aws, mongo, relay. All functions by default.",
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is logged.")] = False,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Print what jobs and bundled Lambdas have logged."""
    from phaseline.local import Platform, find_project
    from phaseline.local.logs import read

    platform = Platform(find_project(project))
    entry = None
    try:
        for entry in read(platform, job, follow=follow):
            if as_json:
                import json

                print(json.dumps(entry.to_document()), flush=True)
            else:
                print(entry, flush=True)
    except KeyboardInterrupt:
        if not follow:
            raise
        raise typer.Exit(130) from None
    if entry is None:
        note("nothing has been logged yet")


@group.command()
def deploy(project: Project = None) -> None:
    """Deploy the project's CDK app to the platform, with the real CDK; bootstraps it where that is needed."""
    from phaseline.local import Platform, find_project
    from phaseline.local.deploy import deploy as run
    from phaseline.local.stages import Stages

    try:
        run(Platform(find_project(project), note), Stages(console()))
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted: the platform runs on; the next `phaseline local deploy` goes on from what was deployed"
        ) from None


def _print_status(platform: Platform, as_json: bool) -> bool:
    parts = platform.status()
    ready = all(part.state == "ready" for part in parts)
    if as_json:
        keys = ("title", "state", "pid", "address")
        shown = {part.name: {key: getattr(part, key) for key in keys} | {"log": str(part.log)} for part in parts}
        print_json({"ready": ready, "folder": str(platform.folder.path), "parts": shown})
        return ready
    rows = [
        (part.title, part.state, str(part.pid or ""), part.address or "", "" if part.log is None else str(part.log))
        for part in parts
    ]
    styles = {"ready": "green", "down": "red", "not answering": "yellow"}
    print_columns(("PART", "STATE", "PID", "ADDRESS", "LOG"), rows, styles)
    return ready
