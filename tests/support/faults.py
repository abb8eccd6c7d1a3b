"""Time that passes when a test says so, and processes that are killed at a moment of its choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo.client_session import ClientSession

from phaseline_runtime.clock import now
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Inserted, Store


class Clock:
    """The real time, and as far ahead of it as the test has let pass: nobody sleeps."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead

    def __call__(self) -> datetime:
        return now() + self.ahead

    def later(self, **span: float) -> Clock:
        """Let time pass."""
        self.ahead += timedelta(**span)
        return self


class Killed(BaseException):
    """The process is gone; nothing of it runs on."""


class Dying(Store):
    """The store of a process that is killed: before it inserts such a status, before it folds, or within a plan.

    `plan` is how many statuses of a plan it still inserts.
    """

    def __init__(
        self,
        store: Store,
        *,
        before_insert: Callable[[Status], bool] = lambda status: False,
        before_fold: bool = False,
        plan: int | None = None,
    ) -> None:
        super().__init__(store.database)
        self._before_insert = before_insert
        self._before_fold = before_fold
        self._plan = plan

    def insert(self, status: Status) -> Status | None:
        if self._before_insert(status):
            raise Killed
        return super().insert(status)

    def insert_all(self, statuses: Sequence[Status]) -> Inserted:
        if self._plan is None:
            return super().insert_all(statuses)
        super().insert_all(statuses[: self._plan])
        raise Killed

    def fold(
        self, execution: str, statuses: Sequence[Status], *, derived: bool = False, session: ClientSession | None = None
    ) -> dict[str, Any] | None:
        if self._before_fold:
            raise Killed
        return super().fold(execution, statuses, derived=derived, session=session)
