"""What a database user may do, by what it is for: no more than the store's queries need.

Data alone: whoever makes users (a construct for Atlas, a person with `createRole`) reads it from here, and a test holds
it against the commands that are really sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

Grants = Mapping[str, tuple[str, ...]]
"""Actions by collection, as MongoDB Atlas spells them in custom roles: `FIND`, `INSERT`, `UPDATE`, `REMOVE`, …"""

_PREPARE = ("CREATE_COLLECTION", "COLL_MOD")


class Purpose(Enum):
    """What a database user is for."""

    RUNTIME = "runtime"
    """The job functions and the bundled Lambdas: they move executions."""
    MIGRATIONS = "migrations"
    """migrations_job and `phaseline migrate`: they prepare collections, and publish definitions."""
    RETENTION = "retention"
    """retention_job: it alone deletes."""


GRANTS: Mapping[Purpose, Grants] = {
    Purpose.RUNTIME: {
        "state-machines": ("FIND", "INSERT", "UPDATE"),
        "statuses": ("FIND", "INSERT"),
        "definitions": ("FIND", "INSERT"),
        "deployments": ("FIND",),
    },
    Purpose.MIGRATIONS: {
        "state-machines": (*_PREPARE, "CREATE_INDEX"),
        "statuses": (*_PREPARE, "CREATE_INDEX"),
        "definitions": (*_PREPARE, "INSERT"),
        "deployments": (*_PREPARE, "INSERT", "UPDATE"),
    },
    Purpose.RETENTION: {
        "state-machines": ("FIND", "UPDATE", "REMOVE"),
        "statuses": ("FIND", "REMOVE"),
    },
}
"""What each may do in the database of its environment, and nowhere else."""


def role_name(database: str, purpose: Purpose) -> str:
    """The name of the custom role of Atlas with these grants: the roles of all databases are those of one project."""
    return f"phaseline-{database}-{purpose.value}"


def lacking(privileges: Sequence[Mapping[str, Any]], database: str, purpose: Purpose) -> list[str]:
    """What a user may not do that it has to: `insert on statuses`, …

    Args:
        privileges: as `connectionStatus` tells of them (MongoDB Manual, `authenticatedUserPrivileges`): all that the
            user's roles give, an empty name standing for any.
        database: the database of the environment.
        purpose: what the user is for.
    """
    return [
        f"{action.lower()} on {collection}"
        for collection, actions in GRANTS[purpose].items()
        for action in actions
        if not any(_allows(each, database, collection, action.lower()) for each in privileges)
    ]


def _allows(privilege: Mapping[str, Any], database: str, collection: str, action: str) -> bool:
    resource = privilege.get("resource", {})
    anywhere = bool(resource.get("anyResource"))
    here = resource.get("db") in ("", database) and resource.get("collection") in ("", collection)
    return (anywhere or here) and action in privilege.get("actions", ())
