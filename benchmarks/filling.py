"""Fills a database with the history of executions that have ended, as the real handlers write it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from phaseline_runtime.advance import recover
from phaseline_runtime.client import Client
from phaseline_runtime.clock import now
from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus

Document = dict[str, Any]

MACHINES = ("m", "n", "n", "n", "n")
PART = 20_000
"""Documents that are inserted at once."""
EACH = timedelta(seconds=28)
"""The time between two starts: a longer history reaches back further, and is no denser."""


def chain(machine: str, length: int) -> Definition:
    """Jobs one after the other, in one phase."""
    uses = tuple(Use(f"j{number}", "nothing", (f"j{number - 1}",) if number else ()) for number in range(length))
    return Definition(machine, (Phase("p", uses),))


def fill(client: Client, store: Store, statuses: int) -> int:
    """Bring the collections up to this many statuses of executions that are settled; how many of those there are."""
    client.migrate({machine: chain(machine, 1) for machine in MACHINES})
    pattern = client.start("m").id
    Bus(store).run(pattern)
    recover(store, pattern)
    execution = store.execution(pattern)
    assert execution is not None
    assert execution["settled"]
    history = list(store.statuses.find({"execution": pattern}))
    count = max(statuses // len(history), 1)
    begun = now() - EACH * count
    copies = (_copies(execution, history, number, begun + EACH * number) for number in range(1, count))
    while part := list(islice(copies, PART // len(history))):
        store.executions.insert_many([document for document, _ in part], ordered=False)
        store.statuses.insert_many([item for _, items in part for item in items], ordered=False)
    return count


def _copies(
    execution: Document, history: list[Document], number: int, started: datetime
) -> tuple[Document, list[Document]]:
    """The same execution under another id, at another time, most often of another machine and with another end."""
    old, new = execution["_id"], f"{started:%Y%m%dT%H%M%S}{number:09d}"
    later = started - execution["startedAt"]
    machine = MACHINES[number % len(MACHINES)]
    status = "failed" if number // 5 % 5 < 3 else "success"
    document = _moved(execution, old, new, later) | {"stateMachine": machine, "status": status}
    return document, [_moved(item, old, new, later) | {"stateMachine": machine} for item in history]


def _moved(value: Any, old: str, new: str, later: timedelta) -> Any:
    if isinstance(value, datetime):
        return value + later
    if isinstance(value, str):
        return new + value[len(old) :] if value.startswith(old) else value
    if isinstance(value, Mapping):
        return {key: _moved(item, old, new, later) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, old, new, later) for item in value]
    return value
