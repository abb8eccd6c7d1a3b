"""The protections behind the guarantees, each taken away: the simulation has to notice every one of them.

Each mutant is a context in which the product, or the database under it, does without one protection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

from phaseline.testing.memory import matches
from phaseline_runtime import runner, slots
from phaseline_runtime.bundled import watchdog_job
from phaseline_runtime.definition import Phase
from phaseline_runtime.engine import entries, rounds
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Document, Inserted, Store, to_document
from tests.simulation.memory_store import MemoryStore
from tests.simulation.mutants_of_operating import OPERATING
from tests.simulation.mutants_of_recovery import RECOVERY

Mutant = Callable[[], AbstractContextManager[object]]


def _random_id() -> AbstractContextManager[object]:
    """The claim's id is not deterministic: two runners both win."""

    def start(execution: str, round_number: int, name: str, attempt: int) -> str:
        _random_id.count += 1  # type: ignore[attr-defined]
        return f"{execution}/{round_number}/{name}/{attempt}/start{_random_id.count}"  # type: ignore[attr-defined]

    _random_id.count = 0  # type: ignore[attr-defined]
    return mock.patch.object(slots, "attempt_start", start)


def _fold_not_atomic() -> AbstractContextManager[object]:
    """The fold reads, and writes in another operation what it has made of that."""

    def write(
        self: MemoryStore, query: Mapping[str, Any], statuses: Sequence[Status], *_: Any
    ) -> dict[str, Any] | None:
        name = query["_id"]
        document, known = self._documents.do(lambda: (self._documents.get(name), self.known.get(name, frozenset())))
        if document is None or not matches(document, query):
            return None

        def write_that() -> None:
            self.known[name] = known
            self.replace(document, statuses)

        self._documents.do(write_that)
        return self._documents.find_one({"_id": name})

    return mock.patch.object(MemoryStore, "_write", write)


def _claim_after_the_handler() -> AbstractContextManager[object]:
    """The runner calls the user's handler before it claims the attempt."""
    run = runner.run

    def eager(store: Store, event: Any, context: Any, user: Any, **more: Any) -> None:
        failed, output = None, None
        try:
            output = user(None, context)
        except (Exception, runner.AttemptTimedOut) as error:
            failed = error

        def told(event: Any, context: Any) -> Any:
            if failed is not None:
                raise failed
            return output

        run(store, event, context, told, **more)

    return mock.patch.object(runner, "run", eager)


def _no_claim() -> AbstractContextManager[object]:
    """A runner goes on although somebody else has claimed the attempt."""
    claim = runner._claim

    def anyway(store: Store, triggered: Status, use: Any, context: Any, time: datetime) -> Status | None:
        won = claim(store, triggered, use, context, time)
        if won is None:
            found = store.status(slots.attempt_start(*triggered.place))
            return found if found is not None and found.status == "started" else None
        return won

    return mock.patch.object(runner, "_claim", anyway)


def _no_watchdog() -> AbstractContextManager[object]:
    """Nobody looks at an execution that stands still."""
    return mock.patch.object(watchdog_job, "sweep", return_value=None)


def _watchdog_does_not_fold() -> AbstractContextManager[object]:
    """The watchdog goes by the document as it is, whatever has not reached it."""
    return mock.patch.object(Store, "unfolded", return_value=[])


def _no_redelivery() -> AbstractContextManager[object]:
    """A lost event is never sent again."""
    return mock.patch.object(entries._Entries, "_redelivered", return_value=None)


def _rest_of_a_stale_list() -> AbstractContextManager[object]:
    """Where a slot was lost to another decision, what stands behind it goes in nevertheless."""

    def insert_all(self: Store, statuses: Sequence[Status]) -> Inserted:
        stored = [self.insert(status) or status for status in statuses]
        return Inserted(stored, stale=False)

    return mock.patch.object(Store, "insert_all", insert_all)


def _not_in_causal_order() -> AbstractContextManager[object]:
    """A list goes in with its end first."""
    insert_all = Store.insert_all

    def reverse(self: Store, statuses: Sequence[Status]) -> Inserted:
        return insert_all(self, list(reversed(statuses)))

    return mock.patch.object(Store, "insert_all", reverse)


def _phase_name_in_the_id() -> AbstractContextManager[object]:
    """The id of a round's start holds its phase: two choices of the next phase do not compete."""

    def to_document_with_phase(status: Status) -> Document:
        if status.kind == "phase" and status.status == "started":
            status = replace(status, id=f"{status.id}/{status.phase}")
        return to_document(status)

    return mock.patch("phaseline_runtime.store.store.to_document", to_document_with_phase)


