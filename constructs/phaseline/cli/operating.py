"""Operating executions: cancel, pause, resume, redrive, rerun; one by its id, or all that a query finds."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phaseline.cli import connection
from phaseline.cli.confirmation import confirm
from phaseline.cli.inputs import chosen, read_definitions, read_input, read_query
from phaseline.cli.interrupt import Interrupted
from phaseline.cli.options import Database, Env, Json, Mongo, Yes
from phaseline.cli.output import complain, note, print_json
from phaseline_runtime.errors import UserError

if TYPE_CHECKING:
    from phaseline_runtime.client import Client, Execution
    from phaseline_runtime.definition import Definition

PREVIEW = 10
"""How many of the executions that a query finds are shown before the confirmation."""

DONE = {"cancel": "cancel requested", "pause": "paused", "resume": "goes on", "redrive": "redriven", "rerun": "rerun"}
"""What is true of an execution then; of its status alone it could not be told."""
ALREADY = {"cancel": "cancel was requested already", "pause": "was paused already", "resume": "was not paused"}
"""The same where it was so before, and the request has changed nothing."""

Id = Annotated[str | None, typer.Argument(metavar="ID", help="The execution's id.", show_default=False)]
Where = Annotated[
    str | None,
    typer.Option(
        "--where", metavar="QUERY", help="All that this MongoDB query on state-machines finds, as (extended) JSON."
    ),
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; it is recorded with who does it.")]
Input = Annotated[str | None, typer.Option("--input", metavar="JSON|@FILE", help="Replaces the execution's input.")]
Corrected = Annotated[
    Path | None,
    typer.Option("--definition", metavar="FILE", help="Go on with the corrected state machine of this config file."),
]
Operate = Callable[["Client", str, str], "Execution"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for command in (cancel, pause, resume, redrive, rerun):
        app.command()(command)


def cancel(
    id: Id = None,
    where: Where = None,
    compensate: Annotated[
        bool, typer.Option("--compensate", help="Undo what its jobs have done, as their `compensate` says.")
    ] = False,
    reason: Reason = None,
    yes: Yes = False,
    as_json: Json = False,
    mongo: Mongo = None,
    database: Database = None,
    env: Env = None,
) -> None:
    """Start nothing more of an execution; it is cancelled once what runs has ended."""

    def operate(client: Client, each: str, by: str) -> Execution:
        return client.cancel(each, compensate=compensate, by=by, reason=reason)

    _run("cancel", operate, id, where, yes, as_json, (mongo, database, env))


def pause(
    id: Id = None,
    where: Where = None,
    reason: Reason = None,
    yes: Yes = False,
    as_json: Json = False,
    mongo: Mongo = None,
    database: Database = None,
    env: Env = None,
) -> None:
    """Trigger nothing more of an execution until it is resumed."""
    operate: Operate = lambda client, each, by: client.pause(each, by=by, reason=reason)  # noqa: E731
    _run("pause", operate, id, where, yes, as_json, (mongo, database, env))


def resume(
    id: Id = None,
    where: Where = None,
    reason: Reason = None,
    yes: Yes = False,
    as_json: Json = False,
    mongo: Mongo = None,
    database: Database = None,
    env: Env = None,
) -> None:
    """Go on with a paused execution where it was."""
    operate: Operate = lambda client, each, by: client.resume(each, by=by, reason=reason)  # noqa: E731
    _run("resume", operate, id, where, yes, as_json, (mongo, database, env))


def redrive(
    id: Id = None,
    where: Where = None,
    definition: Corrected = None,
    reason: Reason = None,
    yes: Yes = False,
    as_json: Json = False,
    mongo: Mongo = None,
    database: Database = None,
    env: Env = None,
) -> None:
    """Let a failed or cancelled execution go on from what failed; what succeeded is kept."""
    corrected = None if definition is None else read_definitions(definition)

    def operate(client: Client, each: str, by: str) -> Execution:
        followed = None if corrected is None else _corrected(client, each, corrected)
        return client.redrive(each, definition=followed, by=by, reason=reason)

    _run("redrive", operate, id, where, yes, as_json, (mongo, database, env))


def rerun(
    start: Annotated[str, typer.Option("--from", metavar="JOB|PHASE", help="Where to begin.", show_default=False)],
    id: Id = None,
    where: Where = None,
    given: Input = None,
    reason: Reason = None,
    yes: Yes = False,
    as_json: Json = False,
    mongo: Mongo = None,
    database: Database = None,
    env: Env = None,
) -> None:
    """Run an ended execution again from a job or phase on; earlier results are kept."""
    value = None if given is None else read_input(given)
    if given is not None and value is None:
        value = {}  # As a start takes `null`; None would keep the earlier input.
    operate: Operate = lambda client, each, by: client.rerun(each, start, input=value, by=by, reason=reason)  # noqa: E731
    _run("rerun", operate, id, where, yes, as_json, (mongo, database, env))


def _corrected(client: Client, execution: str, definitions: Mapping[str, Definition]) -> Definition:
    found = client.get(execution)
    if found is None:
        raise client._unknown(execution)
    return chosen(definitions, found.state_machine)


def _run(
    what: str,
    operate: Operate,
    id: str | None,
    where: str | None,
    yes: bool,
    as_json: bool,
    place: tuple[str | None, str | None, str | None],
) -> None:
    """Do it to one execution, or to each that the query finds; what cannot be done is said, and the rest goes on."""
    if (id is None) == (where is None):
        raise UserError(f"{what}: give the id of an execution, or --where with a query, and not both")
    with connection.find(*place).client() as client:
        if id is not None:
            with _interruptible(id):
                outcome = _outcome(operate(client, id, _who()))
            print_json(outcome) if as_json else _say(what, outcome)
            return
        outcomes: list[dict[str, Any]] = []
        found = _found(client, str(where), what, yes)
        try:
            for number, each in enumerate(found):
                with _interruptible(each, f" after {number} of {len(found)} executions"):
                    outcomes.append(_tried(operate, client, each))
                if not as_json:
                    _say(what, outcomes[-1])
        finally:
            # What was done before a Ctrl-C, or before the database went away, is done.
            if as_json and outcomes:
                print_json(outcomes)
        refused = sum("refused" in outcome for outcome in outcomes)
        note(f"{what}: {len(outcomes) - refused} done, {refused} refused")
        if refused:
            raise typer.Exit(1)


@contextmanager
def _interruptible(execution: str, after: str = "") -> Iterator[None]:
    """Raises Interrupted on Ctrl-C: what is asked of an execution is recorded whole or not at all, and nobody knows."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted{after}: whether it was done, `phaseline show {execution}` tells") from None


