"""A status together with its effect on the execution's document, in one transaction: a start, and what people ask for.

All other statuses are inserted alone, and folded by whoever looks at the execution next.
"""

from __future__ import annotations

from pymongo.client_session import ClientSession

from phaseline_runtime.engine.fold import new_execution
from phaseline_runtime.engine.wake import watched
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Document, Store


def create(store: Store, started: Status, session: ClientSession) -> Document:
    """Insert an execution with its first status; returns its document. Raises DuplicateKeyError."""
    folded = new_execution(started)
    document = {**folded, **watched(folded)}
    store.executions.insert_one(document, session=session)
    store.insert_within(session, started)
    return document


def apply(store: Store, status: Status, session: ClientSession) -> None:
    """Insert a status of an execution that is there, and fold it. Raises DuplicateKeyError.

    An execution that had ended is on the watchdog's list again.
    """
    store.insert_within(session, status)
    folded = store.fold(status.execution, [status], session=session)
    assert folded is not None
    store.executions.update_one({"_id": status.execution}, {"$set": watched(folded)}, session=session)
