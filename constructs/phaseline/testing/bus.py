"""The bus in memory: each inserted status reaches those whose rules match it, at once.

What runs is the product's own: the job runner, both bundled Lambdas that move an execution on, the watchdog, wake-ups.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from phaseline.testing.jobs import Jobs
from phaseline.testing.memory import Database
from phaseline.testing.memory_store import MemoryStore
from phaseline.testing.timeline import Timeline
from phaseline_runtime import runner, wake_ups
from phaseline_runtime.advance import recover
from phaseline_runtime.bundled import watchdog_job
from phaseline_runtime.bundled.listening import ORCHESTRATOR_JOB, STATEMACHINE_JOB
from phaseline_runtime.bundled.reconciling import move_on
from phaseline_runtime.clock import following
from phaseline_runtime.engine.questions import Owner
from phaseline_runtime.envelope import IN_EVENTS
from phaseline_runtime.logs import logger
from phaseline_runtime.store.store import from_document

PERIOD = timedelta(minutes=1)
"""How often the watchdog looks (its schedule's rate)."""

_LOG = logger("testing")
_silent: ContextVar[bool] = ContextVar("phaseline_silent", default=False)
for _each in (_LOG, runner.log, watchdog_job.log):  # Not at a handler: pytest has handlers of its own.
    _each.addFilter(lambda _: not _silent.get())

_RULES = ((STATEMACHINE_JOB, Owner.STATEMACHINE), (ORCHESTRATOR_JOB, Owner.ORCHESTRATOR))


class Bus:
    """Carries the statuses of one execution.

    Args:
        execution: Its id.
        memory: The database whose statuses it carries.
        jobs: The Lambda functions of the jobs.
        timeline: Whose time passes.
    """

    def __init__(self, execution: str, memory: Database, jobs: Jobs, timeline: Timeline) -> None:
        self._execution = execution
        self._store = MemoryStore(memory)
        self._jobs = jobs
        self._timeline = timeline
        self._begin = timeline.now
        self._swept = -1
        memory["statuses"].inserted = self._carry

    @contextmanager
    def running(self) -> Iterator[None]:
        """What happens in here happens in virtual time, and the Lambdas log nothing."""
        before = _silent.set(True)
        try:
            with following(self._timeline.clock):
                yield
        finally:
            _silent.reset(before)

    def next(self, *, until: datetime | None = None) -> bool:
        """Let the next thing happen, if anything will, and not after `until`; whether something has."""
        sweep, action = self._next_sweep(), self._timeline.next
        due = min((time for time in (sweep, action) if time is not None), default=None)
        if due is None or (until is not None and due > until):
            return False
        if due == action:
            self._timeline.step()
        else:
            self._timeline.now = due
            self._swept = round((due - self._begin) / PERIOD)
            watchdog_job.sweep(self._store)
        return True

    def _next_sweep(self) -> datetime | None:
        """When the watchdog looks for the next time and finds something; it would not have to look before."""
        found = self._store.execution(self._execution)
        if found is None or found["endedAt"] is not None or found["wakeAt"] is None:
            return None
        number = math.ceil((max(found["wakeAt"], self._timeline.now) - self._begin) / PERIOD)
        try:
            due: datetime = self._begin + PERIOD * max(number, self._swept + 1)
        except OverflowError:
            return None  # The year 10000.
        return due

    def _carry(self, document: Mapping[str, Any]) -> None:
        """Hand a status to whoever gets it."""
        now, kind, status = self._timeline.now, document["kind"], document["status"]
        event = {"detail": {"fullDocument": {k: v for k, v in document.items() if k in IN_EVENTS}}}
        for table, owner in _RULES:
            if status in table.get(kind, ()):
                self._timeline.at(now, partial(self._move_on, event, owner))
        if kind == "job" and status == "triggered" and self._jobs.accept(document):
            self._timeline.at(now, partial(self._jobs.invoke, from_document(document)))

    def _move_on(self, event: Mapping[str, Any], owner: Owner) -> None:
        due = move_on(self._store, event, frozenset({owner}), _LOG)
        if due is None or owner is not Owner.ORCHESTRATOR:
            return
        seconds = wake_ups.seconds_of(due - self._timeline.now)
        if seconds is not None:
            self._timeline.at(self._timeline.now + timedelta(seconds=seconds), self._wake, unless=self._ended)

    def _wake(self) -> None:
        recover(self._store, self._execution)

    def _ended(self) -> bool:
        found = self._store.execution(self._execution)
        return found is not None and found["endedAt"] is not None
