"""The Lambda functions of the jobs: the product's job runner around a job's own code or its mock."""

from __future__ import annotations

import functools
import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from phaseline.config import Config
from phaseline.testing import mongo
from phaseline.testing.code import Code
from phaseline.testing.filters import accepts
from phaseline.testing.memory import Collection, Database
from phaseline.testing.memory_store import MemoryStore
from phaseline.testing.mocks import Fault, Handler, MockCrash, Part, as_mock
from phaseline.testing.names import check_name
from phaseline.testing.sandbox import Sandbox, virtual_sleep
from phaseline.testing.timeline import Timeline
from phaseline_runtime import heartbeat, plain_json, runner, undelivered
from phaseline_runtime.definition import Definition
from phaseline_runtime.engine.compensation import use_of
from phaseline_runtime.engine.giving_up import HEADROOM, LONGEST
from phaseline_runtime.errors import UserError
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store
from phaseline_runtime.undelivered import Cause


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda gives a handler as `context`, with all that libraries ask it for."""

    function_name: str
    memory_limit_in_mb: int
    aws_request_id: str
    until: datetime
    """When Lambda ends the function: later than the attempt's timeout does, as in production."""
    clock: Callable[[], datetime]
    function_version: str = "$LATEST"
    identity: None = None
    client_context: None = None

    @property
    def invoked_function_arn(self) -> str:
        """An ARN in an account that nobody has."""
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """The function's log group."""
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        """A log stream for each sandbox."""
        return f"{self.function_version}/{self.aws_request_id}"

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds of virtual time until the function's own timeout."""
        return max(0, int((self.until - self.clock()).total_seconds() * 1000))


class Jobs:
    """The functions of one config.

    Args:
        config: What declares them.
        definition: The machine that runs.
        mocks: What stands in for them, by the name in the machine (of a compensation, `undo-NAME-ROUND`) or by the
            declared job's name.
        memory: The database.
        timeline: Whose time passes.

    Raises:
        UserError: A mock is none, or is for no job of the machine.
    """

    def __init__(
        self,
        config: Config,
        definition: Definition,
        mocks: Mapping[str, Any],
        memory: Database,
        timeline: Timeline,
    ) -> None:
        if not isinstance(mocks, Mapping):
            raise UserError(f"mocks: got {mocks!r}; allowed is a mapping of names to mocks: {{'the_job': returns(…)}}")
        self._config = config
        self._mocks = {name: as_mock(mock, f"mocks: {name}") for name, mock in mocks.items()}
        self._refuse_unknown(definition)
        self._memory = memory
        self._store = MemoryStore(memory)
        self._timeline = timeline
        self._codes: dict[str, Code] = {}
        self._parts: dict[tuple[int, str | None, int | None], Part] = {}
        self._attempts: Counter[str] = Counter()
        self._sandboxes: list[Sandbox] = []

    def close(self) -> None:
        """End what sleeps still."""
        for sandbox in self._sandboxes:
            sandbox.kill()

    def accept(self, document: Mapping[str, Any]) -> bool:
        """Whether the rule of the job that this status is for accepts it: its `filter` matches the event's input."""
        pattern = self._config.jobs[document["job"]].filter
        return pattern is None or accepts(pattern, json.loads(plain_json.dumps(document.get("input"))))

    def invoke(self, triggered: Status) -> None:
        """Run the attempt of this status, until it ends or sleeps."""
        part = self._part(triggered)
        if part.fault is Fault.NOT_STARTED:
            return
        if part.fault is Fault.UNAVAILABLE:
            undelivered.complete(self._store, triggered, Cause("a mock of Phaseline.Unavailable"))
            return
        code = None if part.handler is not None or part.fault is not None else self._code(triggered)
        with virtual_sleep():  # It may do `from time import sleep`.
            user = part.handler or (_nothing if code is None else code.load())
        use = use_of(self._store.definition(str(triggered.definition)), triggered)
        job = self._config.jobs[str(triggered.job)]
        request = secrets.token_hex(8)
        store = _SandboxStore(self._memory, self._store)
        event = {"detail": {"fullDocument": {"_id": triggered.id}}}
        sandbox = Sandbox(
            name=str(triggered.name),
            timeline=self._timeline,
            limit=(self._timeline.now + timedelta(seconds=use.timeout), runner.AttemptTimedOut),
            active=_nowhere if code is None else code.active,
            ended=lambda crashed: self._crashed(triggered, request) if crashed else None,
        )
        self._sandboxes = [each for each in self._sandboxes if each.sleeps] + [sandbox]
        until = self._timeline.now + timedelta(seconds=min(job.timeout + HEADROOM, LONGEST))
        context = Context(job.name, job.memory, request, until, self._timeline.clock)
        sandbox.start(lambda: runner.run(store, event, context, _played(part, user, sandbox, store)))

    def _crashed(self, triggered: Status, request: str) -> None:
        """What dead_letters_job does about Lambda's on-failure record."""
        undelivered.complete(self._store, triggered, Cause("a mock of Phaseline.Crashed: Runtime exited", request))

    def _part(self, triggered: Status) -> Part:
        """What the mock says of this attempt. Without a mock, the job's own code runs."""
        place = (triggered.round, triggered.name, triggered.attempt)
        if place not in self._parts:
            key = next((name for name in (triggered.name, triggered.job) if name in self._mocks), None)
            if key is None:
                return Part()
            self._attempts[key] += 1
            self._parts[place] = self._mocks[key].part(self._attempts[key])
        return self._parts[place]

    def _code(self, triggered: Status) -> Code:
        job = self._config.jobs[str(triggered.job)]
        if job.name not in self._codes:
            folder, handler = job.code, job.handler
            if folder is None or handler is None or not folder.is_dir() or job.kind.invoked:
                raise UserError(
                    f"job {job.name} cannot run here: it has no Python code on this machine; "
                    f"mock it: mocks={{'{triggered.name}': returns(…)}}, "
                    "and where a mock is for some attempts only, say with `then` what comes behind it"
                )
            self._codes[job.name] = Code(job.name, folder, handler, {**job.environment, **job.secrets})
        return self._codes[job.name]

    def _refuse_unknown(self, definition: Definition) -> None:
        known = sorted({use.name for use in definition.uses} | definition.jobs)
        undone = {use.name for use in definition.uses if use.compensate is not None}
        for name in self._mocks:
            compensation = re.fullmatch(r"undo-(.+)-\d+", str(name))
            if compensation is None or compensation[1] not in undone:
                check_name(name, known, f"mocks: there is no job {name!r} in {definition.state_machine}")


