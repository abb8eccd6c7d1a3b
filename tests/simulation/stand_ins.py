"""What the product will have and has not yet: the watchdog's sweep, and the reader of Lambda's on-failure records.

They are written as plainly as they can be, over the product's own `recover` and store; replace them by the product's
handlers once there are some.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from phaseline_runtime import slots
from phaseline_runtime.advance import EVERYTHING, advance, recover
from phaseline_runtime.engine.retrying import with_retry
from phaseline_runtime.errors import CRASHED
from phaseline_runtime.store.store import Store

Clock = Callable[[], datetime]
PERIOD = timedelta(minutes=1)
"""How often the watchdog looks."""


def sweep(store: Store, clock: Clock) -> None:
    """Look at every execution that is due, and look again a period later where nothing was to be done."""
    for seen in store.due(clock(), 10):
        recover(store, seen["_id"], clock=clock)
        store.look_again(seen, clock() + PERIOD)


def record_crash(store: Store, trigger: str, request: str, clock: Clock) -> None:
    """The invocation `request` for the status `trigger` has crashed: if it had claimed the attempt, it has failed."""
    triggered = store.status(trigger)
    if triggered is None:
        return
    place = (triggered.execution, triggered.round, str(triggered.name), triggered.attempt or 1)
    started = store.status(slots.attempt_start(*place))
    if started is None or started.status != "started" or started.request != request:
        return  # It was the invocation of a duplicate, or came to nothing before its claim: the watchdog sends again.
    definition = store.definition(str(triggered.definition))
    failed = replace(
        started,
        id=slots.attempt_end(*place),
        slot="end",
        status="failed",
        at=clock(),
        error={"type": CRASHED, "message": "the function ended without an answer"},
        cause=started.id,
        used=(),
        due=None,
        token=None,
        request=None,
    )
    failed = with_retry(failed, definition.use(str(triggered.phase), str(triggered.name)), triggered.used)
    if store.insert(failed) is None:
        advance(store, failed.execution, [failed], EVERYTHING, clock=clock)
