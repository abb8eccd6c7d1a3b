"""Transactional jobs: the handler's own writes and its `success` commit together, or neither does.

The transaction begins when the handler asks for it, and ends with the attempt: the insert into the end slot is its last
operation. So the effect happens exactly once, whatever crashes: an attempt that was ended by somebody else meanwhile
(a timeout) loses its slot, and with it everything that it has written.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from phaseline_runtime.errors import TRANSACTION_CONFLICT, TRANSACTION_TOO_LONG
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store

COMMITS = 3
"""How often a commit is sent whose answer got lost; sending it again is safe."""

LIFETIME = 60.0
"""Seconds that MongoDB lets a transaction last, by default."""


class TransactionBroken(Exception):
    """The handler has returned as if all were well, and its transaction cannot be committed with its success.

    It has caught an error that broke the transaction, or has committed or aborted it by itself.
    """


class Transaction:
    """The transaction of one attempt, if its handler asks for one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._session: ClientSession | None = None
        self._broken: BaseException | None = None
        self._begun_at = 0.0

    @property
    def begun(self) -> bool:
        """Whether the handler has asked for it."""
        return self._session is not None

    @property
    def seconds(self) -> float:
        """How long it has been open."""
        return time.monotonic() - self._begun_at if self.begun else 0.0

    def session(self) -> ClientSession:
        """The session of the transaction, which begins with the first call."""
        if self._session is None:
            self._begun_at = time.monotonic()
            self._session = self._store.database.client.start_session()
            self._session.start_transaction(
                read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority")
            )
        return self._session

    def break_(self, error: BaseException) -> None:
        """What was written so far must not be committed."""
        self._broken = error

    def commit_with(self, success: Status) -> bool:
        """Commit together with this end of the attempt. False where somebody else has ended the attempt.

        Raises PyMongoError where the transaction is in conflict with another, too long or too large, and
        TransactionBroken. Nothing of it is there then.
        """
        session = self.session()
        if self._broken is not None:
            raise TransactionBroken(f"its transaction was left by an error: {self._broken!r}") from self._broken
        if not session.in_transaction:
            raise TransactionBroken(
                "the handler has committed or aborted its transaction: that is done with its success, once it returns"
            )
        try:
            self._store.insert_within(session, success)
        except DuplicateKeyError:
            return False
        for sent in range(COMMITS):
            try:
                session.commit_transaction()
            except PyMongoError as error:
                if not error.has_error_label("UnknownTransactionCommitResult") or sent == COMMITS - 1:
                    raise
            else:
                break
        self._store.meter.count([success])
        return True

    def close(self) -> None:
        """End the session; what was not committed is gone."""
        if self._session is not None:
            self._session.end_session()


def conflict(error: BaseException, transaction: Transaction) -> dict[str, str] | None:
    """The error to record for a transaction that another one was in the way of; None for any other error."""
    transient = isinstance(error, PyMongoError) and error.has_error_label("TransientTransactionError")
    if not transaction.begun or not transient:
        return None
    if transaction.seconds >= LIFETIME:
        return {
            "type": TRANSACTION_TOO_LONG,
            "message": f"the job's transaction was open for {transaction.seconds:.0f} s, and MongoDB ends one after "
            f"{LIFETIME:.0f} s (transactionLifetimeLimitSeconds): begin it later in the handler, or do less in it",
        }
    said = (getattr(error, "details", None) or {}).get("errmsg", error)
    return {
        "type": TRANSACTION_CONFLICT,
        "message": f"the job's transaction was aborted by MongoDB, and nothing of it was written: {said}"[:2_000],
    }


def wants_session(user: Callable[..., Any]) -> bool:
    """Whether a handler asks for the session of its transaction: by a third argument, needed or called `session`."""
    try:
        parameters = inspect.signature(user).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    third = next(islice((each for each in parameters if each.kind in positional), 2, None), None)
    return third is not None and (third.default is inspect.Parameter.empty or third.name == "session")
