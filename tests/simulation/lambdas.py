"""The Lambdas of the simulated deployment: each invocation is a `Call` of the product's own handler."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from phaseline_runtime import operations, recorded_errors, runner, transactions, undelivered, wake_ups
from phaseline_runtime.advance import recover
from phaseline_runtime.bundled import watchdog_job
from phaseline_runtime.bundled.reconciling import move_on
from phaseline_runtime.engine import giving_up
from phaseline_runtime.engine.compensation import use_of
from phaseline_runtime.engine.questions import Owner
from phaseline_runtime.envelope import IN_EVENTS
from phaseline_runtime.errors import UserError
from phaseline_runtime.store.store import Store, from_document
from phaseline_runtime.undelivered import Cause
from tests.simulation import people
from tests.simulation.calls import Call
from tests.simulation.rules import JOB
from tests.simulation.user_code import outcome, spend, write, write_in_block
from tests.simulation.uses import BEGIN

if TYPE_CHECKING:
    from tests.simulation.world import World

PARTS = {"statemachine_job": frozenset({Owner.STATEMACHINE}), "orchestrator_job": frozenset({Owner.ORCHESTRATOR})}
EXECUTION = "e"
TRIES = 2
"""How often Lambda tries a crashed invocation of a bundled Lambda again."""
BUNDLED_TIMEOUT = timedelta(seconds=60)


class _Quiet:
    """A logger that says nothing."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


