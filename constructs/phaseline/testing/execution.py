"""Running a state machine in memory: at once with `run`, or step by step with `start`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from phaseline.config import Config, load
from phaseline.testing.bus import Bus
from phaseline.testing.jobs import Jobs
from phaseline.testing.memory import Database, Document
from phaseline.testing.memory_store import MemoryStore
from phaseline.testing.names import check_name
from phaseline.testing.result import Result
from phaseline.testing.timeline import Timeline
from phaseline_runtime import operations, starting
from phaseline_runtime.errors import UserError
from phaseline_runtime.store.store import from_document

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
"""When an execution starts, unless the test says otherwise."""

MOST_STATUSES = 20_000
"""More than a test means: an execution to which so many come at a time goes round in a circle."""


def run(
    config: Config | Path | str,
    machine: str,
    input: Any = None,
    *,
    mocks: Mapping[str, Any] | None = None,
    values: Mapping[str, str] | None = None,
    at: datetime = BEGIN,
    id: str = "execution",
) -> Result:
    """Run an execution of a state machine in memory, until nothing more happens to it.

    Args:
        config: The config, or its file.
        machine: The state machine's name.
        input: The execution's input; an empty one by default.
        mocks: What stands in for jobs, by their name in the machine or by the declared job's name: `fails(…)`,
            `returns(…)`, `takes(…)`, a handler, or a list with one of these for each attempt. Every other job runs its
            own code, with its own environment.
        values: What each `${NAME}` in the file stands for, where `config` is a file.
        at: When it starts; without a zone it is UTC. Time is virtual: nothing waits.
        id: The execution's id, on which a retry's jitter depends.

    Raises:
        UserError: The file has faults, or a name in it no value; the config, the machine, the input or a mock is none,
            or a job cannot run here.
    """
    execution = start(config, machine, input, mocks=mocks, values=values, at=at, id=id)
    try:
        return execution.run()
    finally:
        execution.close()


def start(
    config: Config | Path | str,
    machine: str,
    input: Any = None,
    *,
    mocks: Mapping[str, Any] | None = None,
    values: Mapping[str, str] | None = None,
    at: datetime = BEGIN,
    id: str = "execution",
) -> Execution:
    """Start an execution in memory, to go on with it step by step. Arguments and errors are those of `run`."""
    if isinstance(config, Config) and values is not None:
        raise UserError(
            "values: they are filled in where a file is read, and this config has been read; load it with them"
        )
    if not isinstance(at, datetime):
        raise UserError(f"at: got {at!r}; allowed is a datetime")
    if not isinstance(config, Config | Path | str):
        raise UserError(f"config: got {config!r}; allowed are what `phaseline.config.load` has read, or its file")
    # Without a value, a `wait: ${PAUSE}` would be none: where there is no value for a name, that is a fault.
    loaded = config if isinstance(config, Config) else load(config, values=values or {})
    loaded.require_values()
    return Execution(loaded, machine, input, mocks=mocks or {}, at=at, id=id)


class Execution:
    """An execution in memory, in virtual time. Made by `start`; a context manager that closes itself."""

    def __init__(
        self, config: Config, machine: str, given: Any, *, mocks: Mapping[str, Any], at: datetime, id: str
    ) -> None:
        check_name(machine, config.state_machines, f"there is no state machine {machine!r} in {config.path.name}")
        definition = config.state_machines[machine].definition
        self.id = id
        self._names = [use.name for use in definition.uses]
        self._timeline = Timeline((at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC))
        memory = Database()
        self._statuses = memory["statuses"]
        self._store = MemoryStore(memory)
        self._store.deploy({machine: definition})
        self._jobs = Jobs(config, definition, mocks, memory, self._timeline)
        self._bus = Bus(id, memory, self._jobs, self._timeline)
        self._closed = False
        with self._running():
            starting.start(self._store, machine, given, execution=id, started_by="phaseline.testing")

    def __enter__(self) -> Execution:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what runs still. Its result stays as it is, and it cannot go on any more."""
        with self._bus.running():
            self._jobs.close()
        self._closed = True

    @property
    def now(self) -> datetime:
        """What time it is in there."""
        return self._timeline.now

    @property
    def status(self) -> str:
        """`running`, `paused`, `success`, `failed` or `cancelled`."""
        return str(self._document["status"])

    @property
    def result(self) -> Result:
        """What has happened until now."""
        # As they were inserted: where no time passes between two, nothing else tells which of them was first.
        return Result(self._document, [from_document(each) for each in self._statuses.find({})], self._names)

    def run(self) -> Result:
        """Go on until nothing more happens: it has ended, or is paused. Raises UserError where it goes in a circle."""
        self._go_on(None)
        return self.result

    def advance(self, **span: float) -> Result:
        """Let so much time pass, as `timedelta` takes it: `advance(minutes=5)`. Without a span, what is due now."""
        until = self._timeline.now + timedelta(**span)
        if until < self._timeline.now:
            raise UserError(f"advance: got {timedelta(**span)}; time goes forward alone")
        self._go_on(until)
        self._timeline.now = until
        return self.result

    def cancel(self, *, compensate: bool = False, reason: str | None = None) -> None:
        """Ask that nothing more is started; with `compensate`, that what was done is undone.

        This and what follows raise RequestRefused where it makes no sense for the execution as it is.
        """
        with self._running():
            operations.cancel(self._store, self.id, compensate=compensate, reason=reason)

    def pause(self, *, reason: str | None = None) -> None:
        """Trigger nothing more until `resume`."""
        with self._running():
            operations.pause(self._store, self.id, reason=reason)

    def resume(self, *, reason: str | None = None) -> None:
        """Go on where it was paused."""
        with self._running():
            operations.resume(self._store, self.id, reason=reason)

    def redrive(self, *, reason: str | None = None) -> None:
        """Let it go on from what failed, with what succeeded kept."""
        with self._running():
            operations.redrive(self._store, self.id, reason=reason)

    def rerun(self, start: str, *, input: Any = None, reason: str | None = None) -> None:
        """Run it again from a job or phase on, with another input where one is given."""
        with self._running():
            operations.rerun(self._store, self.id, start, given=input, reason=reason)

    @contextmanager
    def _running(self) -> Iterator[None]:
        """What goes on with it does so in here."""
        if self._closed:  # What has run in it is gone, and nobody would ever hear of it.
            raise UserError(f"execution of {self._document['stateMachine']}: it is closed; go on with it before that")
        with self._bus.running():
            yield

    @property
    def _document(self) -> Document:
        document = self._store.execution(self.id)
        assert document is not None
        return document

    def _go_on(self, until: datetime | None) -> None:
        most = len(self._statuses) + MOST_STATUSES
        with self._running():
            while self._bus.next(until=until):
                if len(self._statuses) > most:
                    raise UserError(
                        f"execution of {self._document['stateMachine']}: more than {MOST_STATUSES:,} statuses and no "
                        f"end at {self.now:%Y-%m-%d %H:%M:%S}: it goes round in a circle; mock what ends the loop, or "
                        "use `start` and `advance`"
                    )
