"""Deleting executions that have ended long ago, with their statuses.

The statuses go first, page by page, and the execution's document goes last: as long as it is there, the next sweep
finds it again and goes on. It is marked before the first status goes, so that nobody redrives what is half gone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from phaseline_runtime.store.store import Store

PAGE = 1_000
"""Statuses that are deleted at once."""


def expired(store: Store, machine: str, before: datetime, limit: int) -> list[str]:
    """Executions of this state machine that are settled and had ended by then, those first that ended first."""
    found = store.executions.find({**_settled(before), "stateMachine": machine}, {"_id": 1})
    return [item["_id"] for item in found.sort("endedAt", 1).limit(limit)]


def delete(store: Store, execution: str, before: datetime, enough: Callable[[], bool]) -> tuple[bool, int]:
    """Delete an execution with its statuses; whether it is gone, and how many statuses went with it.

    It stays where somebody has redriven it meanwhile, and what is left of it stays once there is `enough`.
    """
    claimed = store.executions.update_one({"_id": execution, **_settled(before)}, {"$set": {"deleting": True}})
    if not claimed.matched_count:
        return False, 0
    deleted = 0
    while page := _page(store, execution):
        if enough():
            return False, deleted
        deleted += store.statuses.delete_many({"_id": {"$in": page}}).deleted_count
    store.executions.delete_one({"_id": execution, "deleting": True})
    return True, deleted


def _settled(before: datetime) -> dict[str, Any]:
    return {"settled": True, "endedAt": {"$lte": before}}


def _page(store: Store, execution: str) -> list[str]:
    return [item["_id"] for item in store.statuses.find({"execution": execution}, {"_id": 1}).limit(PAGE)]
