"""Deployments: which definition a start of a state machine takes, and what else is there to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from phaseline_runtime.definition import Definition
from phaseline_runtime.store.store import Store


def publish(database: Database[dict[str, Any]], definitions: Mapping[str, Definition]) -> None:
    """Store these definitions, and let executions that start from now on take them."""
    store = Store(database)
    for machine, definition in definitions.items():
        deployed = {"$set": {"definition": store.keep(definition)}}
        database["deployments"].update_one({"_id": machine}, deployed, upsert=True)


def deployed(store: Store, machine: str) -> str | None:
    """The hash of the definition that this state machine has now; None where it is not deployed."""
    found = store.database["deployments"].find_one({"_id": machine})
    return None if found is None else str(found["definition"])


def machines(store: Store, most: int) -> list[str]:
    """The names of state machines that are deployed, so many at most."""
    return sorted(item["_id"] for item in store.database["deployments"].find({}, {"_id": 1}).limit(most))


def jobs(store: Store) -> set[str]:
    """The declared jobs that the deployed state machines use."""
    found = store.database["deployments"].find({}, {"definition": 1})
    return set().union(*(store.definition(item["definition"]).jobs for item in found))
