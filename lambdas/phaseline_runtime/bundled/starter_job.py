"""starter_job: starts executions for whoever may invoke it: by hand, by URL, by schedule, by event.

A schedule's and an event's execution id derives from the planned time or the event's id, so that a repeated delivery
starts nothing twice.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from phaseline_runtime.errors import UserError
from phaseline_runtime.logs import logged, logger
from phaseline_runtime.starting import shown, start
from phaseline_runtime.store.store import lambda_store
from phaseline_runtime.strict_json import loads

_KNOWN = frozenset({"machine", "input", "id", "schedule", "time", "event", "eventId"})

_TOGETHER = (("schedule", "time"), ("event", "eventId"))

log = logger("starter_job")


@logged
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """The Lambda entry point.

    Takes `{machine, input, id}`, or that as the body of a function URL's request. Returns `{id, status, created}`;
    by URL as JSON with 201 for a new execution, 200 for an existing one, 400 for a mistake of the caller.
    """
    if not isinstance(event, Mapping) or "requestContext" not in event:
        return start_as_asked(event)
    try:
        answer = start_as_asked(_body(event))
    except UserError as error:
        return _response(400, {"error": type(error).__name__, "message": str(error)})
    return _response(201 if answer["created"] else 200, answer)


def execution_id(request: Mapping[str, Any]) -> str | None:
    """The id that a request asks for, or that its schedule's time or its event's id gives; None for a new one."""
    machine = request.get("machine")
    if "schedule" in request:
        return f"{machine}-{request['schedule']}-{request['time']}"
    if "event" in request:
        return f"{machine}-{request['event']}-{request['eventId']}"
    return request.get("id")


def start_as_asked(request: Mapping[str, Any]) -> dict[str, Any]:
    """Start what a request asks for: `{machine, input, id}`, or what the rule of a schedule or an event gives."""
    if not isinstance(request, Mapping):
        raise UserError('a start is a JSON object such as {"machine": …, "input": …}')
    unknown = sorted(set(request) - _KNOWN)
    if unknown or not isinstance(request.get("machine"), str):
        raise UserError(f"a start takes machine, input and id: got {shown(sorted(request))}")
    for one, other in _TOGETHER:
        if (one in request) is not (other in request):
            raise UserError(f"a start by {one} has {one} and {other}: got {shown(sorted(request))}")
    source = next((name for name in ("schedule", "event") if name in request), "starter_job")
    document, created = start(
        lambda_store(), request["machine"], request.get("input"), execution=execution_id(request), started_by=source
    )
    log.info("started" if created else "exists already", extra={"execution": document["_id"]})
    return {"id": document["_id"], "status": document["status"], "created": created}


def _body(event: Mapping[str, Any]) -> Mapping[str, Any]:
    text = event.get("body") or ""
    try:
        body = loads(base64.b64decode(text) if event.get("isBase64Encoded") else text)
    except ValueError as error:
        raise UserError(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise UserError('the body is not a JSON object such as {"machine": …, "input": …}')
    return body


def _response(status: int, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
