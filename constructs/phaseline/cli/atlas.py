"""MongoDB Atlas: finding the ids that a stack needs, saying what is wrong, restarting a suspended trigger."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phaseline.cli.options import Database, Env, Json, Mongo
from phaseline.cli.output import legible, note, print_columns, print_json
from phaseline_runtime.errors import DatabaseUnavailable, PhaselineError, UserError

if TYPE_CHECKING:
    from phaseline.atlas.api import AtlasApi
    from phaseline.atlas.checks import Finding
    from phaseline.atlas.project import Project, Trigger
    from phaseline.cli.connection import Connection
    from phaseline_runtime.client import Client

group = typer.Typer(
    name="atlas",
    help="MongoDB Atlas: what is wrong with a project, and how to mend it. Tried against a stand-in alone.",
    no_args_is_help=True,
)

_BY_ROLE = "authMechanism=MONGODB-AWS"
"""What the connection string of `MongoConnection.iam` has."""

ProjectId = Annotated[
    str | None,
    typer.Option(
        "--project-id", metavar="ID", help="The Atlas project. \\[env: MONGODB_ATLAS_PROJECT_ID]", show_default=False
    ),
]
FromNow = Annotated[
    bool, typer.Option("--from-now", help="Go on from now, where the trigger's place in the oplog is lost.")
]


@group.command()
def doctor(
    project_id: ProjectId = None,
    as_json: Json = False,
    mongo: Mongo = None,
    database: Database = None,
    env: Env = None,
) -> None:
    """Find the ids for EventSource.atlas_trigger, and check trigger, cluster, users and indexes of a database.

    Nothing is changed; exit 1 where something is wrong.
    The key is read from MONGODB_ATLAS_PUBLIC_API_KEY and MONGODB_ATLAS_PRIVATE_API_KEY.
    The role Project Read Only suffices.
    """
    from phaseline.atlas.api import AtlasApi
    from phaseline.atlas.checks import Level, check
    from phaseline.atlas.project import read

    api = AtlasApi.from_environment(project_id)
    name, connection = _target(mongo, database, env)
    project = read(api)
    bus = None if connection is None else connection.bus
    findings = [*check(project, name, bus, by_role=_by_role(connection)), *_of_database(connection)] if name else []
    if as_json:
        print_json(_as_data(project, findings))
    else:
        _print(project, findings, name)
    if any(each.level is Level.FAULT for each in findings):
        raise typer.Exit(1)


@group.command()
def resume(
    project_id: ProjectId = None,
    from_now: FromNow = False,
    as_json: Json = False,
    mongo: Mongo = None,
    database: Database = None,
    env: Env = None,
) -> None:
    """Restart the suspended trigger of a database. What was missed meanwhile, the watchdog finds within minutes.

    The key needs the role Project Owner. Executions that were paused stay so: `phaseline resume --where`.
    """
    from phaseline.atlas.api import AtlasApi

    api = AtlasApi.from_environment(project_id)
    name, connection = _target(mongo, database, env)
    if name is None:
        raise UserError("say which database: give --database or --env")
    trigger = _the_trigger(api, name, None if connection is None else connection.bus)
    suspended = trigger.disabled or trigger.failing
    if suspended:
        _resume(api, trigger, from_now)
    if as_json:
        print_json({"trigger": trigger.id, "name": trigger.name, "resumed": suspended, "fromNow": from_now})
    elif not suspended:
        print(f"trigger {trigger.name} is not suspended: nothing to do")
    else:
        print(f"trigger {trigger.name} is resumed, {'from now' if from_now else 'from where it was'}")
        print("what was missed meanwhile the watchdog sends again; executions that were paused stay so")


def _resume(api: AtlasApi, trigger: Trigger, from_now: bool) -> None:
    from phaseline.atlas.answers import AtlasUnavailable
    from phaseline.atlas.project import read_triggers

    try:
        api.resume(trigger.app_id, trigger.id, from_now=from_now)
    except AtlasUnavailable as error:
        if from_now:
            raise
        raise PhaselineError(f"{error}; if its place in the oplog is lost, give --from-now") from error
    if any(now.disabled for now in read_triggers(api, trigger.app_id) if now.id == trigger.id):
        raise PhaselineError(
            f"Atlas has accepted the resume of {trigger.name}, and it is still disabled: enable it in Atlas"
        )


def _the_trigger(api: AtlasApi, database: str, bus: str | None) -> Trigger:
    """The trigger that carries the statuses of this database; of several, that of the stack's bus."""
    from phaseline.atlas.checks import COLLECTION, PARTNER, ours
    from phaseline.atlas.project import read_triggers

    found = ours([trigger for app in api.apps() for trigger in read_triggers(api, app.text("_id"))], database, bus)
    if len(found) != 1:
        names = ", ".join(f"{each.name} ({each.id})" for each in found) or "none"
        several = "give --env, which knows its bus, or delete those that no stack has made"
        remedy = several if found else "name another --database, or deploy the stack with EventSource.atlas_trigger"
        where = f"project {api.project_id}: on {database}.{COLLECTION}"
        raise UserError(f"{where} there has to be one trigger; found: {names}; {remedy}")
    (trigger,) = found
    if trigger.databases is None and f"{PARTNER}{trigger.id}" != bus:  # Of which cluster the database is, nobody says.
        raise UserError(
            f"trigger {trigger.name} ({trigger.id}) is on all databases of its cluster, and may be somebody else's: "
            "give --env, which knows the bus of the stack, or resume it in Atlas"
        )
    return trigger


