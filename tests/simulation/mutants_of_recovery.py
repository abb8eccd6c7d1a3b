"""The protections of compensation, waits, signs of life, transactions and redrives, each taken away (see `mutants`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest import mock

from phaseline_runtime import alive, runner, slots
from phaseline_runtime.definition import Definition
from phaseline_runtime.engine import compensation, requests
from phaseline_runtime.engine.giving_up import give_up_at
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Document, Store, to_document
from phaseline_runtime.transactions import Transaction


def _undone_at_once() -> AbstractContextManager[object]:
    """All compensations run at once, whatever was built on what."""
    plan = compensation.plan

    def flat(definition: Definition, done: compensation.Done) -> list[dict[str, Any]]:
        return [{**item, "after": []} for item in plan(definition, done)]

    return mock.patch.object(compensation, "plan", flat)


def _undone_in_part() -> AbstractContextManager[object]:
    """Only the last round with an effect is undone."""
    plan = compensation.plan

    def last(definition: Definition, done: compensation.Done) -> list[dict[str, Any]]:
        newest = max((item[0] for item in done), default=0)
        return plan(definition, [item for item in done if item[0] == newest])

    return mock.patch.object(compensation, "plan", last)


def _undone_by_newer_results() -> AbstractContextManager[object]:
    """What undoes a job of an earlier round sees the results of the newest."""
    return mock.patch.object(Store, "_results_until", return_value={})


def _half_done_is_undone() -> AbstractContextManager[object]:
    """What has failed is compensated too."""

    def ended(self: Store, execution: str, names: Sequence[str]) -> list[list[Any]]:
        query = {"execution": execution, "kind": "job", "slot": "end", "name": {"$in": list(names)}}
        return [[item["round"], item["name"], item["attempt"]] for item in self.statuses.find(query)]

    return mock.patch.object(Store, "_successes", ended)


def _cancelled_without_undoing() -> AbstractContextManager[object]:
    """A request to cancel forgets that what was done is to be undone."""
    return mock.patch.object(compensation, "_asked_for", lambda _, following: following.get("end") == "failed")


def _compensation_unwanted() -> AbstractContextManager[object]:
    """A compensation is told what the jobs of a cancelled execution are told."""
    return mock.patch.object(alive, "COMPENSATION", None)


def _two_ends() -> AbstractContextManager[object]:
    """What a runner records does not compete with who has given the attempt up."""

    def end(*place: Any) -> str:
        return f"{slots.attempt_end(*place)}/runner"

    class Wrong:
        def __getattr__(self, name: str) -> Any:
            return end if name == "attempt_end" else getattr(slots, name)

    return mock.patch.object(runner, "slots", Wrong())


def _wait_begun_anew() -> AbstractContextManager[object]:
    """Each who looks begins the wait anew: when it is over is part of its id."""

    def to_document_with_due(status: Status) -> Document:
        return to_document(replace(status, id=f"{status.id}/{status.due}") if status.status == "waiting" else status)

    return mock.patch("phaseline_runtime.store.store.to_document", to_document_with_due)


def _effect_before_the_success() -> AbstractContextManager[object]:
    """A job's transaction commits, and its success is recorded after that."""

    def commit_with(self: Transaction, success: Status) -> bool:
        self.session().commit_transaction()
        return self._store.insert(success) is None

    return mock.patch.object(Transaction, "commit_with", commit_with)


def _signs_of_life_ignored() -> AbstractContextManager[object]:
    """A heartbeat does not put off when an attempt is given up."""
    return mock.patch.object(alive, "give_up_at", lambda use, started, _: give_up_at(use, started, started))


def _redrive_keeps_failures() -> AbstractContextManager[object]:
    """A redrive keeps what has failed as it keeps what has succeeded."""
    carried = requests._carried
    return mock.patch.object(requests, "_carried", lambda jobs, _: carried(jobs, set(jobs)))


def _undone_once_more() -> AbstractContextManager[object]:
    """A redrive undoes all once more, where something could not be undone."""
    return mock.patch.object(requests, "_left", lambda opened: list(opened["compensates"]))


def _corrections_unchecked() -> AbstractContextManager[object]:
    """A corrected definition may have what has succeeded come once more."""
    return mock.patch.object(requests, "check_corrected", return_value=None)


RECOVERY: Mapping[str, Callable[[], AbstractContextManager[object]]] = {
    "compensations all at once": _undone_at_once,
    "only the last round undone": _undone_in_part,
    "undone by newer results": _undone_by_newer_results,
    "half done is undone": _half_done_is_undone,
    "cancelled without undoing": _cancelled_without_undoing,
    "compensation told to stop": _compensation_unwanted,
    "two ends of an attempt": _two_ends,
    "wait begun anew": _wait_begun_anew,
    "effect before its success": _effect_before_the_success,
    "signs of life ignored": _signs_of_life_ignored,
    "redrive keeps failures": _redrive_keeps_failures,
    "undone once more": _undone_once_more,
    "corrections unchecked": _corrections_unchecked,
}
