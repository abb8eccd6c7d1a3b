"""Deployments: which definition a start of a state machine takes, and what else is there to run.

One that is no longer in the file is kept, as *withdrawn*: nothing is deleted, and nobody can start it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.database import Database

from phaseline_runtime.definition import Definition
from phaseline_runtime.store.store import Store

_THERE: Mapping[str, Any] = {"withdrawn": {"$ne": True}}
"""What can be started. Those of older releases do not say."""


def publish(database: Database[dict[str, Any]], definitions: Mapping[str, Definition]) -> None:
    """Store these definitions, and let executions that start from now on take them."""
    store = Store(database)
    for machine, definition in definitions.items():
        deployed = {"$set": {"definition": store.keep(definition), "withdrawn": False}}
        database["deployments"].update_one({"_id": machine}, deployed, upsert=True)


def withdraw_others(database: Database[dict[str, Any]], machines: Iterable[str]) -> None:
    """Let nobody start any other state machine than these from now on; executions that run go on."""
    database["deployments"].update_many({"_id": {"$nin": list(machines)}}, {"$set": {"withdrawn": True}})


def deployed(store: Store, machine: str) -> str | None:
    """The hash of the definition that this state machine has now; None where it is not deployed."""
    found = store.database["deployments"].find_one({"_id": machine})
    return None if found is None or found.get("withdrawn") else str(found["definition"])


def machines(store: Store, most: int) -> list[str]:
    """The names of state machines that are deployed, so many at most."""
    return sorted(item["_id"] for item in store.database["deployments"].find(_THERE, {"_id": 1}).limit(most))


def jobs(store: Store) -> set[str]:
    """The declared jobs that the deployed state machines use."""
    found = store.database["deployments"].find(_THERE, {"definition": 1})
    return set().union(*(store.definition(item["definition"]).jobs for item in found))
