"""An execution's document anew from its statuses, which are the truth: where the two differ, and putting it right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pymongo.client_session import ClientSession

from phaseline_runtime.engine.fold import fold, new_execution, of_begun_rounds
from phaseline_runtime.engine.wake import FIELDS, watched
from phaseline_runtime.errors import RequestRefused, UnknownExecution
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.storable import same
from phaseline_runtime.store.store import Document, Store

Difference = tuple[str, Any, Any]
"""A path in the document, what is stored there and what the statuses say; None for nothing."""


def rebuild(store: Store, execution: str) -> list[Difference]:
    """Where an execution's document differs from the fold of its statuses. Changes nothing.

    Raises UnknownExecution where there is none, or no first status to begin from.
    """
    stored, rebuilt = _both(store, execution, None)
    return _differences(stored, rebuilt)


def restore(store: Store, execution: str) -> list[Difference]:
    """Make the fold of its statuses an execution's document, also one that is gone; where it differed until then.

    What else stands in the document goes. The watchdog looks at the execution next, and lets it go on if it is open.

    Raises UnknownExecution as `rebuild`, and RequestRefused for one that is being deleted.
    """
    with store.database.client.start_session() as session:
        return session.with_transaction(lambda current: _restore(store, execution, current))


def _restore(store: Store, execution: str, session: ClientSession) -> list[Difference]:
    stored, rebuilt = _both(store, execution, session)
    if stored.get("deleting"):
        raise RequestRefused(f"execution {execution} is being deleted: it has ended longer ago than its retention")
    found = _differences(stored, rebuilt)
    if found:
        # In the transaction that has read both: what is folded meanwhile lets it begin anew, and is not overwritten.
        document = {**rebuilt, **watched(rebuilt)}
        store.executions.replace_one({"_id": execution}, document, upsert=True, session=session)
    return found


def _both(store: Store, execution: str, session: ClientSession | None) -> tuple[Document, Document]:
    """The document as it is stored, empty where there is none, and as its statuses say."""
    stored = store.execution(execution, session=session)
    statuses = store.statuses_of(execution, session=session)
    first = next((status for status in statuses if _begins(status)), None)
    if first is None:
        if stored is None:
            raise store.unknown(execution)
        raise UnknownExecution(f"execution {execution} has no first status: nothing to rebuild it from")
    empty, others = new_execution(first), [status for status in statuses if status is not first]
    return stored or {}, fold(empty, of_begun_rounds(empty, others))


def _begins(status: Status) -> bool:
    return status.kind == "execution" and status.status == "started"


def _differences(stored: Document, rebuilt: Document) -> list[Difference]:
    known, folded = ({k: v for k, v in each.items() if k not in FIELDS} for each in (stored, rebuilt))
    return list(_below("", known, folded))


def _below(path: str, stored: Any, rebuilt: Any) -> Iterator[Difference]:
    if isinstance(stored, Mapping) and isinstance(rebuilt, Mapping):
        for key in sorted({*stored, *rebuilt}):
            yield from _below(f"{path}.{key}" if path else key, stored.get(key), rebuilt.get(key))
    elif not same(stored, rebuilt):
        yield path, stored, rebuilt
