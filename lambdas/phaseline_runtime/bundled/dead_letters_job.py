"""dead_letters_job: takes from the two dead-letter queues what could not be delivered, and completes it.

What cannot be completed stays in the queue, is tried a few times more, and is kept for people in the queue behind it.
One message that cannot be read does not hold up the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from phaseline_runtime.advance import recover
from phaseline_runtime.bundled import compiled, starter_job
from phaseline_runtime.clock import now
from phaseline_runtime.envelope import reached, status_id
from phaseline_runtime.errors import PhaselineError
from phaseline_runtime.logs import follow, logged, logger
from phaseline_runtime.masking import masked
from phaseline_runtime.store.store import Store, lambda_store
from phaseline_runtime.undelivered import Cause, complete

log = logger("dead_letters_job")


class Unreadable(PhaselineError):
    """A message that is neither an event nor the record of a failed invocation of ours."""


@logged
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """The Lambda entry point, called by SQS; returns the messages that it could not complete."""
    store, kept = lambda_store(), []
    for record in event["Records"]:
        try:
            handle(store, record)
        except Exception:
            log.exception("this message cannot be completed", extra={"message_id": record["messageId"]})
            kept.append({"itemIdentifier": record["messageId"]})
    completed = len(event["Records"]) - len(kept)
    store.meter.totals({"DeadLetters": completed, "DeadLettersFailed": len(kept)}, now())
    return {"batchItemFailures": kept}


def handle(store: Store, record: Mapping[str, Any]) -> None:
    """Complete one message. Raises Unreadable, and whatever kept it from being completed."""
    event, cause = read(record)
    if "sweep" in event:
        log.warning("a sweep failed; the next makes up for it", extra={"cause": cause.message})
        return
    event = requested(event, _attribute(record, "RULE_ARN"))
    if "detail" not in event:
        if str(event.get("time")).startswith("<"):
            raise Unreadable("a schedule's message does not say which time it is for")
        # Its time or its event makes its id: it is one start, however often it comes.
        starter_job.start_as_asked(event)
        log.info("started what had not been started", extra={"request": event.get("machine")})
        return
    slot = status_id(event)
    found = store.status(slot)
    if found is None:
        raise Unreadable(f"status {slot} is not in the database")
    follow(found)
    inserted = complete(store, found, cause) if reached(event, found) else recover(store, found.execution).inserted
    log.warning("completed", extra={"cause": cause.message, "inserted": [item.id for item in inserted]})


def read(record: Mapping[str, Any]) -> tuple[dict[str, Any], Cause]:
    """The event that was not handled, and why.

    A rule's queue holds the event itself, with the reason in the attributes; a function's queue holds Lambda's record
    of the invocation (AWS Lambda, destinations of asynchronous invocations).
    """
    try:
        body = json.loads(record["body"])
    except ValueError as error:
        raise Unreadable(f"the message is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Unreadable("the message is no JSON object")
    if "requestPayload" not in body:
        said = _attribute(record, "ERROR_MESSAGE") or _attribute(record, "ERROR_CODE")
        return body, Cause(masked(said or "unknown"))
    context, response = (_object(body.get(key)) for key in ("requestContext", "responsePayload"))
    message = response.get("errorMessage")
    request = context.get("requestId") or response.get("requestId")
    if not isinstance(body["requestPayload"], dict):
        raise Unreadable("the invocation that failed had no JSON object as its event")
    return body["requestPayload"], Cause(masked(str(message or context.get("condition") or "unknown")), request)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def requested(event: dict[str, Any], rule: str | None) -> dict[str, Any]:
    """What the rule of a start makes of this event; the event as it is where the rule is none of a start.

    EventBridge keeps the event itself, not what the target would have got.
    """
    key = (rule or "").rpartition("-")[2]
    start = _starts().get(key) if key else None
    if start is None:
        return event
    given = {"input": start["input"]} if "input" in start else {}
    if start["kind"] == "schedule":
        return {"machine": start["machine"], "schedule": key, "time": event["time"], **given}
    return {"machine": start["machine"], "event": key, "eventId": event["id"], "input": event["detail"], **given}


@cache
def _starts() -> Mapping[str, Mapping[str, Any]]:
    starts: Mapping[str, Mapping[str, Any]] = compiled.read("starts")
    return starts


def _attribute(record: Mapping[str, Any], name: str) -> str | None:
    found = (record.get("messageAttributes") or {}).get(name) or {}
    value: str | None = found.get("stringValue")
    return value
