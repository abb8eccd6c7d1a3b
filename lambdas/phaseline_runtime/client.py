"""The Python client: start executions, look at them, wait for them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from phaseline_runtime import operations, rebuilding
from phaseline_runtime.chronology import in_causal_order
from phaseline_runtime.clock import now
from phaseline_runtime.definition import Definition
from phaseline_runtime.errors import UnknownExecution
from phaseline_runtime.starting import ConcurrentStart, start
from phaseline_runtime.statuses import ENDED, Status
from phaseline_runtime.store import connection, deployments, grants, schema, troubles
from phaseline_runtime.store.newest import newest
from phaseline_runtime.store.store import Store

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution as it was when it was read.

    `created` is False where a start found it there already, `changed` where a request to cancel, pause or resume it
    changed nothing, since it was so already.
    """

    document: Mapping[str, Any]
    created: bool = False
    changed: bool = True

    @property
    def id(self) -> str:
        """The execution's id."""
        return str(self.document["_id"])

    @property
    def state_machine(self) -> str:
        """The name of its state machine."""
        return str(self.document["stateMachine"])

    @property
    def status(self) -> str:
        """`running`, `paused`, `success`, `failed` or `cancelled`."""
        return str(self.document["status"])

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.status in ENDED

    @property
    def results(self) -> Mapping[str, Any]:
        """The newest output of each name that has succeeded."""
        return dict(self.document["results"])

    @property
    def errors(self) -> Mapping[str, Any]:
        """The newest error of each name that has failed: `{type, message}`, and what else was recorded."""
        return dict(self.document["errors"])

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Why it has failed: `{type, message}`, and where it was compensated `undone` and `notUndone`. Else None.

        Where it was cancelled and compensated, these two alone: it has no error of its own.
        """
        found: Mapping[str, Any] | None = self.document.get("error")
        return found


class Client:
    """Phaseline for Python programs. Safe to use from several threads.

    Args:
        mongo: A connection string, or a client that the program has already.
        database: The database of the environment.
    """

    def __init__(self, mongo: str | MongoClient[Any], *, database: str) -> None:
        self._mongo = connection.connect(mongo, pool=10) if isinstance(mongo, str) else mongo
        self._own = isinstance(mongo, str)
        self._database_name = database
        try:
            self._store = Store(connection.database(self._mongo, database))
        except PyMongoError:  # The name is none.
            self.close()
            raise

    def close(self) -> None:
        """Close the connections, if they are this client's own. A program that ends need not."""
        if self._own:
            self._mongo.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(
        self,
        machine: str,
        input: Any = None,
        *,
        id: str | None = None,
        session: ClientSession | None = None,
        started_by: str | None = None,
        definition: Definition | None = None,
    ) -> Execution:
        """Start an execution of a deployed state machine, or of `definition`, which runs over deployed jobs.

        The same id with the same machine and input returns the existing execution (`created` is False). With
        `session`, the start joins that transaction: it exists once the transaction commits, and not otherwise.

        Raises:
            UnknownMachine, InvalidInput, InvalidId: What is asked for cannot be started.
            ExecutionConflict: The id is taken by another machine or input, or is being deleted.
            ConcurrentStart: Inside a transaction, somebody else has started the same id: try the transaction again.
        """
        more: dict[str, Any] = {"execution": id, "started_by": started_by, "definition": definition}
        if session is not None:
            document, created = start(self._store, machine, input, session=session, **more)
        else:
            with self._reachable():
                document, created = start(self._store, machine, input, **more)
        return Execution(document, created)

    def get(self, id: str) -> Execution | None:
        """The execution with this id, or None."""
        with self._reachable():
            document = self._store.execution(id)
        return None if document is None else Execution(document)

    def find(self, query: Mapping[str, Any] | None = None, *, limit: int = 100) -> Iterator[Execution]:
        """Executions that match a MongoDB query on `state-machines`, newest first; `limit` 0 gives all."""
        with self._reachable():
            yield from map(Execution, newest(self._store.executions, query or {}, limit, now()))

    def statuses(self, id: str) -> list[Status]:
        """All statuses of an execution in the order of their time, each behind its cause."""
        with self._reachable():
            return in_causal_order(self._store.statuses_of(id))

    def wait(self, id: str, timeout: float | None = None) -> Execution:
        """Wait until the execution is over; None waits for ever.

        Raises UnknownExecution, and TimeoutError after `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = 0.02
        while True:
            execution = self._get(id)
            if execution.ended:
                return execution
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"execution {id} is still {execution.status} after {timeout} s")
            time.sleep(pause)
            pause = min(pause * 1.3, 1.0)

    def watch(self, id: str, *, interval: float = 0.25) -> Iterator[tuple[Execution, list[Status]]]:
        """The execution with its statuses, now and whenever something has changed, until it is over."""
        seen: tuple[int, str] | None = None
        while True:
            execution = self._get(id)
            statuses = self.statuses(id)
            state = (len(statuses), execution.status)
            if state != seen:
                seen = state
                yield execution, statuses
            if execution.ended:
                return
            time.sleep(interval)

    def rebuild(self, id: str, *, write: bool = False) -> list[tuple[str, Any, Any]]:
        """Fold the execution anew from its statuses; what differs as (path, stored, rebuilt).

        With `write`, the document becomes what its statuses say, also where it is gone; otherwise nothing changes.
        Raises UnknownExecution, and RequestRefused for one that is being deleted.
        """
        with self._reachable():
            return rebuilding.restore(self._store, id) if write else rebuilding.rebuild(self._store, id)

    def cancel(
        self, id: str, *, compensate: bool = False, by: str | None = None, reason: str | None = None
    ) -> Execution:
        """Start nothing more; the execution is `cancelled` once what runs has ended, and undone with `compensate`.

        Raises UnknownExecution, and RequestRefused for one that has ended.
        """
        with self._reachable():
            return _operated(operations.cancel(self._store, id, compensate=compensate, by=by, reason=reason))

    def pause(self, id: str, *, by: str | None = None, reason: str | None = None) -> Execution:
        """Trigger nothing more until `resume`; what was triggered before may still start."""
        with self._reachable():
            return _operated(operations.pause(self._store, id, by=by, reason=reason))

    def resume(self, id: str, *, by: str | None = None, reason: str | None = None) -> Execution:
        """Go on where a paused execution was."""
        with self._reachable():
            return _operated(operations.resume(self._store, id, by=by, reason=reason))

    def redrive(
        self, id: str, *, definition: Definition | None = None, by: str | None = None, reason: str | None = None
    ) -> Execution:
        """Let a failed or cancelled execution go on from what failed, at any age, with what succeeded kept.

        `definition` replaces the one that it has followed. Raises RequestRefused where that cannot be.
        """
        with self._reachable():
            return _operated(operations.redrive(self._store, id, definition=definition, by=by, reason=reason))

    def rerun(
        self, id: str, start: str, *, input: Any = None, by: str | None = None, reason: str | None = None
    ) -> Execution:
        """Run an ended execution again from a job or phase on, with another input where one is given."""
        with self._reachable():
            return _operated(operations.rerun(self._store, id, start, given=input, by=by, reason=reason))

    def migrate(self, definitions: Mapping[str, Definition] | None = None) -> list[str]:
        """Create or update collections, validators and indexes, and publish definitions. Never drops data.

        It takes as long as MongoDB builds its indexes. Returns what had to be left as it is, each in a sentence.
        """
        with self._reachable():
            left = schema.migrate(self._store.database)
            deployments.publish(self._store.database, definitions or {})
        return left

    def lacking(self) -> list[str]:
        """What `migrate` would add or change: each a sentence about a collection, its validator or an index."""
        with self._reachable():
            return schema.lacking(self._store.database)

    def disturbing(self) -> list[str]:
        """What others have made in our collections, and `migrate` leaves, that deletes or refuses documents of ours."""
        with self._reachable():
            return schema.disturbing(self._store.database)

    def missing_rights(self) -> list[str]:
        """What this database user may not do, and has to in order to move executions; nothing without a login."""
        with self._reachable():
            privileges = connection.privileges(self._store.database)
        if privileges is None:
            return []
        return grants.lacking(privileges, self._database_name, grants.Purpose.RUNTIME)

    def overdue(self, before: datetime) -> int:
        """How many executions the watchdog should have looked at before this time; 1,000 stands for more."""
        with self._reachable():
            return len(self._store.due(before, 1_000))

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """Tell an unreachable database from a mistake of the caller, in one sentence."""
        try:
            yield
        except ConcurrentStart:
            raise
        except PyMongoError as error:
            raise troubles.explained(error, self._mongo) from error

    def _get(self, id: str) -> Execution:
        execution = self.get(id)
        if execution is None:
            raise self._unknown(id)
        return execution

    def _unknown(self, id: str) -> UnknownExecution:
        with self._reachable():
            return self._store.unknown(id)


def _operated(operated: operations.Operated) -> Execution:
    document, changed = operated
    return Execution(document, changed=changed)
