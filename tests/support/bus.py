"""The real handlers over a real store, with a bus in memory: every inserted status is delivered as the rules say."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import wraps
from typing import Any

from phaseline_runtime import runner
from phaseline_runtime.bundled.reconciling import move_on
from phaseline_runtime.clock import now
from phaseline_runtime.engine.questions import Owner
from phaseline_runtime.envelope import IN_EVENTS
from phaseline_runtime.logs import logger
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store, from_document, to_document
from tests.support.faults import Killed

STATEMACHINE = frozenset({Owner.STATEMACHINE})
ORCHESTRATOR = frozenset({Owner.ORCHESTRATOR})


log = logger("bus")


def event_of(status: Status) -> dict[str, Any]:
    """The event in which a status travels."""
    document = {key: value for key, value in to_document(status).items() if key in IN_EVENTS}
    return {"detail": {"fullDocument": document}}


def _nothing(event: Any, context: Any) -> None:
    """The handler of a job of which a test says nothing."""


class Bus:
    """Delivers one execution's statuses until none is new.

    `copies` is how often each event comes; `reverse` delivers the newest first; otherwise the order is random.
    `jobs` maps a name to its handler; a name without one returns None. `lost` says of which statuses the event never
    arrives anywhere, `deaf` which of the bundled Lambdas never hear of any. `runs_on` is the store that the runner of a
    triggered job has: one that dies leaves what a killed Lambda leaves.
    """

    def __init__(
        self,
        store: Store,
        jobs: Mapping[str, Callable[..., Any]] | None = None,
        *,
        copies: int = 1,
        reverse: bool = False,
        seed: int = 0,
        lost: Callable[[Status], bool] = lambda status: False,
        deaf: frozenset[Owner] = frozenset(),
        runs_on: Callable[[Status], Store] | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.store = store
        self.lost = lost
        self.deaf = deaf
        self.runs_on = runs_on or (lambda status: store)
        self.clock = clock
        self.jobs = dict(jobs or {})
        self.copies = copies
        self.reverse = reverse
        self.random = random.Random(seed)
        self.delivered: set[str] = set()
        self.queue: list[Status] = []
        self.runs: list[str] = []

    def run(self, execution: str) -> dict[str, Any]:
        """Deliver until nothing happens any more; the execution document then."""
        while True:
            self._collect(execution)
            if not self.queue:
                found = self.store.execution(execution)
                assert found is not None
                return found
            index = len(self.queue) - 1 if self.reverse else self.random.randrange(len(self.queue))
            self.deliver(self.queue.pop(index))

    def _collect(self, execution: str) -> None:
        for document in self.store.statuses.find({"execution": execution}).sort("at", 1):
            if document["_id"] not in self.delivered:
                self.delivered.add(document["_id"])
                status = from_document(document)
                self.queue += [] if self.lost(status) else [status] * self.copies

    def deliver(self, status: Status) -> None:
        """Hand one event to whomever its rules name."""
        if status.kind == "job" and status.status == "triggered":
            event = {"detail": {"fullDocument": {"_id": status.id}}}
            handler = self._handler(str(status.name))
            with suppress(Killed):
                runner.run(self.runs_on(status), event, None, handler, clock=self.clock)
        elif not (status.kind == "job" and status.status == "started"):
            parts = [STATEMACHINE, ORCHESTRATOR]
            self.random.shuffle(parts)
            for part in parts:
                if not part & self.deaf:
                    move_on(self.store, event_of(status), part, log, clock=self.clock)

    def _handler(self, name: str) -> Callable[..., Any]:
        user: Callable[..., Any] = self.jobs.get(name, _nothing)

        @wraps(user)
        def counted(*arguments: Any) -> Any:
            self.runs.append(name)
            return user(*arguments)

        return counted
