"""watchdog_job: finds executions that have lost something, and those for which a time has come.

It is called each minute, and by the messages that orchestrator_job sends for what is due sooner, a retry or a
deadline. A message is a wake-up and nothing else: what is due stands in the statuses. The cost of a sweep follows what
is due, and never what exists: it reads one index, oldest first, page by page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from phaseline_runtime.advance import recover
from phaseline_runtime.clock import now
from phaseline_runtime.logs import logged, logger
from phaseline_runtime.store.store import Store, lambda_store

PAGE = 100
"""Executions read at once."""
LEFT = 10_000
"""Milliseconds of the Lambda's time that a sweep leaves unused."""
PATIENCE = timedelta(minutes=1)
"""How long an execution is left alone to which nothing could be done."""

log = logger("watchdog_job")


@logged
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """The Lambda entry point, called by a schedule or by SQS."""
    store = lambda_store()
    if "Records" in event:
        return {"batchItemFailures": [failure for record in event["Records"] for failure in _wake(store, record)]}
    enough = (lambda: context.get_remaining_time_in_millis() < LEFT) if context is not None else (lambda: False)
    return sweep(store, enough=enough)


def sweep(
    store: Store, *, enough: Callable[[], bool] = lambda: False, clock: Callable[[], datetime] = now
) -> dict[str, int]:
    """Look at every execution that is due; how many were looked at, and how many statuses were missing."""
    until = clock()
    looked, repaired, failed, lost = 0, 0, 0, 0
    while not enough():
        page = store.due(until, PAGE)
        for seen in page:
            looked += 1
            try:
                recovered = recover(store, seen["_id"], clock=clock)
            except Exception:
                failed += 1
                log.exception("this execution could not be looked at", extra={"execution": seen["_id"]})
            else:
                if recovered.inserted:
                    repaired += len(recovered.inserted)
                    lost += recovered.lost
                    inserted = [status.id for status in recovered.inserted]
                    log.warning("repaired", extra={"execution": seen["_id"], "inserted": inserted})
            store.look_again(seen, clock() + PATIENCE)
        if len(page) < PAGE:
            break
    found = {"looked": looked, "repaired": repaired, "failed": failed}
    log.info("swept", extra=found)
    store.meter.totals({"Repairs": lost, "RepairsFailed": failed}, until)
    return found


def _wake(store: Store, record: Mapping[str, Any]) -> list[dict[str, str]]:
    try:
        recover(store, json.loads(record["body"])["execution"])
    except Exception:
        log.exception("this wake-up failed; it comes again", extra={"message_id": record["messageId"]})
        return [{"itemIdentifier": record["messageId"]}]
    return []