def _settled_at_once() -> AbstractContextManager[object]:
    """What has ended is taken from the watchdog's list without a last look."""

    def replace_and_settle(self: MemoryStore, document: Document, statuses: Sequence[Status]) -> None:
        original(self, document, statuses)
        found = self._documents.get(document["_id"])
        if found is not None and found["endedAt"] is not None:
            self._documents.put(found | {"settled": True})

    original = MemoryStore.replace
    return mock.patch.object(MemoryStore, "replace", replace_and_settle)


def _left_behind_forgotten() -> AbstractContextManager[object]:
    """An execution is settled without regard to what `wait_for` has left behind."""
    return mock.patch.object(Store, "left_behind", return_value=[])


def _cancel_in_the_end_slot() -> AbstractContextManager[object]:
    """Whoever gives up on an attempt that has not started competes for its end, not for its start."""

    def end(execution: str, round_number: int, name: str, attempt: int) -> str:
        return slots.attempt_end(execution, round_number, name, attempt)

    class Wrong:
        def __getattr__(self, name: str) -> Any:
            return end if name == "attempt_start" else getattr(slots, name)

    return mock.patch.object(entries, "slots", Wrong())


def _closing_by_the_clock() -> AbstractContextManager[object]:
    """What a closing round has given up is forgotten, and only clocks say why it closes."""
    closing = rounds.closing

    def by_clock(phase: Phase, document: Mapping[str, Any]) -> rounds.Closing:
        jobs = {
            name: {key: value for key, value in entry.items() if key != "reason"}
            for name, entry in document["round"]["jobs"].items()
        }
        return closing(phase, {**document, "round": {**document["round"], "jobs": jobs}})

    return mock.patch.object(rounds, "closing", by_clock)


def _failing_triggers() -> AbstractContextManager[object]:
    """A failing round goes on as if nothing had happened."""
    return mock.patch.object(entries._Entries, "_gives_up", return_value=False)


def _last_round_does_not_wait() -> AbstractContextManager[object]:
    """A failing, cancelled or last round ends although attempts of it run."""
    return mock.patch.object(rounds, "running", return_value=False)


def _decided_again() -> AbstractContextManager[object]:
    """A winner that decides otherwise counts as the same: what follows derives from what was lost."""

    def insert_all(self: Store, statuses: Sequence[Status]) -> Inserted:
        for status in statuses:
            self.insert(status)
        return Inserted(list(statuses), stale=False)

    return mock.patch.object(Store, "insert_all", insert_all)


def _timeout_too_early() -> AbstractContextManager[object]:
    """An attempt is given up the moment its own timeout has passed."""
    return mock.patch.object(runner, "give_up_at", lambda use, started, _: started + timedelta(seconds=use.timeout))


def _rounds_left_unfolded() -> AbstractContextManager[object]:
    """What opens a round is folded alone: what closed rounds have not brought yet is lost to the document."""
    catch_up = Store.catch_up

    def alone(self: Store, document: Any, statuses: Sequence[Status] = (), **more: Any) -> Document | None:
        known = [status for status in self.unfolded(document) if status.round > document["round"]["number"]]
        with mock.patch.object(Store, "unfolded", return_value=known):
            return catch_up(self, document, statuses, **more)

    return mock.patch.object(Store, "catch_up", alone)


MUTANTS: Mapping[str, Mutant] = {
    "random id of the claim": _random_id,
    "fold not atomic": _fold_not_atomic,
    "claim after the handler": _claim_after_the_handler,
    "claim ignored": _no_claim,
    "watchdog off": _no_watchdog,
    "watchdog does not fold": _watchdog_does_not_fold,
    "no redelivery": _no_redelivery,
    "rest of a stale list inserted": _rest_of_a_stale_list,
    "list not in causal order": _not_in_causal_order,
    "phase name in the round's id": _phase_name_in_the_id,
    "closed rounds left unfolded": _rounds_left_unfolded,
    "settled at once": _settled_at_once,
    "left behind forgotten": _left_behind_forgotten,
    "cancel in the end slot": _cancel_in_the_end_slot,
    "closing by the clock": _closing_by_the_clock,
    "failing round triggers": _failing_triggers,
    "last round does not wait": _last_round_does_not_wait,
    "decision evaluated again": _decided_again,
    "timeout too early": _timeout_too_early,
    **RECOVERY,
    **OPERATING,
}
