"""A state machine as compiled from the config: what the engine runs and `definitions` keeps, frozen.

Expressions stay JSON text here: the engine never looks into one, it only asks the store to evaluate it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from phaseline_runtime.errors import ALL, TRANSACTION_CONFLICT, UNAVAILABLE

END = "end"
"""The target of a transition that ends the execution; no phase can have this name."""

COMPENSATION = "compensation"
"""The phase of the rounds in which an execution undoes what it has done; no phase of a file can have this name."""

MAX_OUTPUT = 1_000_000
"""The most bytes of one output."""
MAX_OUTPUTS = 12_000_000
"""The most bytes of all outputs together: they stand in one document, of the 16 MB that MongoDB takes."""


class Action(StrEnum):
    """What a failure means for its round."""

    FAIL = "fail"
    """The round is failing and the execution ends as failed."""
    CONTINUE = "continue"
    """The round goes on; followers judge the failure by their own rule."""
    TO = "to"
    """The round is failing and another phase follows."""


@dataclass(frozen=True, slots=True)
class OnFailure:
    """An action, with its phase where the action is `to`, and the errors for which it holds."""

    action: Action = Action.FAIL
    to: str | None = None
    errors: tuple[str, ...] = (ALL,)


@dataclass(frozen=True, slots=True)
class Retry:
    """One retry policy; of several, the first whose `errors` match decides (Amazon States Language, `Retry`)."""

    errors: tuple[str, ...] = (ALL,)
    never: tuple[str, ...] = ()
    """Errors that are not tried again, whatever `errors` says."""
    max_attempts: int = 3
    """The most retries that this policy gives; 0 means none."""
    interval: float = 1.0
    """Seconds before the first retry."""
    backoff_rate: float = 2.0
    """What each further delay is multiplied by."""
    max_delay: float | None = None
    """The longest delay in seconds."""
    jitter: bool = False
    """Whether a delay is anything between zero and what was computed (`full`)."""


DEFAULT_RETRIES = (
    Retry(errors=(UNAVAILABLE,)),
    Retry(errors=(TRANSACTION_CONFLICT,), max_attempts=12, interval=0.2, max_delay=10.0),
)
"""What holds behind a use's own policies: where nothing has happened at all, trying again repeats nothing.

The retries of a conflict last for a little more than a minute: so long MongoDB keeps the transaction of an attempt that
has crashed, with its locks (`transactionLifetimeLimitSeconds`).
"""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long something waits before it begins: seconds, or until the time that an expression gives."""

    seconds: float | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """The error with which a phase ends its execution."""

    error: str
    cause: str


@dataclass(frozen=True, slots=True)
class Use:
    """A job as used in a phase, under a name that occurs once in the machine.

    `timeout` limits an attempt from its start, `start_timeout` the way from `triggered` to the start, in seconds.
    """

    name: str
    job: str
    after: tuple[str, ...] = ()
    run_if: str = "all_success"
    when: str | None = None
    input: str | None = None
    on_failure: tuple[OnFailure, ...] = ()
    """What a failure means, by error: the first that matches; none is `fail`."""
    retry: tuple[Retry, ...] = ()
    timeout: float = 30.0
    start_timeout: float = 900.0
    heartbeat: float | None = None
    """Seconds after which an attempt that gives no sign of life has timed out."""
    wait: Wait | None = None
    compensate: Use | None = None
    """How what the job has done is undone when the execution ends badly."""
    filtered: bool = False
    """Whether the job's rule looks into the input, which then has to travel in the event."""
    undoes: str | None = None
    """Of a compensation that runs: the end of the attempt that it undoes, without the execution's id."""

    def failure(self, error_type: str | None) -> OnFailure:
        """What a failure with this error means for the round."""
        return _first_match(self.on_failure, error_type)


def _first_match(handlers: tuple[OnFailure, ...], error_type: str | None) -> OnFailure:
    return next((item for item in handlers if matches(item.errors, error_type)), OnFailure())


