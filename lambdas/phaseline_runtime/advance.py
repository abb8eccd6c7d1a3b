"""Fold, ask, insert: how every caller moves an execution on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from phaseline_runtime.clock import now
from phaseline_runtime.definition import Definition
from phaseline_runtime.engine.questions import Answer, Owner
from phaseline_runtime.engine.reconcile import Plan, owner, reconcile
from phaseline_runtime.engine.wake import stands_still
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store

Document = dict[str, Any]
EVERYTHING = frozenset(Owner)
"""The parts of a caller that inserts the whole plan."""

_TIMES = 50
"""How often one call asks again before it leaves the rest to the events that it has caused."""


def advance(
    store: Store,
    execution: str,
    statuses: Sequence[Status],
    parts: frozenset[Owner],
    *,
    state: Document | None = None,
    clock: Callable[[], datetime] = now,
) -> list[Status]:
    """Fold these statuses, and insert what ought to exist then, up to the first status of somebody else's part.

    Returns the statuses that it has inserted, and those that it has found there with the same decision. An unknown
    execution is left alone. With `state`, a document that has the statuses already, nothing is folded.
    """
    state = store.fold(execution, statuses) if state is None else state
    complete = False
    for _ in range(_TIMES):
        if state is None:
            return []
        plan = _plan(store, state, parts, clock())
        if plan.read is not None:
            unread = store.status(plan.read)
            if unread is None:
                return []  # Not visible yet: its own event will come.
            state = store.fold(execution, [unread])
            continue
        mine = list(takewhile(lambda status: owner(status) in parts, plan.statuses))
        if not mine:
            return []
        if not complete and any(status.slot == "end" for status in mine):
            # Before somebody else's attempt is given up: it may have given signs of life, or have ended.
            state, complete = store.catch_up(state), True
            continue
        inserted = store.insert_all(mine)
        if not inserted.stale:
            return inserted.statuses
        state = store.fold(execution, inserted.statuses)
    return []


@dataclass(slots=True)
class Recovered:
    """What `recover` had to insert."""

    inserted: list[Status] = field(default_factory=list)
    stood_still: bool = False
    """Whether the execution would have gone on by itself, had nothing been lost."""

    @property
    def lost(self) -> int:
        """How many of these make good what was lost; the rest were due, and nobody is to worry about them.

        Of an execution that was waiting for a time, that is what is sent again; of one that stood still, all.
        """
        return len(self.inserted) if self.stood_still else sum(each.slot == "redelivery" for each in self.inserted)


def recover(store: Store, execution: str, *, clock: Callable[[], datetime] = now) -> Recovered:
    """Fold whatever has not reached the execution, insert everything that ought to exist, and settle what has ended.

    What the watchdog does, and everybody else who cannot trust the events.
    """
    done = Recovered()
    for again in range(_TIMES):
        document = store.execution(execution)
        if document is None:
            break
        missing = store.unfolded(document)
        state = store.fold(execution, missing)
        if state is None:
            break
        if not again:
            done.stood_still = stands_still(state, clock())
        inserted = advance(store, execution, missing, EVERYTHING, state=state, clock=clock)
        done.inserted += inserted
        if not missing and not inserted:
            if document["endedAt"] is not None:
                _settle(store, document, clock())
            break
    return done


def _settle(store: Store, document: Mapping[str, Any], time: datetime) -> None:
    """An ended execution is settled once no attempt of it can bring anything new.

    Only `wait_for` leaves attempts behind: every other round waits for what it has started.
    """
    definition = store.definition(document["definition"])
    early = [phase for phase in definition.phases if phase.wait_for_jobs or phase.wait_for_count]
    names = {use.name for phase in early for use in phase.jobs}
    redefined = document["definedIn"] > 0
    since = 1 if redefined else _newest_known(document, names)
    for status in store.left_behind(document, since) if early or redefined else ():
        if status.slot == "end":
            store.fold(document["_id"], [status])
        elif status.due is not None and time < status.due:
            return
    store.settle(document)


def _newest_known(document: Mapping[str, Any], names: Iterable[str]) -> int:
    """The earliest round whose attempts under these names can still change `results` or `errors`.

    Of each name the newest end counts, and the newest success: what is older than both changes nothing any more.
    """
    rounds = [document["latest"].get(name, {}).get(kept, [1])[0] for name in names for kept in ("end", "success")]
    return min(rounds, default=1)


def _plan(store: Store, state: Mapping[str, Any], parts: frozenset[Owner], time: datetime) -> Plan:
    """The plan for this state with all questions answered that this caller's part depends on."""
    definition = store.definition(state["definition"])
    answers: dict[str, Answer] = {}
    for _ in range(_TIMES):
        plan = reconcile(definition, state, answers, time)
        questions = [question for question in plan.questions if question.owner in parts]
        foreign = any(owner(status) not in parts for status in plan.statuses)
        if not questions or foreign:
            break
        answers |= store.evaluate(_seen(definition, plan.state or state), questions)
    return plan


def _seen(definition: Definition, state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document as expressions see it: a phase that was not entered yet was entered 0 times."""
    return {**state, "visits": {phase.name: 0 for phase in definition.phases} | state["visits"]}
