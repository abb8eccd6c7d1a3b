"""The store: statuses go in, the folded document comes back. Every query is by `_id` or by an index of `schema`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from phaseline_runtime import slots
from phaseline_runtime.definition import COMPENSATION, Definition
from phaseline_runtime.engine.fold import changes, ends_round, holds, of_begun_rounds
from phaseline_runtime.engine.questions import Answer, Kind, Question
from phaseline_runtime.errors import UnknownExecution, UserError
from phaseline_runtime.metrics import Meter
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.connection import from_environment
from phaseline_runtime.store.expressions import INPUT_IN_EVENT, evaluate, read_results
from phaseline_runtime.store.storable import size, stored
from phaseline_runtime.store.update import update
from phaseline_runtime.trace import trace_id

Document = dict[str, Any]

DUPLICATE_KEY = 11000

_AT_ONCE = 200
"""The most statuses in one fold: MongoDB takes 1,000 stages in a pipeline."""


def to_document(status: Status) -> Document:
    """The status as stored: a large input under a key that no event carries; inside of a Lambda, with its trace."""
    document = status.to_document()
    if "input" in document and size(document["input"]) > INPUT_IN_EVENT:
        document["largeInput"] = document.pop("input")
    trace = trace_id()
    return document if trace is None else {**document, "trace": trace}


def from_document(document: Mapping[str, Any]) -> Status:
    """Read back what `to_document` wrote."""
    status = Status.from_document(document)
    return replace(status, input=document["largeInput"]) if "largeInput" in document else status


@dataclass(frozen=True, slots=True)
class Inserted:
    """What the slots of a plan hold now, in its order, up to the first that somebody else had decided differently.

    `stale` says that there was such a slot: fold what is here, drop the rest of the plan, ask again.
    """

    statuses: list[Status]
    stale: bool


class Store:
    """The collections of one database. Safe to use from several threads.

    `meter` is told of each status that this store has inserted, and of none that was there before.
    """

    def __init__(self, database: Database[Document], *, meter: Meter | None = None) -> None:
        self.meter = meter or Meter()
        self.database = database
        self.executions = database["state-machines"]
        self.statuses = database["statuses"]
        self.definitions = database["definitions"]
        self._compiled: dict[str, Definition] = {}

    def definition(self, digest: str) -> Definition:
        """The definition with this hash, read once per process. Raises UserError where it is not there (any more)."""
        if digest not in self._compiled:
            document = self.definitions.find_one({"_id": digest})
            if document is None:
                raise UserError(
                    f"definition {digest} is not in the database: was it deleted? "
                    "A deployment publishes those that it deploys; get an older one from a backup"
                )
            self._compiled[digest] = Definition.from_document(document)
        return self._compiled[digest]

    def keep(self, definition: Definition) -> str:
        """Store a definition, if it is not stored yet, and return its hash."""
        document = definition.to_document()
        with suppress(DuplicateKeyError):
            self.definitions.insert_one(document)
        return str(document["_id"])

    def execution(self, execution: str, *, session: ClientSession | None = None) -> Document | None:
        """The execution document, or None."""
        if not isinstance(execution, str):
            return None  # What comes out of JSON may be an operator, which would find any.
        return self.executions.find_one({"_id": execution}, session=session)

    def unknown(self, execution: str) -> UnknownExecution:
        """The error that says that there is no such execution, and what helps where only its document is gone."""
        slot = slots.execution_started(execution)
        if self.statuses.find_one({"_id": slot}, {"_id": 1}) is None:
            place = f"in database {self.database.name!r}: `phaseline list` shows those that are there"
            return UnknownExecution(f"there is no execution {execution!r} {place}")
        return UnknownExecution(
            f"execution {execution!r} has no document any more in database {self.database.name!r}, and its statuses "
            f"are there: `phaseline rebuild {execution} --write` makes its document anew"
        )

    def status(self, slot: str, *, session: ClientSession | None = None) -> Status | None:
        """The status that has won this slot, or None."""
        document = self.statuses.find_one({"_id": slot}, session=session)
        return None if document is None else from_document(document)

    def statuses_of(
        self, execution: str, round: int | None = None, *, session: ClientSession | None = None
    ) -> list[Status]:
        """All statuses of an execution, or of one round of it, by their time."""
        if not isinstance(execution, str):
            return []  # As `execution`: an operator would find those of all.
        query = {"execution": execution} if round is None else {"execution": execution, "round": round}
        return [from_document(item) for item in self.statuses.find(query, session=session).sort("at", 1)]

    def fold(
        self, execution: str, statuses: Sequence[Status], *, derived: bool = False, session: ClientSession | None = None
    ) -> Document | None:
        """Fold statuses into their execution atomically; the document as it is then, None for an unknown execution.

        A status that ends a round or opens one takes everything with it that came before: nobody looks at a closed
        round again. With `derived`, all of them follow from this very document, which lacks nothing that came before.
        """
        folded = [status for status in statuses if changes(status)]
        if derived or not folded:
            return self._fold({"_id": execution}, folded, session)
        newest = max((status.round for status in folded if status.kind != "execution"), default=0)
        if not any(ends_round(status) for status in folded):
            found = self._fold({"_id": execution, "round.number": {"$gte": newest}}, folded, session)
            if found is not None:
                return found
        document = self.executions.find_one({"_id": execution}, session=session)
        return None if document is None else self.catch_up(document, folded, session=session)

    def catch_up(
        self, document: Mapping[str, Any], statuses: Sequence[Status] = (), *, session: ClientSession | None = None
    ) -> Document | None:
        """Fold all that has not reached this document, and these statuses; the document as it is then."""
        missing = {status.id: status for status in [*self.unfolded(document, session=session), *statuses]}
        begun = of_begun_rounds(document, [*missing.values()])
        # Round by round, so that none is open in the document before the one before it is complete.
        folded = sorted((status for status in begun if changes(status)), key=lambda status: status.round)
        return self._fold({"_id": document["_id"]}, folded, session)

    def _fold(
        self, query: Mapping[str, Any], statuses: Sequence[Status], session: ClientSession | None
    ) -> Document | None:
        if statuses:
            return self._write(query, statuses, session)
        return self.executions.find_one({"_id": query["_id"]}, session=session)

    def _write(
        self, query: Mapping[str, Any], statuses: Sequence[Status], session: ClientSession | None
    ) -> Document | None:
        """Fold these statuses into the document that matches; the document as it is then, None where none does.

        Of two that fold at the same moment, the later one sees both.
        """
        found = None
        for begin in range(0, len(statuses), _AT_ONCE):
            changed = update(statuses[begin : begin + _AT_ONCE])
            found = self.executions.find_one_and_update(
                query, changed, return_document=ReturnDocument.AFTER, session=session
            )
        return found

    def evaluate(self, state: Mapping[str, Any], questions: Sequence[Question]) -> dict[str, Answer]:
        """Answer the engine's questions, all expressions in one round trip."""
        answers: dict[str, Answer] = {}
        expressions = []
        for question in questions:
            match question.kind:
                case Kind.INPUT_OF:
                    found = self.status(question.text)
                    answers[question.key] = Answer(None if found is None else found.input)
                case Kind.EFFECT_OF:
                    effect = self._effect(question.text)
                    answers[question.key] = Answer(effect, large=size(effect) > INPUT_IN_EVENT)
                case Kind.SUCCESSES:
                    answers[question.key] = Answer(self._successes(state["_id"], question.text.split()))
                case _:
                    expressions.append(question)
        if not expressions:
            return answers
        untils = {each.until for each in expressions if each.until is not None}
        earlier = {until: self._results_until(until, state, expressions) for until in untils}
        return answers | self._evaluate(state, expressions, earlier)

    def _evaluate(
        self, state: Mapping[str, Any], expressions: Sequence[Question], earlier: Mapping[int, Document]
    ) -> dict[str, Answer]:
        return evaluate(self.executions, state, expressions, earlier)

    def _results_until(self, until: int, state: Mapping[str, Any], questions: Sequence[Question]) -> Document:
        """What these questions see in the place of other results: of each name the last up to a round, if any.

        The document may have newer ones, and lack those of attempts that were left behind and ended unheard.
        """
        last = {name: kept.get("success", [0])[0] for name, kept in state["latest"].items()}
        known = {*last, *(item["undoes"] for item in state["round"].get("compensates", ()))}
        texts = " ".join(each.text for each in questions if each.until == until)
        found = {}
        for name in read_results(texts, known):
            if last.get(name) == until:
                continue
            successes = {"execution": state["_id"], "kind": "job", "name": name, "status": "success"}
            upto = {**successes, "round": {"$lte": until}}
            success = self.statuses.find_one(upto, {"input": 0, "largeInput": 0}, sort=[("round", -1)])
            if success is not None:
                found[name] = from_document(success).output
        return found

    def _effect(self, end: str) -> Document:
        """What an attempt was given and what it returned: the input of its compensation."""
        ended = self.status(end)
        first = None if ended is None else self.status(slots.entry(ended.execution, ended.round, str(ended.name)))
        given = None if first is None else first.input
        return {"input": given, "output": None if ended is None else ended.output}

    def _successes(self, execution: str, names: Sequence[str]) -> list[list[Any]]:
        """The successes of these jobs since the last round of compensation."""
        since = {"execution": execution, "round": {"$gt": self.compensated_in(execution)}}
        succeeded = {**since, "kind": "job", "status": "success", "name": {"$in": list(names)}}
        keys = ("round", "name", "attempt")
        found = self.statuses.find(succeeded, dict.fromkeys(keys, 1)).sort([("round", 1), ("at", 1)])
        return [[item[key] for key in keys] for item in found]

    def compensated_in(self, execution: str) -> int:
        """The last round of compensation, before which all is undone; 0 where there was none."""
        undone = {"execution": execution, "kind": "phase", "phase": COMPENSATION, "status": "started"}
        last = self.statuses.find_one(undone, {"round": 1}, sort=[("round", -1)])
        return 0 if last is None else int(last["round"])

    def last_visit(self, execution: str, phase: str, after: int) -> int | None:
        """The last round after this one that has visited a phase; None where none has."""
        visits = {"execution": execution, "kind": "phase", "phase": phase, "status": "started", "round": {"$gt": after}}
        last = self.statuses.find_one(visits, {"round": 1}, sort=[("round", -1)])
        return None if last is None else int(last["round"])

    def unfolded(self, document: Mapping[str, Any], *, session: ClientSession | None = None) -> list[Status]:
        """The statuses of the open round and of later ones that have not reached this document."""
        since = {"execution": document["_id"], "round": {"$gte": document["round"]["number"]}}
        found = [
            from_document(item) for item in self.statuses.find(since, session=session).sort([("round", 1), ("at", 1)])
        ]
        return [status for status in of_begun_rounds(document, found) if not holds(document, status)]

    def left_behind(self, document: Mapping[str, Any], since: int) -> list[Status]:
        """What attempts of rounds before the open one may still bring: ends that are not folded, starts without an end.

        `since` is the first round to look at.
        """
        rounds = {"$gte": since, "$lt": document["round"]["number"]}
        before = {"execution": document["_id"], "round": rounds}
        starts: dict[str, Status] = {}
        ends: dict[str, Status] = {}
        for item in self.statuses.find(before, {"input": 0, "output": 0, "largeInput": 0}):
            status = from_document(item)
            place = status.id.rpartition("/")[0]
            if status.kind != "job":
                continue
            if status.slot == "start" and status.status == "started":
                starts[place] = status
            elif status.slot == "end" and not holds(document, status):
                ends[place] = status
            elif status.slot == "end":
                starts.pop(place, None)
        whole = [self.status(status.id) for status in ends.values()]
        running = [status for place, status in starts.items() if place not in ends]
        return [status for status in whole if status is not None] + running

    def due(self, at: datetime, limit: int) -> list[Document]:
        """The executions that the watchdog should look at, those first that have waited longest."""
        query = {"settled": False, "wakeAt": {"$lte": at}}
        found = self.executions.find(query, {"_id": 1, "wakeAt": 1}).sort("wakeAt", 1).limit(limit)
        return list(found)

    def look_again(self, seen: Mapping[str, Any], at: datetime) -> None:
        """Put off the next look at an execution to which nothing has happened since it was seen."""
        self.executions.update_one({"_id": seen["_id"], "wakeAt": seen["wakeAt"]}, {"$set": {"wakeAt": at}})

    def settle(self, document: Mapping[str, Any]) -> None:
        """Take an ended execution from the watchdog's list, if it is still the one that was seen."""
        seen = {"_id": document["_id"], "end.round": document["end"]["round"], "endedAt": {"$ne": None}}
        self.executions.update_one(seen, {"$set": {"settled": True}})

    def insert(self, status: Status) -> Status | None:
        """Insert one status. None where it has won its slot, else the status that had won it before."""
        try:
            self.statuses.insert_one(to_document(status))
        except DuplicateKeyError:
            winner = self.status(status.id)
            assert winner is not None, "a status is never deleted while its execution is open"
            if not _is_own(winner, status):
                return winner
        self.meter.count([status])
        return None

    def insert_within(self, session: ClientSession, status: Status) -> None:
        """Insert one status in a transaction. Raises DuplicateKeyError, which aborts that."""
        self.statuses.insert_one(to_document(status), session=session)

    def insert_all(self, statuses: Sequence[Status]) -> Inserted:
        """Insert a plan as one ordered bulk.

        A slot that holds the same decision already (a duplicate at work) does not stop the rest; one that holds
        another decision makes the plan stale: what stands behind it is not inserted.
        """
        planned, winners = list(statuses), dict[str, Status]()
        waiting = planned
        while waiting:
            try:
                self.statuses.insert_many([to_document(status) for status in waiting], ordered=True)
                break
            except BulkWriteError as error:
                [fault] = error.details["writeErrors"]
                if fault["code"] != DUPLICATE_KEY:
                    raise
                waiting = waiting[fault["index"] :]
            winners |= self._winners(waiting)
            stale = next((s for s in waiting if s.id in winners and not same_decision(winners[s.id], s)), None)
            if stale is not None:
                planned = planned[: planned.index(stale) + 1]
                waiting = waiting[: waiting.index(stale)]
            waiting = [status for status in waiting if status.id not in winners]
        held = [winners.get(status.id, status) for status in planned]
        self.meter.count(status for status in planned if status.id not in winners)
        return Inserted(held, stale=len(planned) < len(statuses) or _differs(held, planned))

    def _winners(self, statuses: Sequence[Status]) -> dict[str, Status]:
        found = self.statuses.find({"_id": {"$in": [status.id for status in statuses]}})
        return {document["_id"]: from_document(document) for document in found}


def _differs(held: Sequence[Status], planned: Sequence[Status]) -> bool:
    return any(not same_decision(one, other) for one, other in zip(held, planned, strict=True))


def same_decision(one: Status, other: Status) -> bool:
    """Whether two statuses for one slot decide the same."""
    return _decision(one) == _decision(other)


def _is_own(winner: Status, status: Status) -> bool:
    """Whether a slot holds this very status: the answer to a first try got lost, and the insert was sent again."""
    return from_document(stored(to_document(status))) == winner


def _decision(status: Status) -> tuple[Any, ...]:
    error = None if status.error is None else status.error.get("type")
    return status.status, status.reason, status.phase, status.next, status.retry, status.carried, error


@cache
def lambda_store() -> Store:
    """The store of this Lambda's process, made at its first use."""
    found = from_environment()
    return Store(found, meter=Meter(found.name, partial(print, flush=True)))
