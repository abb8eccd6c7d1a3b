"""The order in which statuses are told: by time, and never before what has led to them.

The times come from the clocks of several sandboxes, which differ by milliseconds; `cause` does not depend on a clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

from phaseline_runtime.engine.fold import SLOTS
from phaseline_runtime.statuses import ENDED, Status

_OPENED = -1
_ASKED = 0
"""What the rest of a round derives from, without being its `cause`: requests, missed deadlines, a phase's wait."""
_SLOTS = (*SLOTS, "late")
_ENDED = len(_SLOTS) + 1


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
    """By time; what happened in the same millisecond by what a round consists of, then by number and id.

    All that one look at an execution has found missing has the same time.
    """
    time = 0.0 if status.at is None else status.at.timestamp()
    return time, status.round, _rank(status), status.number or 0, status.id


def _rank(status: Status) -> int:
    if status.kind == "job":
        return 1 + _SLOTS.index(status.slot) if status.slot in _SLOTS else _ASKED
    if status.status == "started":
        return _OPENED
    if status.status in ENDED:
        return _ENDED + (status.kind == "execution")
    return _ASKED
