"""retention_job: each day, deletes the executions that have ended longer ago than their state machine's `retention`.

Of those that are open, or ended and not yet settled, it touches none, nor of a state machine without a retention. What
a day's call has no time for, or what failed, is left to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from phaseline_runtime.bundled import compiled
from phaseline_runtime.clock import now
from phaseline_runtime.logs import logged, logger
from phaseline_runtime.store.retention import delete, expired
from phaseline_runtime.store.store import Store, lambda_store

PAGE = 100
"""Executions read at once."""
LEFT = 10_000
"""Milliseconds of the Lambda's time that a sweep leaves unused."""

log = logger("retention_job")


@logged
def handler(event: Mapping[str, Any], context: Any) -> dict[str, int]:
    """The Lambda entry point, called by a schedule."""
    kept: Mapping[str, int] = compiled.read("retention")
    return sweep(lambda_store(), kept, enough=lambda: context.get_remaining_time_in_millis() < LEFT)


def sweep(
    store: Store,
    kept: Mapping[str, int],
    *,
    enough: Callable[[], bool] = lambda: False,
    clock: Callable[[], datetime] = now,
) -> dict[str, int]:
    """Delete what is older than `kept` says, in seconds by state machine; how much that was, and what failed."""
    found = {"executions": 0, "statuses": 0, "failed": 0}
    for machine, seconds in kept.items():
        before = clock() - timedelta(seconds=seconds)
        # A page of which nothing could be deleted would come again for ever.
        while not enough() and _delete_page(store, expired(store, machine, before, PAGE), before, enough, found):
            pass
    log.info("swept", extra=found)
    return found


def _delete_page(
    store: Store, page: list[str], before: datetime, enough: Callable[[], bool], found: dict[str, int]
) -> bool:
    """Whether anything of this page is gone."""
    any_gone = False
    for execution in page:
        if enough():
            break
        try:
            gone, statuses = delete(store, execution, before, enough)
        except Exception:
            found["failed"] += 1
            log.exception("this execution could not be deleted", extra={"execution": execution})
        else:
            found["executions"] += gone
            found["statuses"] += statuses
            any_gone = any_gone or gone
    return any_gone
