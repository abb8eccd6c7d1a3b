"""The order in which statuses are told: by time, and never before what has led to them.

The times come from the clocks of several sandboxes, which differ by milliseconds; `cause` does not depend on a clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

from phaseline_runtime.statuses import Status

_RANKS = {"entry": 1, "start": 2, "end": 3}


def in_causal_order(statuses: Iterable[Status]) -> list[Status]:
    """The statuses of one execution, each behind its `cause`, and by time where that leaves it free.

    A cause that is not among them delays nothing. The order of the argument does not matter.
    """
    known = {status.id: status for status in statuses}
    effects: dict[str | None, list[Status]] = {}
    for status in known.values():
        effects.setdefault(status.cause if status.cause in known else None, []).append(status)
    waiting = [_item(status) for status in effects.get(None, [])]
    heapq.heapify(waiting)
    ordered: list[Status] = []
    while waiting:
        status = known[heapq.heappop(waiting)[-1]]
        ordered.append(status)
        for effect in effects.get(status.id, []):
            heapq.heappush(waiting, _item(effect))
    return ordered


def _item(status: Status) -> tuple[Any, ...]:
    """By time; what happened in the same millisecond by what a round consists of, then by its id."""
    rank = _RANKS.get(str(status.slot), 0)
    if status.kind == "phase":
        rank = 0 if status.status == "started" else 4
    elif status.kind == "execution":
        rank = -1 if status.status == "started" else 5
    time = 0.0 if status.at is None else status.at.timestamp()
    return time, status.round, rank, status.id
