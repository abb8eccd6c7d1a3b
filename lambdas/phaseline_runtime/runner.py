"""The job runner: the handler of every job function, around the user's plain `handler(event, context)`.

Claim the attempt, call the user's handler, record how it ended, move the execution on. The claim is an insert: of one
attempt the handler is started at most once, however often its event is delivered.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pymongo.errors import PyMongoError

from phaseline_runtime import slots
from phaseline_runtime.advance import EVERYTHING, advance
from phaseline_runtime.alive import Alive
from phaseline_runtime.clock import now
from phaseline_runtime.current import Current, running
from phaseline_runtime.definition import Use
from phaseline_runtime.engine.compensation import known_use
from phaseline_runtime.engine.giving_up import give_up_at
from phaseline_runtime.engine.retrying import with_retry
from phaseline_runtime.envelope import status_id
from phaseline_runtime.errors import OUTPUT_TOO_LARGE, TIMEOUT, AttemptFailed
from phaseline_runtime.logs import follow, logged, logger
from phaseline_runtime.recorded_errors import recorded
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.storable import NotStorable, storable
from phaseline_runtime.store.store import Store, lambda_store
from phaseline_runtime.time_limit import time_limit
from phaseline_runtime.transactions import Transaction, TransactionBroken, conflict, wants_session

UserHandler = Callable[..., Any]

log = logger(os.environ.get("PHASELINE_JOB", "job"))


class AttemptTimedOut(BaseException):
    """The handler has run longer than its timeout. No `Exception`, which a handler may catch and go on."""


class OutputNotStorable(Exception):
    """The handler returned what BSON cannot hold."""


def _load() -> UserHandler | BaseException:
    """The user's handler, or the error of its import: that fails the attempt, not the sandbox."""
    module, _, function = os.environ.get("PHASELINE_HANDLER", "handler.handler").rpartition(".")
    try:
        loaded: UserHandler = getattr(importlib.import_module(module), function)
    except BaseException as error:
        return error
    return loaded


_user = _load() if "PHASELINE_HANDLER" in os.environ else None


@logged
def handler(event: Mapping[str, Any], context: Any) -> None:
    """The Lambda entry point."""
    run_here(event, context, _load() if _user is None else _user)


def run_here(event: Mapping[str, Any], context: Any, user: UserHandler | BaseException) -> None:
    """Run the attempt in this Lambda: of the job that its function belongs to, and of no other."""
    run(lambda_store(), event, context, user, job=os.environ.get("PHASELINE_JOB"))


def run(
    store: Store,
    event: Mapping[str, Any],
    context: Any,
    user: UserHandler | BaseException,
    *,
    job: str | None = None,
    clock: Callable[[], datetime] = now,
) -> None:
    """Run the attempt that the event tells of, once.

    Of the event, only the id of its status is believed: whoever may put events on the bus could name another job's.
    `job` is the declared job that `user` belongs to, where it is known.
    """
    triggered = store.status(status_id(event))
    if triggered is None or triggered.kind != "job" or triggered.status != "triggered":
        log.error("no job was triggered by the status of this event; ignored", extra={"status": status_id(event)})
        return
    if job not in (None, triggered.job):
        log.error("the status of this event has triggered another job; ignored", extra={"status": triggered.id})
        return
    follow(triggered)
    definition = store.definition(str(triggered.definition))
    use = known_use(definition, triggered)
    if use is None:
        log.error("its state machine does not use this job under this name; ignored", extra={"status": triggered.id})
        return
    started = _claim(store, triggered, use, context, clock())
    if started is None:
        log.info("this attempt has been claimed before; ignored")
        return
    store.meter.attempt_started(triggered, started, use)
    log.info("started")
    transaction = Transaction(store)
    try:
        ended = _outcome(
            triggered, context, user, use, definition.max_output, Alive(store, started, use, clock), transaction
        )
        ended = _recorded(store, replace(ended, cause=started.id, at=clock()), use, triggered.used, transaction)
    finally:
        transaction.close()
    if ended.slot == "late":
        log.warning("this attempt was ended by somebody else meanwhile; its outcome stands")
        return
    store.meter.attempt_ended(started, ended)
    log.info(ended.status)
    inserted = advance(store, ended.execution, [ended], EVERYTHING, clock=clock)
    if inserted:
        # With that, the bundled Lambdas see at a glance that nothing is missing, and whoever waits sees an end at once.
        store.fold(ended.execution, inserted, derived=True)


