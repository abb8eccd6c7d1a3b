"""One decision to be judged: the status, what its author knew, and the answers that it was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.engine.questions import Answer, Kind
from phaseline_runtime.statuses import Status
from tests.simulation import expressions, undoing
from tests.simulation.facts import Facts
from tests.simulation.history import Entry
from tests.simulation.lambdas import EXECUTION
from tests.simulation.world import World


class Case:
    """A status in its history."""

    def __init__(self, world: World, entry: Entry, *, asked_early: bool = False) -> None:
        self.world = world
        self.entry = entry
        self.status = entry.status
        self._asked_early = asked_early
        self._position = world.history.order[entry.status.id]

    @property
    def at(self) -> datetime:
        """The time by its author's clock."""
        assert self.status.at is not None
        return self.status.at

    @cached_property
    def history(self) -> Mapping[str, Status]:
        """All that had happened before, known to the author or not."""
        entries = self.world.history.entries[: self._position]
        return {entry.status.id: entry.status for entry in entries}

    @cached_property
    def facts(self) -> Facts:
        """What the author knew, and what stands in the slots before this one in the same list.

        Where somebody else had decided the same before, the author took the decision for its own, of this moment.
        """
        listed = set(self.entry.before) - self.entry.known
        return Facts(
            replace(status, at=self.at) if key in listed and not self._is_mine(key) else status
            for key, status in self.history.items()
            if key in listed or self._is_known(key, self.entry.known)
        )

    def _is_mine(self, key: str) -> bool:
        history = self.world.history
        return history.entries[history.order[key]].author == self.entry.author

    @staticmethod
    def _is_known(key: str, known: frozenset[str]) -> bool:
        return key in known or key == f"{EXECUTION}/started"

    def forgotten(self) -> list[str]:
        """What the end of the round before was decided by and this author does not know of: no closed round is.

        It is what expressions can see: visits, and ends of jobs. What something newer stands for needs not be known.
        """
        number = self.facts.number if self.status.status != "started" else self.facts.number + 1
        end = self.world.history.order.get(f"{EXECUTION}/{number - 1}/end", self._position)
        if number == 0 or end >= self._position or self.world.history.entries[end].status.id in self.entry.before:
            return []  # It has ended that round by itself, or took somebody else's end of it for its own.
        decided = self.world.history.entries[end]
        unknown = (decided.known | set(decided.before)) - self.entry.known - set(self.entry.before)
        return sorted(key for key in unknown if self._would_be_seen(self.history[key]))

    def _would_be_seen(self, status: Status) -> bool:
        known = self.facts.statuses
        if status.kind == "phase" and status.status == "started":
            visits = [s.visit or 0 for s in known if s.kind == "phase" and s.phase == status.phase]
            return max(visits, default=0) < (status.visit or 0)
        if status.kind != "job" or status.status not in ("success", "failed") or status.phase == undoing.PHASE:
            return False
        ends = [(s.round, s.attempt) for s in known if s.name == status.name and s.status in ("success", "failed")]
        return all(end < (status.round, status.attempt) for end in ends)

    def inserted(self, identifier: str) -> datetime:
        """When a status before this one was inserted, by no process's clock."""
        return self.world.history.entries[self.world.history.order[identifier]].at

    @property
    def definition(self) -> Definition:
        """What the execution follows in this life."""
        opened_by_a_person = self.status.kind == "phase" and self.status.definition is not None
        follows = self.status if opened_by_a_person else self.facts.started
        return self.world.definitions[str(follows.definition)]

    @cached_property
    def phase(self) -> Phase:
        """The phase of the open round."""
        if self.status.phase == undoing.PHASE:
            return undoing.phase_of(self.definition, self.facts.rounds[self.status.round])
        return self.definition.phase(str(self.status.phase))

    @property
    def slot(self) -> str:
        """The id of the attempt, in which its slots lie."""
        status = self.status
        return f"{status.execution}/{status.round}/{status.name}/{status.attempt}"

    @property
    def use_of_attempt(self) -> Use:
        """The use of the job as it was defined when the attempt was triggered."""
        definition = self.world.definitions[str(self.history[f"{self.slot}/entry"].definition)]
        name = str(self.status.name)
        return (
            undoing.use_named(definition, name)
            if self.status.phase == undoing.PHASE
            else undoing.find(definition, name)
        )

    def answer(self, key: str, text: str, kind: Kind = Kind.QUERY, *, until: int | None = None) -> Answer | None:
        """What the question under this key has for an answer; None where its author never had one.

        Input and results are those of the document at that moment; `visits` and `errors` those that the author had
        planned with, or, asked early, errors too are those of the document: the question came before any failure that
        it planned. With `until`, results are those up to that round, where there are any.
        """
        known = self.entry.answered.get(key)
        if known is None:
            return None
        then = self._facts_at(known).seen
        earlier = {} if until is None else self._results_until(until)
        visits = {**{phase.name: 0 for phase in self.definition.phases}, **self.facts.seen["visits"]}
        seen = {**self.facts.seen, "input": then["input"], "results": {**then["results"], **earlier}, "visits": visits}
        if self._asked_early:
            seen["errors"] = then["errors"]
        return expressions.answer(kind, text, seen)

    def _results_until(self, until: int) -> Mapping[str, Any]:
        """Those up to this round that were there when the author asked, where it had to."""
        there = self.entry.answered.get("results", self.history.keys())
        upto = [self.history[key] for key in there if self.history[key].round <= until]
        results: Mapping[str, Any] = Facts(upto).seen["results"]
        return results

    def _facts_at(self, known: frozenset[str]) -> Facts:
        return Facts(status for key, status in self.history.items() if self._is_known(key, known))

    def missed_deadline(self) -> Iterator[str]:
        """That a deadline has passed is recorded before anything is decided after it."""
        facts = self.facts
        if facts.compensating(facts.number):
            return  # It has ended badly already.
        deadline = facts.started.deadline
        if deadline is not None and self.at >= deadline and not facts.overdue:
            yield "the execution has passed its deadline, which nobody has recorded"
        opened = facts.rounds.get(facts.number)
        if opened is not None:
            seconds = self.definition.phase(str(opened.phase)).deadline
            assert opened.at is not None
            due = None if seconds is None else opened.at + timedelta(seconds=seconds)
            if due is not None and self.at >= due and facts.number not in facts.round_overdue:
                yield "the phase has passed its deadline, which nobody has recorded"
