"""migrations_job: on each deploy, brings the collections up to date and publishes the compiled definitions.

It is the provider of a CloudFormation custom resource and answers it by itself: a failure fails the deploy with its
reason, and a deleted stack deletes no data.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pymongo.errors import PyMongoError

from phaseline_runtime.bundled import compiled
from phaseline_runtime.definition import Definition
from phaseline_runtime.logs import logged, logger
from phaseline_runtime.masking import masked
from phaseline_runtime.store import deployments, schema, troubles
from phaseline_runtime.store.store import lambda_store
from phaseline_runtime.time_limit import time_limit

_REASON = 2_000
"""The longest reason in characters: CloudFormation takes an answer of 4 KB, and what to do stands at its end."""

_LEFT = 60
"""Seconds of the Lambda's time that are kept for the answer: without one, CloudFormation waits on."""

log = logger("migrations_job")


class StillBuilding(BaseException):
    """MongoDB builds an index longer than the function may run. No `Exception`, which the driver may catch."""

    def __str__(self) -> str:
        return (
            "MongoDB is still building an index of a large collection, and goes on with it: "
            "run `phaseline migrate`, which waits for it as long as it takes, and deploy again"
        )


@logged
def handler(event: Mapping[str, Any], context: Any) -> None:
    """The Lambda entry point, called by CloudFormation."""
    reason, status = "", "SUCCESS"
    try:
        if event["RequestType"] != "Delete":
            with _limited(context):
                _migrate()
        log.info("done", extra={"request": event["RequestType"]})
    except (Exception, StillBuilding) as error:
        log.exception("the migration failed")
        reason, status = masked(f"{type(error).__name__}: {error}")[:_REASON], "FAILED"
    _answer(event, status, reason)


def _limited(context: Any) -> AbstractContextManager[None]:
    """Ends in time: the server goes on with what it was asked for without the one who has asked (SERVER-101507)."""
    if context is None:
        return nullcontext()
    return time_limit(max(context.get_remaining_time_in_millis() / 1000 - _LEFT, 1), StillBuilding)


def _migrate() -> None:
    definitions: Mapping[str, Mapping[str, Any]] = compiled.read("definitions")
    database = lambda_store().database
    try:
        for sentence in schema.migrate(database):
            log.warning(sentence)
        deployments.publish(database, {name: Definition.from_document(item) for name, item in definitions.items()})
        deployments.withdraw_others(database, definitions)
    except PyMongoError as error:
        raise troubles.explained(error, database.client) from error


def _answer(event: Mapping[str, Any], status: str, reason: str) -> None:
    body = {
        "Status": status,
        "Reason": reason or "done",
        "PhysicalResourceId": event.get("PhysicalResourceId") or "phaseline-migrations",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    # The URL is signed for an empty content type.
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(body).encode(), {"content-type": ""}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=30):
        pass
