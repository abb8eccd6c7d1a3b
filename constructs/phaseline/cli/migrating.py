"""Preparing a database: collections, validators, indexes. A deployment does it by itself."""

from __future__ import annotations

import typer

from phaseline.cli.options import Database, Env, Json, Mongo
from phaseline.cli.output import note, print_json


def add_to(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command()(migrate)


def migrate(as_json: Json = False, mongo: Mongo = None, database: Database = None, env: Env = None) -> None:
    """Create or update collections, validators and indexes. Drops nothing, and may be repeated.

    A deployment does this too, and publishes the definitions of the state machines, which this leaves as they are.
    Use it where a deployment's user must not change collections.
    """
    from phaseline.cli import connection

    where = connection.find(mongo, database, env)
    with where.client() as client:
        left = client.migrate()
    for sentence in left:
        note(sentence)
    if as_json:
        print_json({"database": where.database, "migrated": not left})
    elif not left:
        print(
            f"collections, validators and indexes of database {where.database} are up to date; "
            "a deployment publishes the definitions"
        )
    if left:
        raise typer.Exit(1)
