"""From the entries of a phase to what the engine runs: every default, wait and `on_failure` resolved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from phaseline.config.checks.graph import topological
from phaseline.config.checks.nearest_places import (
    attempt_places,
    compensation_places,
    declared,
    is_invoked,
    nearest_attempt,
    nearest_failure,
    phase_failure,
)
from phaseline.config.models import DEFAULT_START_TIMEOUT, DEFAULT_TIMEOUT
from phaseline.config.reading.entries import (
    AttemptEntry,
    CompensateEntry,
    FileEntry,
    MachineEntry,
    PhaseEntry,
    WaitEntry,
)
from phaseline.config.reading.failures import FailureEntry
from phaseline.config.reading.positions import Node
from phaseline_runtime.definition import (
    DEFAULT_RETRIES,
    Fail,
    OnFailure,
    Phase,
    Retry,
    Transition,
    Use,
    Wait,
)


def canonical(value: Any) -> str:
    """JSON text without spaces, keys in the order written."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def compiled_phase(name: str, phase: PhaseEntry, machine: MachineEntry, file: FileEntry) -> Phase:
    """The phase of that name, its jobs in topological order."""
    after = {each: [word.text for word in use.after] for each, use in phase.jobs.items()}
    waiting = phase.wait_for
    return Phase(
        name=name,
        jobs=tuple(_use(each, phase, machine, file) for each in topological(after)),
        when=_text(phase.when),
        next=tuple(Transition(item.to.text, _text(item.when)) for item in phase.next if item.to is not None),
        wait_for_jobs=() if waiting is None else tuple(dict.fromkeys(word.text for word in waiting.names)),
        wait_for_count=None if waiting is None else waiting.count,
        on_failure=_failure(phase_failure(phase, machine, file)),
        deadline=phase.deadline,
        wait=_wait(phase.wait),
        fail=None if phase.fail is None else Fail(str(phase.fail.error), _cause(name, phase.fail.cause)),
        succeed=phase.succeed,
    )


def _cause(phase: str, given: str | None) -> str:
    return f"phase {phase} ends the execution" if given is None else given


def _use(name: str, phase: PhaseEntry, machine: MachineEntry, file: FileEntry) -> Use:
    use = phase.jobs[name]
    return Use(
        name=name,
        job=declared(name, use),
        filtered=_filtered(declared(name, use), file),
        after=tuple(dict.fromkeys(word.text for word in use.after)),
        run_if=use.rule,
        when=_text(use.when),
        input=_text(use.input),
        on_failure=_failure(nearest_failure(name, use, phase, machine, file)),
        wait=_wait(use.wait),
        compensate=_compensation(use.compensate, file),
        **_attempts(attempt_places(name, use, phase, machine, file), is_invoked(declared(name, use), file)),
    )


def _compensation(entry: CompensateEntry | None, file: FileEntry) -> Use | None:
    """The use that undoes another; its name is made up for each attempt that it undoes."""
    if entry is None or entry.job is None:
        return None
    job = entry.job.text
    return Use(
        name="",
        job=job,
        input=_text(entry.input),
        filtered=_filtered(job, file),
        **_attempts(compensation_places(job, file), is_invoked(job, file)),
    )


def _attempts(places: Sequence[AttemptEntry], invoked: bool) -> dict[str, Any]:
    attempt = nearest_attempt(places)
    return {
        "retry": _with_defaults(attempt.retry or ()),
        "timeout": DEFAULT_TIMEOUT if attempt.timeout is None else attempt.timeout,
        "start_timeout": DEFAULT_START_TIMEOUT if attempt.start_timeout is None else attempt.start_timeout,
        "heartbeat": None if invoked else attempt.heartbeat,  # What is invoked could not say it.
    }


def _filtered(job: str, file: FileEntry) -> bool:
    return "filter" in (file.jobs or {})[job].fields


def _wait(entry: WaitEntry | None) -> Wait | None:
    return None if entry is None else Wait(entry.seconds, _text(entry.until))


def _with_defaults(own: Sequence[Retry]) -> tuple[Retry, ...]:
    """The user's policies, and ours behind them, but those to whose error one of the user's says `never`."""
    unwanted = {error for policy in own for error in policy.never}
    return (*own, *(policy for policy in DEFAULT_RETRIES if not unwanted.intersection(policy.errors)))


def _text(node: Node | None) -> str | None:
    return None if node is None else canonical(node.plain())


def _failure(entry: FailureEntry | None) -> tuple[OnFailure, ...]:
    return () if entry is None else entry.value