def _target(mongo: str | None, database: str | None, env: str | None) -> tuple[str | None, Connection | None]:
    """The database, and the way to it where one is known; the local platform is not on Atlas."""
    from phaseline.cli import connection

    if mongo or env or os.environ.get("PHASELINE_MONGO_URI") or os.environ.get("PHASELINE_ENV"):
        where = connection.find(mongo, database, env)
        return where.database, where
    return database or os.environ.get("PHASELINE_DATABASE") or None, None


def _by_role(connection: Connection | None) -> bool | None:
    """Whether the functions connect as their roles; None where only the way of whoever asks is known."""
    if connection is None:
        return None
    return True if _BY_ROLE in connection.uri else None if connection.bus is None else False


def _of_database(connection: Connection | None) -> list[Finding]:
    from datetime import UTC, datetime, timedelta

    from phaseline.atlas.checks import Finding, Level

    if connection is None:
        text = "collections, indexes and what is overdue were not looked at"
        return [Finding(Level.OK, "database", text, "give --env or --mongo to have them looked at")]
    about = f"database {connection.database}"
    try:
        with connection.client() as client:
            rights = client.missing_rights()
            # Who lacks a right may not even look.
            late = 0 if rights else client.overdue(datetime.now(UTC) - timedelta(minutes=5))
            findings = _of_collections(client, about, connection.source)
    except DatabaseUnavailable as error:
        remedy = "mend what is said of the cluster above, or the project's IP access list"
        return [Finding(Level.FAULT, about, str(error), remedy)]
    if rights:
        text = f"the user of {connection.source} may not {', '.join(rights)}"
        findings.append(Finding(Level.FAULT, about, text, "docs/atlas.md lists the rights that a user needs"))
    if late:
        text = f"executions that are overdue by more than 5 minutes: {late}"
        findings.append(Finding(Level.FAULT, about, text, "see whether watchdog_job runs: docs/operating.md"))
    return findings or [Finding(Level.OK, about, "collections and indexes are there, and nothing is overdue")]


def _of_collections(client: Client, about: str, source: str) -> list[Finding]:
    """What is wrong with collections and indexes, where the user may list them: no function needs that."""
    from phaseline.atlas.checks import Finding, Level

    try:
        lacking, disturbing = client.lacking(), client.disturbing()
    except DatabaseUnavailable as error:  # It was reached just now.
        text = f"collections and indexes could not be looked at: {error}"
        remedy = f"let the user of {source} list them (listCollections, listIndexes; `read` has both)"
        return [Finding(Level.WARNING, about, text, remedy)]
    leaves = "`migrate` leaves it: drop it if nobody needs it, or give Phaseline a database of its own"
    return [
        *(Finding(Level.FAULT, about, text, "`phaseline migrate`, or deploy again") for text in lacking),
        *(Finding(Level.FAULT, about, text, leaves) for text in disturbing),
    ]


def _as_data(project: Project, findings: list[Finding]) -> dict[str, Any]:
    return {
        "project": project.id,
        "sources": [vars(each) for each in project.sources],
        "findings": [{**vars(each), "level": each.level.value} for each in findings],
    }


def _print(project: Project, findings: list[Finding], database: str | None) -> None:
    found = [(each.app_id, each.app_name, each.service_id, each.service_name, each.cluster) for each in project.sources]
    rows = [list(map(legible, each)) for each in found]
    if rows:
        print_columns(("APP ID", "APP", "SERVICE ID", "SERVICE", "CLUSTER"), rows, {})
    else:
        note("no app has a linked cluster: open Triggers in Atlas once, and link it there")
    if database is None:
        note("no database was checked: give --database or --env")
    for each in findings:
        print(legible(f"{each.level.value:<8} {each.about}: {each.text}"))
        if each.remedy is not None:
            print(legible(f"         → {each.remedy}"))
