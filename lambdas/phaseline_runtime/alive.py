"""The signs of life of a running attempt, and whether it is still wanted.

Both are asked for in the midst of the user's work, and matter less than that: where MongoDB is away, a sign of life is
not recorded, what was known last of the execution holds, and the work goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import ConnectionFailure

from phaseline_runtime import slots
from phaseline_runtime.definition import COMPENSATION, MAX_OUTPUT, Use
from phaseline_runtime.engine import rounds
from phaseline_runtime.engine.giving_up import give_up_at
from phaseline_runtime.logs import logger
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.storable import NotStorable, storable
from phaseline_runtime.store.store import Store

log = logger(os.environ.get("PHASELINE_JOB", "job"))

OFTEN = timedelta(seconds=1)
"""The shortest time between two signs of life, and between two looks at the execution."""


class Alive:
    """Speaks for one started attempt."""

    def __init__(self, store: Store, started: Status, use: Use, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._started = started
        self._use = use
        self._clock = clock
        self._number = 0
        self._said: datetime | None = None
        self._looked: tuple[datetime, bool] | None = None

    def beat(self, progress: Any) -> None:
        """Record a sign of life, if the last one is not too recent. Raises NotStorable for what is no progress."""
        time = self._clock()
        if self._said is not None and time - self._said < OFTEN:
            return
        found = storable(progress, "the progress")
        if found > MAX_OUTPUT:
            # What comes near the 16 MB of a document, no change stream can tell of: nothing would move any more.
            raise NotStorable(f"the progress has {found} bytes; allowed are {MAX_OUTPUT}")
        self._said, self._number = time, self._number + 1
        started = self._started
        began = started.at or time
        beat = replace(
            started,
            id=slots.heartbeat(*started.place, self._number),
            status="heartbeat",
            slot="heartbeat",
            number=self._number,
            at=time,
            due=give_up_at(self._use, began, time),
            progress=progress,
            token=None,
            request=None,
            cause=started.id,
        )
        try:
            self._store.insert(beat)
        except ConnectionFailure:
            log.warning("this sign of life is not recorded: MongoDB cannot be reached", extra={"number": self._number})

    def cancelled(self) -> bool:
        """Whether somebody has asked to cancel the execution, or its deadline has passed.

        A compensation is never told so: then, it is just what is wanted.
        """
        if self._started.phase == COMPENSATION:
            return False
        time = self._clock()
        if self._looked is None or time - self._looked[0] >= OFTEN:
            try:
                self._looked = time, self._unwanted()
            except ConnectionFailure:
                log.warning("whether the execution is cancelled is not known: MongoDB cannot be reached")
                self._looked = time, self._looked is not None and self._looked[1]
        return self._looked[1]

    def _unwanted(self) -> bool:
        document = self._store.execution(self._started.execution)
        return document is not None and (
            rounds.cancelled(document) or rounds.overdue(document) is not None or document["endedAt"] is not None
        )
