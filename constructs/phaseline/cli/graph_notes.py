"""What a picture of a state machine says beside its names, in the words of the config file."""

from __future__ import annotations

from phaseline.config.reading.durations import written
from phaseline_runtime.definition import DEFAULT_RETRIES, Action, Definition, OnFailure, Phase, Retry, Use, Wait
from phaseline_runtime.errors import ALL


def of_machine(definition: Definition) -> list[str]:
    """Of a state machine."""
    return [] if definition.deadline is None else [f"deadline {written(int(definition.deadline))}"]


def of_phase(phase: Phase) -> list[str]:
    """Of a phase."""
    notes = []
    if phase.when is not None:
        notes.append(f"when {phase.when}")
    notes += _of_wait(phase.wait)
    if phase.wait_for_jobs:
        notes.append(f"wait_for {', '.join(phase.wait_for_jobs)}")
    if phase.wait_for_count is not None:
        notes.append(f"wait_for {phase.wait_for_count}")
    if phase.deadline is not None:
        notes.append(f"deadline {written(int(phase.deadline))}")
    return notes


def of_use(use: Use, *, compensation: bool = True) -> list[str]:
    """Of the use of a job, what undoes it among them where `compensation` is set."""
    notes = []
    if use.run_if != "all_success":
        notes.append(f"run_if {use.run_if}")
    if use.when is not None:
        notes.append(f"when {use.when}")
    notes += _of_wait(use.wait)
    notes += [f"on_failure continue{of_errors(item)}" for item in use.on_failure if item.action is Action.CONTINUE]
    # What holds everywhere without being written anywhere would only be noise.
    notes += [_of_retry(policy) for policy in use.retry if not _is_ours(policy)]
    if use.compensate is not None and compensation:
        notes.append(f"undone by {use.compensate.job}")
    return notes


def of_errors(item: OnFailure | Retry) -> str:
    """The errors for which something holds, if it does not hold for all."""
    return "" if ALL in item.errors else f" on {', '.join(item.errors)}"


def _of_retry(policy: Retry) -> str:
    never = f" but never on {', '.join(policy.never)}" if policy.never else ""
    return f"retry {policy.max_attempts}x{of_errors(policy)}{never}"


def _is_ours(policy: Retry) -> bool:
    return policy in DEFAULT_RETRIES


def _of_wait(wait: Wait | None) -> list[str]:
    if wait is None:
        return []
    return [f"wait until {wait.until}" if wait.seconds is None else f"wait {written(int(wait.seconds))}"]
