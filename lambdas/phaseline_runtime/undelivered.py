"""What is done about a status whose event could not be delivered, or whose Lambda crashed.

A job's attempt fails with the cause, so that its `retry` decides; everything else is completed by one reconciliation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from phaseline_runtime import slots
from phaseline_runtime.advance import EVERYTHING, advance, recover
from phaseline_runtime.clock import now
from phaseline_runtime.engine.compensation import known_use
from phaseline_runtime.engine.retrying import with_retry
from phaseline_runtime.errors import CRASHED, TIMEOUT, UNAVAILABLE
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store


@dataclass(frozen=True, slots=True)
class Cause:
    """Why it was not delivered: what AWS says, and the request in which a function crashed."""

    message: str
    request: str | None = None


def complete(store: Store, status: Status, cause: Cause, *, clock: Callable[[], datetime] = now) -> list[Status]:
    """Do what the lost event would have led to, or fail the attempt. Returns what was inserted."""
    if status.kind == "job" and status.status == "triggered":
        failed = _failure(store, status, cause, clock())
        if failed is not None and store.insert(failed) is None:
            return [failed, *advance(store, status.execution, [failed], EVERYTHING, clock=clock)]
    return recover(store, status.execution, clock=clock).inserted


def _failure(store: Store, triggered: Status, cause: Cause, time: datetime) -> Status | None:
    """The failure of the attempt.

    None where it has been decided, where only a duplicate of its event was lost, or where there is no such attempt.
    """
    started = store.status(slots.attempt_start(*triggered.place))
    definition = store.definition(str(triggered.definition))
    use = known_use(definition, triggered)
    if use is None:
        return None
    failed = triggered.of_attempt(status="failed", at=time, cause=triggered.id)
    if started is None:
        # Nobody has claimed it, so the handler has not run: trying again repeats nothing.
        error = {"type": UNAVAILABLE, "message": f"Lambda did not run the job: {cause.message}"}
        failed = replace(failed, id=slots.attempt_start(*triggered.place), slot="start", error=error)
        return with_retry(failed, use, triggered.used)
    if started.status != "started" or started.request is None or started.request != cause.request:
        return None
    timed_out = "timed out" in cause.message.lower()
    error = {"type": TIMEOUT if timed_out else CRASHED, "message": cause.message}
    failed = replace(failed, id=slots.attempt_end(*triggered.place), slot="end", error=error, cause=started.id)
    return with_retry(failed, use, triggered.used)