def _recorded(store: Store, ended: Status, use: Use, used: Sequence[int], transaction: Transaction) -> Status:
    """The end of the attempt as it was recorded: it may have come too late, or have failed at the last moment."""
    won = None
    if ended.status == "success" and transaction.begun:
        try:
            won = transaction.commit_with(ended)
        except (PyMongoError, TransactionBroken) as error:
            log.exception("the transaction failed")
            ended = replace(ended, status="failed", output=None, error=_explained(error, transaction))
    if ended.status == "failed":
        ended = with_retry(ended, use, used)
    if won is None:
        won = store.insert(ended) is None
    if won:
        return ended
    late = slots.attempt_late(*ended.place)
    outcome = "rolled_back" if ended.status == "success" and transaction.begun else ended.status
    ended = replace(ended, id=late, slot="late", status="late", reason=outcome, retry=None, due=None)
    store.insert(ended)
    return ended


def _claim(store: Store, triggered: Status, use: Use, context: Any, time: datetime) -> Status | None:
    """Win the start slot. None where somebody else holds it."""
    token = secrets.token_hex(8)
    started = triggered.of_attempt(
        id=slots.attempt_start(*triggered.place),
        status="started",
        slot="start",
        at=time,
        token=token,
        request=getattr(context, "aws_request_id", None),
        used=triggered.used,
        due=give_up_at(use, time, time),
        cause=triggered.id,
    )
    return started if store.insert(started) is None else None


def _outcome(
    triggered: Status,
    context: Any,
    user: UserHandler | BaseException,
    use: Use,
    max_output: int,
    alive: Alive,
    transaction: Transaction,
) -> Status:
    """Call the user's handler: the end of the attempt, but for its time."""
    end = triggered.of_attempt(id=slots.attempt_end(*triggered.place), slot="end")
    try:
        with time_limit(use.timeout, AttemptTimedOut):
            output = _call(user, triggered, context, alive, transaction)
        _check(output, max_output)
    except AttemptTimedOut:
        message = f"the handler had not returned after its timeout of {use.timeout:g} s"
        log.error("timed out", extra={"timeout": use.timeout})
        return replace(end, status="failed", error={"type": TIMEOUT, "message": message})
    except BaseException as error:
        log.exception("the job failed")
        return replace(end, status="failed", error=_explained(error, transaction))
    return replace(end, status="success", output=output)


def _call(
    user: UserHandler | BaseException, triggered: Status, context: Any, alive: Alive, transaction: Transaction
) -> Any:
    if isinstance(user, BaseException):
        raise user
    attempt = Current(
        execution=triggered.execution,
        state_machine=triggered.state_machine,
        phase=str(triggered.phase),
        round=triggered.round,
        name=str(triggered.name),
        job=str(triggered.job),
        attempt=triggered.attempt or 1,
        beat=alive.beat,
        begin=transaction.session,
        spoil=transaction.break_,
        is_cancelled=alive.cancelled,
    )
    with running(attempt):
        more = (transaction.session(),) if wants_session(user) else ()
        result = user(triggered.input, context, *more)
        return asyncio.run(_await(result)) if inspect.isawaitable(result) else result


async def _await(awaitable: Any) -> Any:
    return await awaitable


def _check(output: Any, limit: int) -> None:
    try:
        found = storable(output, "the output")
    except NotStorable as error:
        raise OutputNotStorable(f"{error}; return JSON types, dates, decimals or ObjectIds") from error
    if found > limit:
        raise AttemptFailed(
            OUTPUT_TOO_LARGE,
            f"the output has {found} bytes, and this job may return {limit}: store it elsewhere and return where it is",
        )


def _explained(error: BaseException, transaction: Transaction) -> dict[str, Any]:
    return conflict(error, transaction) or recorded(error)