_QUIET: Any = _Quiet()


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery of a status to a target."""

    document: Mapping[str, Any]
    target: str
    copy: int

    @property
    def envelope(self) -> dict[str, Any]:
        """The event as the bus carries it."""
        notice = {key: value for key, value in self.document.items() if key in IN_EVENTS}
        return {"detail": {"fullDocument": notice}}


@contextmanager
def simulated(world: World) -> Iterator[None]:
    """The product without its log and its alarm clock, with the clocks and the chance of this world."""

    def token(_: int) -> str:
        return world.call.name

    def now() -> datetime:
        return _clock(world, world.call)()

    def recover_now(store: Store, execution: str) -> object:
        # The first thing that is done once a request has been granted.
        world.call.recorded(lambda: world.answer(world.call.name, None))
        return recover(store, execution, clock=now)

    def monotonic() -> float:
        begun: timedelta = world.call.recorded(lambda: world.now - BEGIN)
        return begun.total_seconds()

    def unlimited(*_: Any) -> AbstractContextManager[None]:
        return nullcontext()

    with ExitStack() as patches:
        for place, name, value in (
            (runner, "log", _QUIET),
            (watchdog_job, "log", _QUIET),
            (runner, "time_limit", unlimited),
            (recorded_errors, "traceback", SimpleNamespace(format_exception=lambda error: [repr(error)])),
            (runner, "secrets", SimpleNamespace(token_hex=token)),
            (transactions, "time", SimpleNamespace(monotonic=monotonic)),
            (operations, "now", now),
            (operations, "recover", recover_now),
        ):
            patches.enter_context(mock.patch.object(place, name, value))
        yield


def of_event(world: World, event: Event, tries: int = 0) -> Call:
    """What the target of an event does."""
    name = f"{event.target}/{event.document['_id']}/{event.copy}" + "/again" * tries
    if event.target == JOB:
        return _of_job(world, event, name)

    def run(call: Call) -> None:
        due = move_on(world.store, event.envelope, PARTS[event.target], _QUIET, clock=_clock(world, call))
        if due is not None and event.target == "orchestrator_job":
            call.recorded(lambda: _send_wake_up(world, call, due))

    call = Call(name, event.target, run, world.faults)
    if tries < TRIES:
        call.again = lambda: of_event(world, event, tries + 1)
    elif world.faults.recorded(name):
        call.again = lambda: dead_letter(world, event, name)
    call.until = world.now + BUNDLED_TIMEOUT
    return call


def _send_wake_up(world: World, call: Call, due: datetime) -> None:
    """The message by which orchestrator_job has watchdog_job look when something is due."""
    seconds = max(0, math.ceil((due - world.now - call.skew).total_seconds()))
    if seconds <= wake_ups.LONGEST:
        for number, late in enumerate(world.faults.deliveries(call.name, "wake-up")):
            woken = f"wake-up/{call.name}/{number}"
            world.after(seconds + late, lambda woken=woken: world.invoke(_wake_up(world, woken)))  # type: ignore[misc]


def _wake_up(world: World, name: str) -> Call:
    def run(call: Call) -> None:
        recover(world.store, EXECUTION, clock=_clock(world, call))

    call = Call(name, "watchdog", run, world.faults)
    call.until = world.now + BUNDLED_TIMEOUT
    return call


def _of_job(world: World, event: Event, name: str) -> Call:
    triggered = from_document(event.document)
    place = (str(triggered.name), triggered.round, triggered.attempt or 1)
    use = use_of(world.definitions[str(triggered.definition)], triggered)

    def run(call: Call) -> None:
        happens = outcome(world.dice, use, *place[1:])

        def handler(given: Any, context: Any) -> Any:
            call.recorded(lambda: world.begun.update([place]))
            killed = world.faults.killed(name)
            part = world.dice.number("killed after", name) if killed else 1.0
            spend(
                happens,
                happens.seconds * part,
                lambda span: call.wait(span, lambda: None),
                lambda: call.recorded(lambda: world.beaten.update([name])),
                lambda unwanted: call.recorded(lambda: world.tell(place, unwanted)),
            )
            if killed:
                call.crash()
            if happens.times_out:
                raise runner.AttemptTimedOut
            if happens.error is not None:
                raise type(happens.error, (Exception,), {})
            return happens.output

        def transactional(given: Any, context: Any, session: Any) -> Any:
            world.transactional.setdefault(effect, set()).add(name)
            write(session, effect)
            call.recorded(lambda: world.opened.setdefault(effect, world.now))
            return handler(given, context)

        def with_block(given: Any, context: Any) -> Any:
            world.transactional.setdefault(effect, set()).add(name)
            if happens.spoils:
                world.spoiled.add(effect)
            write_in_block(happens, effect)
            call.recorded(lambda: world.opened.setdefault(effect, world.now))
            return handler(given, context)

        effect = "/".join(map(str, place))
        user: Callable[..., Any] = handler
        if happens.transactional:
            user = with_block if happens.spoils or world.dice.chance(0.5, "block", use.name) else transactional
        context = SimpleNamespace(aws_request_id=name)
        runner.run(world.store, event.envelope, context, user, clock=_clock(world, call))

    call = Call(name, JOB, run, world.faults)
    call.until = world.now + timedelta(seconds=min(use.timeout + giving_up.HEADROOM, giving_up.LONGEST))
    if world.faults.recorded(name):
        call.again = lambda: dead_letter(world, event, name)
    return call


def dead_letter(world: World, event: Event, request: str | None, tries: int = 0) -> Call:
    """What dead_letters_job does about Lambda's on-failure record of an invocation, or an event that had none.

    What it cannot complete is kept for people, who have it tried again: so nothing keeps the last try from being done.
    """
    name = f"dead letter/{request or (event.target, event.document['_id'])}" + "/again" * tries
    cause = Cause("RequestId: … Error: Runtime exited" if request else "NO_PERMISSIONS", request)

    def run(call: Call) -> None:
        found = world.store.status(event.document["_id"])
        assert found is not None
        undelivered.complete(world.store, found, cause, clock=_clock(world, call))

    call = Call(name, "dead letter", run, world.faults, may_crash=tries < TRIES)
    call.then = lambda: world.completed(str(event.document["_id"]), request)
    call.again = lambda: dead_letter(world, event, request, tries + 1)
    return call


def watchdog(world: World, number: int) -> Call:
    """One sweep. One in two may crash: what makes it crash each time is no fault but an error."""

    def run(call: Call) -> None:
        watchdog_job.sweep(world.store, clock=_clock(world, call))

    call = Call(f"watchdog/{number}", "watchdog", run, world.faults, may_crash=number % 2 == 0)
    call.until = world.now + BUNDLED_TIMEOUT
    return call


def request(world: World, person: str) -> Call:
    """What a person asks."""

    def run(call: Call) -> None:
        try:
            people.ask(world.store, EXECUTION, world.requests[person], world.corrected)
        except UserError as error:
            answer = str(error)
            call.recorded(lambda: world.answer(person, answer))

    return Call(person, "person", run, world.faults, may_crash=not world.requests[person].sure)


def person(wanted: people.Request, number: int) -> str:
    """Who asks for it."""
    return f"{wanted}/{number}"


def crashed(world: World, call: Call) -> None:
    """What Lambda does about a crash: it tries again what is bundled; after that, and of a job at once, it says so."""
    if call.again is not None:
        delay = world.dice.between(1, 90, "again", call.name)
        again = call.again
        world.after(delay, lambda: world.invoke(again()))


def _clock(world: World, call: Call) -> Callable[[], datetime]:
    return lambda: call.recorded(lambda: world.now + call.skew)
