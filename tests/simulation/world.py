"""The simulated deployment of one seed: its bus, its Lambdas, its people, its watchdog, and virtual time."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import bson

from phaseline_runtime import slots, starting
from phaseline_runtime.definition import Definition
from phaseline_runtime.engine.compensation import use_of
from phaseline_runtime.metrics import Meter
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.connection import CODEC
from phaseline_runtime.store.store import from_document
from tests.simulation import definitions, lambdas, people
from tests.simulation.calls import Call, Crashed, Held
from tests.simulation.dice import Dice
from tests.simulation.faults import Faults
from tests.simulation.history import Entry, History
from tests.simulation.lambdas import EXECUTION
from tests.simulation.memory_database import Database, Gate
from tests.simulation.memory_store import MemoryStore
from tests.simulation.rules import JOB, targets
from tests.simulation.uses import BEGIN
from tests.simulation.violation import Violation
from tests.simulation.waiting import PERIOD, left_uncompleted, left_undone, looked_at

MOST_STEPS = 5_000
"""More than any seed needs: an execution that has not come to rest by then never will."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an attempt (`name`, `round`, `attempt`) was told, how many statuses there were, and which it could see."""

    place: tuple[str, int, int]
    unwanted: bool
    statuses: int
    known: frozenset[str]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a person was answered: `refused` with a reason or not, and what was known of the execution then.

    `statuses` is how many there were, with what the request has brought.
    """

    person: str
    refused: str | None
    statuses: int
    known: frozenset[str]


class _Figures(Meter):
    """The figures that the watchdog tells."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def totals(self, values: Mapping[str, float], at: datetime) -> None:
        """Take note of them."""
        self._world.repaired += int(values["Repairs"])