def matches(errors: tuple[str, ...], error_type: str | None) -> bool:
    """Whether an error is among these; `Phaseline.ALL` matches any."""
    return ALL in errors or error_type in errors


@dataclass(frozen=True, slots=True)
class Transition:
    """One entry of a phase's `next`: a target and the query that selects it, or none for always."""

    to: str
    when: str | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """A graph of jobs, and what follows it.

    `jobs` stand in topological order. `wait_for_jobs` closes the round once those have ended, `wait_for_count` once
    that many have succeeded; without either, a round ends when all its jobs have.
    """

    name: str
    jobs: tuple[Use, ...]
    when: str | None = None
    next: tuple[Transition, ...] = ()
    wait_for_jobs: tuple[str, ...] = ()
    wait_for_count: int | None = None
    on_failure: tuple[OnFailure, ...] = ()
    deadline: float | None = None
    """Seconds from the round's start after which it fails."""
    wait: Wait | None = None
    fail: Fail | None = None
    """With what the execution fails once the phase has ended."""
    succeed: bool = False
    """Whether the execution ends well once the phase has ended."""

    def failure(self, error_type: str) -> OnFailure:
        """What it means that the round itself has failed with this error."""
        return _first_match(self.on_failure, error_type)

    def followers(self, name: str) -> set[str]:
        """The jobs that follow this one, directly or not."""
        found = {name}
        for use in self.jobs:
            if found.intersection(use.after):
                found.add(use.name)
        return found - {name}


@dataclass(frozen=True, slots=True)
class Definition:
    """A state machine: its phases in the order written. `input_schema` is JSON text of a JSON Schema."""

    state_machine: str
    phases: tuple[Phase, ...]
    input_schema: str | None = None
    deadline: float | None = None
    """Seconds from the execution's start after which it fails."""

    def phase(self, name: str) -> Phase:
        """The phase of that name. Raises KeyError where there is none."""
        for phase in self.phases:
            if phase.name == name:
                return phase
        raise KeyError(name)

    @property
    def uses(self) -> list[Use]:
        """All uses of jobs, phase by phase."""
        return [use for phase in self.phases for use in phase.jobs]

    @property
    def jobs(self) -> set[str]:
        """The declared jobs that it uses, those that undo others among them."""
        undoing = [use.compensate for use in self.uses if use.compensate is not None]
        return {use.job for use in [*self.uses, *undoing]}

    def use(self, phase: str, name: str) -> Use:
        """The use of a job under this name. Raises KeyError where there is none."""
        for use in self.phase(phase).jobs:
            if use.name == name:
                return use
        raise KeyError(name)

    @property
    def max_output(self) -> int:
        """The largest output of one job in bytes: all names have to find room."""
        return min(MAX_OUTPUT, MAX_OUTPUTS // max(len(self.uses), 1))

    def to_document(self) -> dict[str, Any]:
        """The document in `definitions`; its `_id` is the hash of everything else in it."""
        body: dict[str, Any] = {
            "stateMachine": self.state_machine,
            "phases": [_phase_document(phase) for phase in self.phases],
        }
        if self.input_schema is not None:
            body["inputSchema"] = self.input_schema
        if self.deadline is not None:
            body["deadline"] = self.deadline
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return {"_id": hashlib.sha256(text.encode()).hexdigest(), **body}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Definition:
        """Read back what `to_document` wrote."""
        return cls(
            document["stateMachine"],
            tuple(_phase(phase) for phase in document["phases"]),
            document.get("inputSchema"),
            document.get("deadline"),
        )


def _on_failure_document(handlers: tuple[OnFailure, ...]) -> list[dict[str, Any]]:
    return [
        _without_none({"action": str(item.action), "to": item.to, "errors": list(item.errors)}) for item in handlers
    ]


def _on_failure(documents: list[Mapping[str, Any]]) -> tuple[OnFailure, ...]:
    return tuple(OnFailure(Action(item["action"]), item.get("to"), tuple(item["errors"])) for item in documents)


def _wait_document(wait: Wait | None) -> dict[str, Any] | None:
    return None if wait is None else _without_none({"seconds": wait.seconds, "until": wait.until})


def _wait(document: Mapping[str, Any] | None) -> Wait | None:
    return None if document is None else Wait(document.get("seconds"), document.get("until"))


def _retry_document(policies: tuple[Retry, ...]) -> list[dict[str, Any]]:
    return [
        _without_none(
            {
                "errors": list(item.errors),
                "never": list(item.never),
                "maxAttempts": item.max_attempts,
                "interval": item.interval,
                "backoffRate": item.backoff_rate,
                "maxDelay": item.max_delay,
                "jitter": item.jitter,
            }
        )
        for item in policies
    ]


def _retry(documents: list[Mapping[str, Any]]) -> tuple[Retry, ...]:
    return tuple(
        Retry(
            errors=tuple(item["errors"]),
            never=tuple(item["never"]),
            max_attempts=item["maxAttempts"],
            interval=item["interval"],
            backoff_rate=item["backoffRate"],
            max_delay=item.get("maxDelay"),
            jitter=item["jitter"],
        )
        for item in documents
    )


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None}


