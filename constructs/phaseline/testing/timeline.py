"""Virtual time: what is to happen, in the order of its time. Nobody waits for it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime

Action = Callable[[], None]


class Timeline:
    """What will happen, and what time it is."""

    def __init__(self, begin: datetime) -> None:
        self.now = begin
        self._actions: list[tuple[datetime, int, Action, Callable[[], bool]]] = []
        self._added = 0

    def clock(self) -> datetime:
        """What time it is, as `phaseline_runtime.clock` wants it."""
        return self.now

    def at(self, time: datetime, action: Action, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Do something at this time, behind what was to be done then before; what is past happens at once.

        What `unless` says is needless when its turn comes does not happen, and time does not pass for it.
        """
        self._added += 1
        heapq.heappush(self._actions, (max(time, self.now), self._added, action, unless))

    @property
    def next(self) -> datetime | None:
        """When the next thing happens; None where nothing will."""
        while self._actions and self._actions[0][-1]():
            heapq.heappop(self._actions)
        return self._actions[0][0] if self._actions else None

    def step(self) -> None:
        """Let the next thing happen."""
        self.now, _, action, _ = heapq.heappop(self._actions)
        action()
