"""A world in memory for the engine alone: slots, folds and jobs that end in an order chosen by the test."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from phaseline_runtime import slots
from phaseline_runtime.definition import Definition
from phaseline_runtime.engine.compensation import use_of
from phaseline_runtime.engine.fold import fold, holds, new_execution
from phaseline_runtime.engine.giving_up import give_up_at
from phaseline_runtime.engine.questions import Answer, Kind, Owner, Question
from phaseline_runtime.engine.reconcile import owner, reconcile
from phaseline_runtime.engine.retrying import with_retry
from phaseline_runtime.engine.wake import wake_at
from phaseline_runtime.statuses import Status

Evaluate = Callable[[Question, Mapping[str, Any]], Answer]
Handler = Callable[[Any], Any]


class World:
    """Runs one execution. `jobs` maps a name to its handler; an exception is a failure, no entry returns None."""

    def __init__(
        self,
        definition: Definition,
        *,
        jobs: Mapping[str, Handler] | None = None,
        evaluate: Evaluate | None = None,
        seed: int = 0,
        given: Any = None,
    ) -> None:
        self.definition = definition
        self.jobs = dict(jobs or {})
        self.evaluate = evaluate or (lambda question, _: Answer(True))
        self.random = random.Random(seed)
        self.begun = self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.started = Status(
            id=slots.execution_started("e"),
            kind="execution",
            execution="e",
            state_machine=definition.state_machine,
            status="started",
            definition=str(definition.to_document()["_id"]),
            input={} if given is None else given,
            at=self.now,
            deadline=None if definition.deadline is None else self.now + timedelta(seconds=definition.deadline),
        )
        self.statuses: dict[str, Status] = {self.started.id: self.started}
        self.document = new_execution(self.started)
        self.pending: list[Status] = []
        self.open: list[Status] = []
        self.asked: dict[str, Question] = {}
        self.parts: dict[str, Owner] = {}

    def run(self, *, limit: int = 2_000) -> Mapping[str, Any]:
        """Go on until nothing is left to happen; the execution document as it is then."""
        self.advance()
        for _ in range(limit):
            if self.open or self.pending:
                self._happen()
            elif (later := wake_at(self.document)) and later > self.now and self.document["endedAt"] is None:
                self.now = later
                self.advance()
            else:
                return self.document
        raise AssertionError("the execution does not come to an end")

    def advance(self) -> None:
        """Ask the reconciler and insert what it lists, until it has nothing to add."""
        answers: dict[str, Answer] = {}
        while True:
            plan = reconcile(self.definition, self.document, answers, self.now)
            assert plan.read is None
            for status in plan.statuses:
                assert status.cause in self.statuses, f"{status.id} comes before what has led to it"
                self.insert(status)
                self.parts[status.id] = owner(status)
            assert plan.state == self.document
            if not plan.questions:
                return
            for question in plan.questions:
                assert self.asked.setdefault(question.key, question) == question, f"two questions are {question.key}"
                answers[question.key] = self._answer(question)

    def insert(self, status: Status) -> None:
        """Insert and fold a status, be it from the reconciler or from somebody else."""
        self._insert(status)
        self.document = folded(self.document, status)

    def rebuilt(self, *, seed: int = 0) -> Mapping[str, Any]:
        """The fold of all statuses but the first, in a random order and with duplicates."""
        others = [status for status in self.statuses.values() if status is not self.started]
        others *= 2
        random.Random(seed).shuffle(others)
        document = new_execution(self.started)
        for status in others:
            document = folded(document, status)
        return document

    def of(self, name: str) -> list[str]:
        """What happened to a name, in order: its statuses, with the reason of a skip."""
        return [
            f"{status.status}:{status.reason}" if status.reason else status.status
            for status in self.statuses.values()
            if status.kind == "job" and status.name == name and status.status != "started"
        ]

    def phases(self) -> list[str]:
        """The phases visited, in order."""
        return [str(s.phase) for s in self.statuses.values() if s.kind == "phase" and s.status == "started"]

    def _answer(self, question: Question) -> Answer:
        match question.kind:
            case Kind.INPUT_OF:
                return Answer(self.statuses[question.text].input)
            case Kind.EFFECT_OF:
                ended = self.statuses[question.text]
                first = self.statuses[slots.entry("e", ended.round, str(ended.name))]
                return Answer({"input": first.input, "output": ended.output})
            case Kind.SUCCESSES:
                names = question.text.split()
                done = [s for s in self.statuses.values() if s.status == "success" and s.name in names]
                return Answer([[s.round, s.name, s.attempt] for s in done])
        return self.evaluate(question, self.document)

    def _insert(self, status: Status) -> None:
        assert (status.execution, status.state_machine) == ("e", self.definition.state_machine)
        assert status.id not in self.statuses, f"{status.id} would be decided twice"
        self.statuses[status.id] = status
        if status.kind == "job" and status.status == "triggered":
            self.open.append(status)

    def _happen(self) -> None:
        self.now += timedelta(milliseconds=1)
        if self.pending and (not self.open or self.random.random() < 0.5):
            self._end(self.pending.pop(self.random.randrange(len(self.pending))))
        else:
            self._start(self.open.pop(self.random.randrange(len(self.open))))

    def _end(self, end: Status) -> None:
        end = replace(end, at=self.now)
        if end.status == "failed":
            end = with_retry(end, use_of(self.definition, end), self.statuses[_entry(end)].used)
        self.insert(end)
        self.advance()

    def _start(self, triggered: Status) -> None:
        name, attempt = str(triggered.name), triggered.attempt or 1
        place = ("e", triggered.round, name, attempt)
        started = replace(
            triggered,
            id=slots.attempt_start(*place),
            status="started",
            slot="start",
            at=self.now,
            input=None,
            start_by=None,
            number=None,
            due=give_up_at(use_of(self.definition, triggered), self.now, self.now),
        )
        if started.id in self.statuses:
            return
        self.insert(started)
        end = replace(started, id=slots.attempt_end(*place), slot="end", due=None, used=())
        try:
            output = self.jobs[name](triggered.input) if name in self.jobs else None
        except Exception as error:
            failure = {"type": type(error).__name__, "message": str(error)}
            self.pending.append(replace(end, status="failed", error=failure))
        else:
            self.pending.append(replace(end, status="success", output=output))


class Still(World):
    """A world that stands still: jobs are started and ended by hand, and time passes by hand."""

    def later(self, **span: float) -> None:
        """Let time pass, and ask the reconciler."""
        self.now += timedelta(**span)
        self.advance()

    def start(self) -> None:
        """Start the attempt that was triggered first."""
        self._start(self.open.pop(0))

    def end(self) -> None:
        """End the attempt that was started first, a millisecond later."""
        self.now += timedelta(milliseconds=1)
        self._end(self.pending.pop(0))


def folded(document: dict[str, Any], status: Status) -> dict[str, Any]:
    """The document after a status, which is news unless the document holds it."""
    after = fold(document, [status])
    news = after | {"lastAt": None} != document | {"lastAt": None}
    assert news == (not holds(document, status)), f"{status.id} is news, or the document holds it"
    return after


def _entry(status: Status) -> str:
    return slots.entry("e", status.round, str(status.name), status.attempt or 1)