class _SandboxDatabase:
    """The database as a job's sandbox has it: with a real client, for the job's transactions."""

    def __init__(self, memory: Database) -> None:
        self._memory = memory

    def __getitem__(self, name: str) -> Collection:
        return self._memory[name]

    @property
    def client(self) -> Any:
        return mongo.client()


class _SandboxStore(MemoryStore):
    """The store of one sandbox: once that has crashed, nothing of it reaches the database."""

    def __init__(self, memory: Database, warm: Store) -> None:
        super().__init__(cast(Any, _SandboxDatabase(memory)))
        self._compiled = warm._compiled
        self.crashed = False

    def insert(self, status: Status) -> Status | None:
        if self.crashed:
            raise MockCrash
        return super().insert(status)


def _played(part: Part, user: Handler, sandbox: Sandbox, store: _SandboxStore) -> Handler:
    """The handler that the runner calls: the time that it takes, and then what happens."""

    @functools.wraps(user)
    def handler(event: Any, context: Any, *session: Any) -> Any:
        try:
            _pass_time(part, sandbox)
            if part.fault is Fault.CRASHED:
                raise MockCrash
            return user(event, context, *session)
        except MockCrash:
            store.crashed = True
            raise

    return handler


def _pass_time(part: Part, sandbox: Sandbox) -> None:
    """Let the time pass that the mock takes, with its signs of life."""
    # What was triggered at the same moment starts before any of it ends, as where a start takes less than any work.
    sandbox.sleep(0)
    left = part.seconds
    while left > 0:
        span = left if part.heartbeat is None else min(left, part.heartbeat)
        sandbox.sleep(span)
        if part.heartbeat is not None:
            heartbeat()
        left -= span


def _nothing(event: Any, context: Any) -> None:
    return None


def _nowhere() -> AbstractContextManager[None]:
    return nullcontext()
