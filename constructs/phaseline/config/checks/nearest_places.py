"""What counts for a use of a job where a key may stand in several places: the nearest to the use wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from phaseline.config.reading.entries import AttemptEntry, FileEntry, JobEntry, MachineEntry, PhaseEntry, UseEntry
from phaseline.config.reading.failures import FailureEntry
from phaseline.config.reading.job_kinds import kind_of


def declared(name: str, use: UseEntry) -> str:
    """The name of the declared job that a use stands for."""
    return name if use.job is None else use.job.text


def is_invoked(job: str, file: FileEntry) -> bool:
    """Whether a declared job is called by an invoker."""
    entry = (file.jobs or {}).get(job)
    kind = None if entry is None else kind_of(entry, file.defaults)
    return kind is not None and kind.invoked


def nearest_failure(
    name: str, use: UseEntry, phase: PhaseEntry, machine: MachineEntry, file: FileEntry
) -> FailureEntry | None:
    """The `on_failure` that counts for a use: its own, the phase's, the machine's, the job's, the default."""
    job = _job(name, use, file)
    of_job = None if job is None else job.on_failure
    return use.on_failure or phase.on_failure or machine.on_failure or of_job or _default_failure(file)


def phase_failure(phase: PhaseEntry, machine: MachineEntry, file: FileEntry) -> FailureEntry | None:
    """The `on_failure` that counts for a phase itself: one past its deadline, or whose `wait_for` is not met."""
    return phase.on_failure or machine.on_failure or _default_failure(file)


def attempt_places(
    name: str, use: UseEntry, phase: PhaseEntry, machine: MachineEntry, file: FileEntry
) -> list[AttemptEntry]:
    """What the places say of the attempts of a use, the nearest first."""
    return [use.attempt, phase.attempt, machine.attempt, *compensation_places(declared(name, use), file)]


def compensation_places(job: str, file: FileEntry) -> list[AttemptEntry]:
    """The same of a job that compensates: it stands in no phase, so its own word and the defaults count."""
    entry = (file.jobs or {}).get(job)
    return [AttemptEntry() if entry is None else AttemptEntry.of(entry.fields), AttemptEntry.of(file.defaults)]


def nearest_attempt(places: Sequence[AttemptEntry]) -> AttemptEntry:
    """How attempts are made: each key from the nearest place that has it."""

    def nearest(key: str) -> Any:
        return next((value for place in places if (value := getattr(place, key)) is not None), None)

    return AttemptEntry(nearest("retry"), nearest("timeout"), nearest("start_timeout"), nearest("heartbeat"))


def _job(name: str, use: UseEntry, file: FileEntry) -> JobEntry | None:
    return (file.jobs or {}).get(declared(name, use))


def _default_failure(file: FileEntry) -> FailureEntry | None:
    return None if file.defaults is None else file.defaults.get("on_failure")
