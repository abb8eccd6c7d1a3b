"""Fold, ask, insert: how every caller moves an execution on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from phaseline_runtime.engine.questions import Answer, Owner
from phaseline_runtime.engine.reconcile import Plan, owner, reconcile
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store, now

EVERYTHING = frozenset(Owner)
"""The parts of a caller that inserts the whole plan."""

_ROUNDS = 50
"""How often one call asks again before it leaves the rest to the events that it has caused."""


def advance(store: Store, execution: str, statuses: Sequence[Status], parts: frozenset[Owner]) -> list[Status]:
    """Fold these statuses, and insert what ought to exist then, up to the first status of somebody else's part.

    Returns what it inserted, or found there decided alike. An unknown execution is left alone.
    """
    state = store.fold(execution, statuses)
    for _ in range(_ROUNDS):
        if state is None:
            return []
        plan = _plan(store, state, parts)
        if plan.read is not None:
            unread = store.status(plan.read)
            if unread is None:
                return []  # Not visible yet: its own event will come.
            state = store.fold(execution, [unread])
            continue
        mine = list(takewhile(lambda status: owner(status) in parts, plan.statuses))
        if not mine:
            return []
        inserted = store.insert_all(mine)
        if not inserted.stale:
            return inserted.statuses
        state = store.fold(execution, inserted.statuses)
    return []


def _plan(store: Store, state: Mapping[str, Any], parts: frozenset[Owner]) -> Plan:
    """The plan for this state with all questions answered that this caller's part depends on."""
    definition = store.definition(state["definition"])
    answers: dict[str, Answer] = {}
    time = now()
    for _ in range(_ROUNDS):
        plan = reconcile(definition, state, answers, time)
        questions = [question for question in plan.questions if question.owner in parts]
        foreign = any(owner(status) not in parts for status in plan.statuses)
        if not questions or foreign:
            break
        answers |= store.evaluate(plan.state or state, questions)
    return plan