def _who() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # A container may run as a user that has no name.
        return "cli"


def _tried(operate: Operate, client: Client, execution: str) -> dict[str, Any]:
    try:
        return _outcome(operate(client, execution, _who()))
    except UserError as error:
        return {"id": execution, "refused": str(error)}


def _found(client: Client, where: str, what: str, yes: bool) -> list[str]:
    """The ids that a query finds, once the user has agreed to them."""
    found = list(client.find(read_query(where), limit=0))
    if not found:
        raise UserError("the query finds no execution")
    for execution in found[:PREVIEW]:
        note(f"  {execution.id}  {execution.state_machine}  {execution.status}")
    if len(found) > PREVIEW:
        note(f"  … and {len(found) - PREVIEW} more")
    confirm(f"{what} {len(found)} execution{'s' * (len(found) != 1)}?", yes=yes)
    return [execution.id for execution in found]


def _outcome(execution: Execution) -> dict[str, Any]:
    return {"id": execution.id, "status": execution.status, "changed": execution.changed}


def _say(what: str, outcome: dict[str, Any]) -> None:
    if "refused" in outcome:
        complain(outcome["refused"])
    else:
        words = DONE[what] if outcome["changed"] else ALREADY[what]
        now = "" if what == "pause" and outcome["status"] == "paused" else f", now {outcome['status']}"
        print(f"{outcome['id']} {words}{now}")
