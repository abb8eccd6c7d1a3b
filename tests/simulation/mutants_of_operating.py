"""The protections of requests, of dead letters and of what is told and recorded, each taken away (see `mutants`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

from phaseline.testing import memory_store
from phaseline_runtime import alive, operations, slots, undelivered
from phaseline_runtime.alive import Alive
from phaseline_runtime.bundled import reconciling
from phaseline_runtime.definition import Phase
from phaseline_runtime.engine import entries, requests, rounds, waiting
from phaseline_runtime.engine.questions import Owner
from phaseline_runtime.engine.step import REDELIVER_AFTER
from phaseline_runtime.engine.wake import wake_at
from phaseline_runtime.statuses import Status
from phaseline_runtime.store import store
from phaseline_runtime.store.store import Store
from phaseline_runtime.transactions import Transaction
from phaseline_runtime.undelivered import Cause


def _pause_holds_a_cancel() -> AbstractContextManager[object]:
    """A paused execution stays where it is, whoever cancels it and whatever deadline passes."""
    return mock.patch.object(rounds, "paused", lambda document: document["status"] == "paused")


def _redriven_and_paused() -> AbstractContextManager[object]:
    """What had ended while it was paused is paused again once it is redriven."""
    return mock.patch.object(operations, "_opened", lambda _, opened, __: [opened])


def _first_phase_not_chosen() -> AbstractContextManager[object]:
    """A redrive of what had ended before its first round begins in the first phase, whatever its condition."""
    return mock.patch.object(requests, "chooses_anew", return_value=False)


def _deadlines_forgotten() -> AbstractContextManager[object]:
    """The watchdog looks at an execution when something else is due, and finds that a deadline has passed only then."""

    def without(document: Mapping[str, Any]) -> datetime | None:
        opened = {key: value for key, value in document["round"].items() if key != "due"}
        return wake_at({**document, "deadline": None, "round": opened})

    return mock.patch.object(memory_store, "wake_at", without)


def _late_unrecorded() -> AbstractContextManager[object]:
    """What ends after it was given up is not recorded."""
    insert = Store.insert

    def in_time(self: Store, status: Status) -> Status | None:
        return None if status.slot == "late" else insert(self, status)

    return mock.patch.object(Store, "insert", in_time)


def _own_insert_lost() -> AbstractContextManager[object]:
    """An insert that was sent again takes its own first try for somebody else's decision."""
    return mock.patch.object(store, "_is_own", return_value=False)


def _every_like_decision_own() -> AbstractContextManager[object]:
    """Whoever finds a slot decided as it would have decided it takes that for its own decision."""
    return mock.patch.object(store, "_is_own", store.same_decision)


def _nobody_told_to_stop() -> AbstractContextManager[object]:
    """A job that asks is never told that nobody wants it any more."""
    return mock.patch.object(Alive, "cancelled", return_value=False)


def _only_the_first_sign() -> AbstractContextManager[object]:
    """Of an attempt's signs of life the first alone is recorded."""
    return mock.patch.object(alive, "OFTEN", timedelta(days=1))


def _crash_of_a_duplicate() -> AbstractContextManager[object]:
    """The crash of any invocation fails the attempt, also of one that had not claimed it."""
    failure = undelivered._failure

    def of_any(found: Store, triggered: Status, cause: Cause, time: datetime) -> Status | None:
        place = (triggered.execution, triggered.round, str(triggered.name), triggered.attempt or 1)
        started = found.status(slots.attempt_start(*place))
        return failure(found, triggered, replace(cause, request=None if started is None else started.request), time)

    return mock.patch.object(undelivered, "_failure", of_any)


def _dead_letters_ignored() -> AbstractContextManager[object]:
    """What could not be delivered is taken from its queue, and nothing comes of it."""
    return mock.patch.object(undelivered, "complete", return_value=[])


def _spoiled_and_committed() -> AbstractContextManager[object]:
    """An error that leaves the block of a transaction does not keep it from being committed."""
    return mock.patch.object(Transaction, "break_", return_value=None)


def _no_wake_ups() -> AbstractContextManager[object]:
    """orchestrator_job sends no message for what is due: the watchdog finds it, at its next sweep."""
    return mock.patch.object(reconciling, "_due", return_value=None)


def _asked_by_the_wrong_lambda() -> AbstractContextManager[object]:
    """orchestrator_job asks until when a round waits; what follows is statemachine_job's to insert, which does not."""
    here = Owner.ORCHESTRATOR
    return mock.patch.object(waiting, "Owner", SimpleNamespace(STATEMACHINE=here, ORCHESTRATOR=here))


def _copies_each_minute() -> AbstractContextManager[object]:
    """What was lost is sent again each minute, and not after 1, 2, 4, … minutes."""
    redelivered = entries._Entries._redelivered

    def soon(self: entries._Entries, *more: Any) -> Status | None:
        found = redelivered(self, *more)
        due = self.step.now + REDELIVER_AFTER
        return None if found is None else replace(found, due=min(due, found.start_by or due))

    return mock.patch.object(entries._Entries, "_redelivered", soon)


def _kept_without_its_reason() -> AbstractContextManager[object]:
    """A rerun keeps that a job was skipped, and forgets why, by which those that follow it judge it."""
    carried = requests._carried

    def without(jobs: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
        found = carried(jobs, names)
        return {name: {**entry, "reason": "when"} if "reason" in entry else entry for name, entry in found.items()}

    return mock.patch.object(requests, "_carried", without)


def _another_job_is_blamed() -> AbstractContextManager[object]:
    """What a round has failed with is told of another job than the one that has failed."""
    deciding = rounds.deciding_failure

    def wrong(phase: Phase, document: Mapping[str, Any]) -> rounds.Failure:
        found = deciding(phase, document)
        return replace(found, error={**found.error, "job": phase.jobs[-1].name}) if "job" in found.error else found

    return mock.patch.object(rounds, "deciding_failure", wrong)


OPERATING: Mapping[str, Callable[[], AbstractContextManager[object]]] = {
    "a pause holds a cancel": _pause_holds_a_cancel,
    "redriven and paused": _redriven_and_paused,
    "first phase not chosen": _first_phase_not_chosen,
    "deadlines forgotten": _deadlines_forgotten,
    "late unrecorded": _late_unrecorded,
    "own insert lost": _own_insert_lost,
    "every like decision one's own": _every_like_decision_own,
    "nobody told to stop": _nobody_told_to_stop,
    "only the first sign of life": _only_the_first_sign,
    "crash of a duplicate": _crash_of_a_duplicate,
    "dead letters ignored": _dead_letters_ignored,
    "spoiled and committed": _spoiled_and_committed,
    "no wake-ups": _no_wake_ups,
    "a wait asked for by the wrong Lambda": _asked_by_the_wrong_lambda,
    "copies each minute": _copies_each_minute,
    "kept without its reason": _kept_without_its_reason,
    "another job blamed": _another_job_is_blamed,
}