class World:
    """One execution from its start until nothing can happen to it any more.

    What is `masked` of the seed's faults does not happen; jobs in `without` are left out of its definition, which is a
    random one, or the one that is given.
    """

    def __init__(
        self,
        seed: int,
        *,
        masked: frozenset[str] = frozenset(),
        without: frozenset[str] = frozenset(),
        definition: Definition | None = None,
        database: Callable[[Gate], Database] = Database,
    ) -> None:
        self.dice = Dice(seed)
        self.faults = Faults(self.dice, masked)
        leaving = self.faults.forgetful
        made = definition or definitions.make(Dice(f"{seed} definition"), leaving=leaving)
        self.definition = definitions.reduced(made, without)
        asked = people.requests(self.dice, self.definition)
        self.requests = {lambdas.person(request, number): request for number, (_, request) in enumerate(asked)}
        """What people ask, by who asks."""
        self._people = [(delay, person) for (delay, _), person in zip(asked, self.requests, strict=True)]
        self.corrected = self.definition
        """What a redrive may come with."""
        if any(request.corrects for _, request in asked):
            corrected = definitions.correct(Dice(f"{seed} corrected"), definition, leaving=leaving)
            self.corrected = definitions.reduced(corrected, without)
        self.now = BEGIN
        self.history = History()
        self.begun: Counter[tuple[str, int, int]] = Counter()
        """How often the user's handler was started, by name, round and attempt."""
        self.transactional: dict[str, set[str]] = {}
        """The attempts whose effect is to come about with their success, and the invocations that have begun one."""
        self.opened: dict[str, datetime] = {}
        """When a transaction was open already that is to bring one of these effects about."""
        self.spoiled: set[str] = set()
        """Those among them of which nothing is to be committed."""
        self.beaten: Counter[str] = Counter()
        """How often an invocation has given a sign of life."""
        self.told: list[Told] = []
        """What attempts were told that asked whether anybody wants them still."""
        self.returned: set[str] = set()
        """The invocations that came to their end by themselves."""
        self.repaired = 0
        """How many statuses the watchdog took for lost, by its own metric."""
        self.answers: list[Answered] = []
        """What people were answered."""
        self.broken: list[Violation] = []
        """Violations that were seen while it ran."""
        self.believed: dict[str, datetime] = {}
        """Until when the document has waited for an attempt at the longest."""
        self.database = database(self._gate)
        self.database.time = lambda: (self.now - BEGIN).total_seconds()
        self.store = MemoryStore(self.database)
        self.store.meter = _Figures(self)
        self._call: Call | None = None
        self._queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self._scheduled = 0
        self.database.lost, self.database.repeated = self._lost, self._repeated
        statuses, documents = self.database["statuses"], self.database["state-machines"]
        statuses.inserted, statuses.attempted, documents.read = self._inserted, self._attempted, self._read
        statuses.winners, statuses.asked = self._attempted, self._asked
        self.store.answered, self.store.listed = self._answered, self._listed

    def run(self) -> World:
        """Let it all happen."""
        with lambdas.simulated(self):
            self._start()
            for delay, person in self._people:
                if self.requests[person].sure or self.faults.asks(person):
                    self.after(delay, partial(self._ask, person))
            self.after(PERIOD.total_seconds(), lambda: self._sweep(1))
            for _ in range(MOST_STEPS):
                if not self._queue or self.broken:
                    return self
                self.now, _, action = heapq.heappop(self._queue)
                action()
        self.broken.append(Violation("it comes to rest", f"{MOST_STEPS} steps were not enough"))
        return self

    @property
    def call(self) -> Call:
        """The call that runs now."""
        assert self._call is not None
        return self._call

    @property
    def document(self) -> Mapping[str, Any]:
        """The execution document."""
        found = self.database["state-machines"].get(EXECUTION)
        assert found is not None
        return found

    @property
    def known(self) -> frozenset[str]:
        """The ids of the statuses that are folded into the execution document."""
        return self.store.known.get(EXECUTION, frozenset())

    def tell(self, place: tuple[str, int, int], unwanted: bool) -> None:
        """Note what an attempt is told."""
        self.told.append(Told(place, unwanted, len(self.history.entries), self.known))

    def answer(self, person: str, refused: str | None) -> None:
        """Note what a person is answered."""
        self.answers.append(Answered(person, refused, len(self.history.entries), self.call.known))

    def completed(self, identifier: str, request: str | None) -> None:
        """Look at what a dead letter has brought that was about this status, and about the crash of this request."""
        self._break(left_uncompleted(self, self.stored_status(identifier), request))

    def stored(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """A document as it comes back from MongoDB."""
        return bson.decode(bson.encode(document, codec_options=CODEC), codec_options=CODEC)

    def stored_status(self, identifier: str) -> Status:
        """A status as it stands in the database now."""
        found = self.database["statuses"].get(identifier)
        assert found is not None
        return from_document(found)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something in so many seconds."""
        time = self.now + timedelta(milliseconds=round(seconds * 1000))
        self._scheduled += 1
        heapq.heappush(self._queue, (time, self._scheduled, action))

    def invoke(self, call: Call) -> None:
        """Run a call until it is held, crashes or ends."""
        before, self._call = self._call, call
        call.since = len(self.history.entries) if call.since < 0 else call.since
        try:
            gone = call.go_on()
        finally:
            self._call = before
        if gone is None:
            self.returned.add(call.name)
            if call.then is not None:
                call.then()
        elif isinstance(gone, Held):
            self._hold(call, gone)
        elif isinstance(gone, Crashed):
            lambdas.crashed(self, call)

    def _hold(self, call: Call, held: Held) -> None:
        if call.until is not None and self.now + held.span > call.until:
            # Lambda ends it before it could go on.
            self.after((call.until - self.now).total_seconds(), lambda: lambdas.crashed(self, call))
            return

        def resume() -> None:
            call.resume(held.then)
            self.invoke(call)

        self.after(held.span.total_seconds(), resume)

    def _start(self) -> None:
        self.definitions = {self.store.keep(each): each for each in (self.definition, self.corrected)}
        self.store.deploy({"deployed": definitions.everything(self.definition)})
        deadline = self.definition.deadline
        started = Status(
            id=slots.execution_started(EXECUTION),
            kind="execution",
            execution=EXECUTION,
            state_machine=self.definition.state_machine,
            status="started",
            definition=self.store.keep(self.definition),
            input={"n": 1},
            at=self.now,
            deadline=None if deadline is None else self.now + timedelta(seconds=deadline),
        )
        with self.store.database.client.start_session() as session:
            session.with_transaction(lambda current: starting._in_transaction(self.store, started, current))

    def _ask(self, person: str) -> None:
        self.invoke(lambdas.request(self, person))

    def _sweep(self, number: int) -> None:
        """The watchdog looks, until there is nothing left to look at."""
        self._break(looked_at(self))
        settled = self.document["settled"]
        if settled and not self._queue:
            return
        if not settled:
            sweep = lambdas.watchdog(self, number)
            sweep.then = partial(self._swept, self.known, self.now)
            self.invoke(sweep)
        late = self.faults.watchdog_late(number + 1)
        next_time = BEGIN + PERIOD * (number + 1) + late
        if settled:
            next_time = max(next_time, self._queue[0][0] + PERIOD)
        self.after(max((next_time - self.now).total_seconds(), 1), lambda: self._sweep(number + 1))

    def _swept(self, known: frozenset[str], begun: datetime) -> None:
        self._break(left_undone(self, known, begun))

    def _break(self, found: Violation | None) -> None:
        if found is not None:
            self.broken.append(found)

    # What the collections tell.

    def _gate(self, operation: Callable[[], Any]) -> Any:
        return operation() if self._call is None else self._call.gate(operation)

    def _inserted(self, document: Mapping[str, Any]) -> None:
        call = self._call
        status = from_document(document)
        self.history.add(
            Entry(
                status=status,
                at=self.now,
                author="start" if call is None else call.name,
                kind="start" if call is None else call.kind,
                known=frozenset() if call is None else call.known,
                before=() if call is None else call.before(status.id),
                answered={} if call is None else dict(call.answered),
                since=0 if call is None else call.since,
            )
        )
        if call is not None and call.kind == JOB and status.slot == "end":
            call.dies = self.faults.unheard(call.name)
        relayed = self.faults.relayed((self.now - BEGIN).total_seconds())
        if relayed is None:
            return
        for target in targets(document):
            if target == JOB and self._refused(status):
                continue
            delays = self.faults.deliveries(status.id, target)
            for copy, delay in enumerate(delays):
                self.after(relayed + delay, partial(self._deliver, lambdas.Event(document, target, copy)))
            kept = None if delays else self.faults.kept(status.id, target)
            if kept is not None:
                self.after(relayed + kept, partial(self._give_up, lambdas.Event(document, target, 0)))

    def _refused(self, triggered: Status) -> bool:
        """Whether the `filter` of the job does not match."""
        use = use_of(self.definitions[str(triggered.definition)], triggered)
        return use.filtered and self.dice.chance(0.2, "refused", use.name)

    def _deliver(self, event: lambdas.Event) -> None:
        self.invoke(lambdas.of_event(self, event))

    def _give_up(self, event: lambdas.Event) -> None:
        self.invoke(lambdas.dead_letter(self, event, None))

    def _attempted(self, identifier: str) -> None:
        if self._call is not None:
            self._call.attempted.append(identifier)

    def _listed(self, identifiers: Sequence[str]) -> None:
        if self._call is not None:
            self._call.listed = identifiers

    def _asked(self, query: Mapping[str, Any]) -> None:
        if self._call is not None and query.get("status") == "success":
            asked = "results" if isinstance(query["name"], str) else "successes"
            self._call.answered[asked] = frozenset(self.history.order)

    def _lost(self) -> str | None:
        return None if self._call is None else self.faults.unanswered(self._call.name, self.database.numbered)

    def _repeated(self) -> bool:
        call, number = self._call, self.database.numbered
        return call is not None and call.recorded(lambda: self.faults.repeated(call.name, number))

    def _read(self, execution: str) -> None:
        if self._call is not None:
            self._call.known = self.store.known.get(execution, frozenset())
            self._call.attempted = []

    def _answered(self, key: str) -> None:
        if self._call is not None:
            self._call.answered[key] = self.store.known.get(EXECUTION, frozenset())
