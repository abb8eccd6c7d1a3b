"""Executions: start, list, show, watch, statuses, rebuild."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phaseline.cli.inputs import chosen, read_definitions, read_input, read_since
from phaseline.cli.interrupt import Interrupted
from phaseline.cli.options import Database, Env, ExecutionId, Json, Mongo
from phaseline.cli.output import clock, console, duration, legible, note, plain, print_columns, print_json
from phaseline_runtime.errors import UnknownExecution, UserError

if TYPE_CHECKING:
    from phaseline_runtime.client import Client, Execution
    from phaseline_runtime.definition import Definition
    from phaseline_runtime.statuses import Status

FAILED = ("failed", "cancelled")
STATUSES = ("running", "paused", "success", "failed", "cancelled")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for command in (start, list_executions, show, watch, statuses, rebuild):
        app.command("list" if command is list_executions else None)(command)


def start(
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help="The state machine.", show_default=False)],
    id: Annotated[str | None, typer.Option("--id", help="The execution's id; one is made up by default.")] = None,
    given: Annotated[
        str | None,
        typer.Option("--input", metavar="JSON|@FILE", help="The input: JSON, or a file of it; `@-` reads stdin."),
    ] = None,
    definition: Annotated[
        Path | None,
        typer.Option("--definition", metavar="FILE", help="Run this config file's state machine over deployed jobs."),
    ] = None,
    follow: Annotated[bool, typer.Option("--watch", help="Watch it until it has ended; exit 1 if it fails.")] = False,
    as_json: Json = False,
    mongo: Mongo = None,
    database: Database = None,
    env: Env = None,
) -> None:
    """Start an execution of a state machine."""
    value = None if given is None else read_input(given)
    undeployed = None if definition is None else chosen(read_definitions(definition), machine)
    with _client(mongo, database, env, runs=True) as client:
        execution = begin(client, machine, value, id=id, started_by="cli", definition=undeployed)
        if not execution.created:
            note(f"execution {execution.id} was there already, with the same input: nothing was started")
        if follow:
            _watch(client, execution.id, as_json)
        elif as_json:
            print_json({"id": execution.id, "created": execution.created, "status": execution.status})
        else:
            print(execution.id)


def list_executions(
    machine: Annotated[str | None, typer.Option("--machine", help="Only those of this state machine.")] = None,
    status: Annotated[
        list[str] | None, typer.Option("--status", help=f"Only those: {', '.join(STATUSES)}. May be repeated.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only those started since: 30m, 2h, 7d, or a date or time.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 shows all.")] = 50,
    as_json: Json = False,
    mongo: Mongo = None,
    database: Database = None,
    env: Env = None,
) -> None:
    """List executions, newest first."""
    query: dict[str, Any] = {}
    if machine is not None:
        query["stateMachine"] = machine
    if status:
        for name in status:
            if name not in STATUSES:
                raise UserError(f"--status {name}: there is no such status; allowed are {', '.join(STATUSES)}")
        query["status"] = status[0] if len(status) == 1 else {"$in": status}
    if since is not None:
        query["startedAt"] = {"$gte": read_since(since, datetime.now(UTC))}
    with _client(mongo, database, env) as client:
        found = list(client.find(query, limit=limit))
    if as_json:
        print_json([_summary(execution) for execution in found])
    elif found:
        _print_table(found)
    else:
        note("no executions found")


def show(
    execution: ExecutionId, as_json: Json = False, mongo: Mongo = None, database: Database = None, env: Env = None
) -> None:
    """Show an execution as a tree: phases, jobs, times, outputs."""
    with _client(mongo, database, env) as client:
        found = client.get(execution)
        if found is None:
            raise client._unknown(execution)
        if as_json:
            print_json(found.document)
        else:
            _print_tree(client, execution)


def watch(
    execution: ExecutionId, as_json: Json = False, mongo: Mongo = None, database: Database = None, env: Env = None
) -> None:
    """Watch an execution live until it has ended; exit 1 if it fails. Ctrl-C leaves it running."""
    with _client(mongo, database, env, runs=True) as client:
        _watch(client, execution, as_json)


def statuses(
    execution: ExecutionId, as_json: Json = False, mongo: Mongo = None, database: Database = None, env: Env = None
) -> None:
    """Print all statuses of an execution in the order of their time."""
    from phaseline.cli.watching import line

    with _client(mongo, database, env) as client:
        found = _statuses(client, execution)
    if as_json:
        print_json([status.to_document() for status in found])
        return
    for status in found:
        print(line(status, found[0].at))


def rebuild(
    execution: ExecutionId,
    write: Annotated[
        bool, typer.Option("--write", help="Make the fold the stored document, also where that is gone.")
    ] = False,
    as_json: Json = False,
    mongo: Mongo = None,
    database: Database = None,
    env: Env = None,
) -> None:
    """Fold an execution anew from its statuses and say what differs from the stored one; exit 1 if anything does."""
    with _client(mongo, database, env) as client:
        differences = client.rebuild(execution, write=write)
        found = client.get(execution) if differences and not write else None
    if as_json:
        keys = ("path", "stored", "rebuilt")
        print_json([dict(zip(keys, difference, strict=True)) for difference in differences])
    elif not differences:
        print(f"execution {execution} equals the fold of its statuses")
    else:
        for path, stored, rebuilt in differences:
            print(f"{path}: stored {_json(stored)}, rebuilt {_json(rebuilt)}")
    if not differences:
        return
    if write:
        note("the document is now what its statuses say; the watchdog looks at it next")
        return
    if found is not None and not found.document.get("settled"):
        note(
            "it is not settled: what has only just happened may not have reached the document yet, and is no fault; "
            "ask again in a minute or two"
        )
    raise typer.Exit(1)


def begin(
    client: Client,
    machine: str,
    value: Any,
    *,
    id: str | None = None,
    started_by: str,
    definition: Definition | None = None,
) -> Execution:
    """Start an execution under an id that is known before, so that a Ctrl-C meanwhile can say where to look.

    Raises Interrupted on Ctrl-C, and what `Client.start` raises.
    """
    from phaseline_runtime.starting import new_id

    execution = new_id() if id is None else id
    try:
        return client.start(machine, value, id=execution, started_by=started_by, definition=definition)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted: execution {execution} is there whole or not at all: `phaseline show {execution}` tells"
        ) from None


def _print_tree(client: Client, execution: str) -> None:
    """Print the tree of an execution as its statuses tell it now."""
    from phaseline.cli.picture import picture
    from phaseline.cli.tree import tree

    terminal = console()
    terminal.print(tree(picture(_statuses(client, execution)), width=terminal.width))


def _client(
    mongo: str | None, database: str | None, env: str | None, *, runs: bool = False
) -> AbstractContextManager[Client]:
    """The client; `runs` says that an execution is expected to go on meanwhile."""
    from phaseline.cli import connection

    found = connection.find(mongo, database, env)
    if runs and found.warning is not None:
        note(f"warning: executions wait: {found.warning}")
    return found.client()


def _watch(client: Client, execution: str, as_json: bool) -> None:
    from phaseline.cli.watching import watch as look

    if look(client, execution, as_json=as_json).status in FAILED:
        raise typer.Exit(1)


def _statuses(client: Client, execution: str) -> list[Status]:
    """The statuses of an execution. Raises UnknownExecution where there are none."""
    found = client.statuses(execution)
    if not found and client.get(execution) is not None:
        raise UnknownExecution(
            f"execution {execution!r} has no statuses any more: its `retention` is deleting it, or somebody did"
        )
    if not found:
        raise client._unknown(execution)
    return found


def _summary(execution: Execution) -> dict[str, Any]:
    keys = ("stateMachine", "status", "currentPhase", "startedAt", "endedAt", "startedBy", "error")
    return {"id": execution.id} | {key: execution.document.get(key) for key in keys}


def _print_table(found: list[Execution]) -> None:
    from phaseline.cli.job_line import MARKS

    rows = []
    for execution in found:
        document = execution.document
        started = document["startedAt"]
        seconds = ((document.get("endedAt") or datetime.now(UTC)) - started).total_seconds()
        phase = "" if execution.ended else str(document.get("currentPhase") or "")
        rows.append((execution.id, execution.state_machine, execution.status, phase, clock(started), duration(seconds)))
    styles = {status: style for status, (_, style) in MARKS.items()}
    print_columns(("ID", "STATE MACHINE", "STATUS", "PHASE", "STARTED", "TIME"), rows, styles)


def _json(value: Any) -> str:
    return legible(json.dumps(value, default=plain, ensure_ascii=False))