def _use_document(use: Use) -> dict[str, Any]:
    return _without_none(
        {
            "name": use.name,
            "job": use.job,
            "after": list(use.after),
            "runIf": use.run_if,
            "when": use.when,
            "input": use.input,
            "onFailure": _on_failure_document(use.on_failure),
            "retry": _retry_document(use.retry),
            "timeout": use.timeout,
            "startTimeout": use.start_timeout,
            "heartbeat": use.heartbeat,
            "wait": _wait_document(use.wait),
            "compensate": None if use.compensate is None else _use_document(use.compensate),
            "filtered": use.filtered or None,
        }
    )


def _use(document: Mapping[str, Any]) -> Use:
    return Use(
        name=document["name"],
        job=document["job"],
        after=tuple(document["after"]),
        run_if=document["runIf"],
        when=document.get("when"),
        input=document.get("input"),
        on_failure=_on_failure(document["onFailure"]),
        retry=_retry(document["retry"]),
        timeout=document["timeout"],
        start_timeout=document["startTimeout"],
        heartbeat=document.get("heartbeat"),
        wait=_wait(document.get("wait")),
        compensate=None if "compensate" not in document else _use(document["compensate"]),
        filtered=document.get("filtered", False),
    )


def _phase_document(phase: Phase) -> dict[str, Any]:
    return _without_none(
        {
            "name": phase.name,
            "when": phase.when,
            "jobs": [_use_document(use) for use in phase.jobs],
            "next": [_without_none({"to": item.to, "when": item.when}) for item in phase.next],
            "waitForJobs": list(phase.wait_for_jobs),
            "waitForCount": phase.wait_for_count,
            "onFailure": _on_failure_document(phase.on_failure),
            "deadline": phase.deadline,
            "wait": _wait_document(phase.wait),
            "fail": None if phase.fail is None else {"error": phase.fail.error, "cause": phase.fail.cause},
            "succeed": phase.succeed or None,
        }
    )


def _phase(document: Mapping[str, Any]) -> Phase:
    return Phase(
        name=document["name"],
        when=document.get("when"),
        jobs=tuple(_use(use) for use in document["jobs"]),
        next=tuple(Transition(item["to"], item.get("when")) for item in document["next"]),
        wait_for_jobs=tuple(document["waitForJobs"]),
        wait_for_count=document.get("waitForCount"),
        on_failure=_on_failure(document["onFailure"]),
        deadline=document.get("deadline"),
        wait=_wait(document.get("wait")),
        fail=None if "fail" not in document else Fail(**document["fail"]),
        succeed=document.get("succeed", False),
    )
