"""What kind of job one is: whether its function runs the job runner, or is called by an invoker, and whose it is."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from phaseline.config.reading import runtimes

if TYPE_CHECKING:
    from phaseline.config.reading.entries import JobEntry
    from phaseline.config.reading.records import Fields

DEFAULT_RUNTIME = "python3.13"


class JobKind(Enum):
    """What a job is made of. All but Python are *invoked*: a small function of ours calls theirs, unchanged."""

    PYTHON = "code in Python"
    """A folder whose handler the job runner calls, in the same function."""
    CODE = "code in another runtime"
    """A folder or an archive that becomes a function as it is."""
    IMAGE = "an image"
    """A container image that becomes a function as it is."""
    GIVEN = "a given function"
    """A function that the app defines and gives to `Orchestration`."""
    EXISTING = "an existing function"
    """A function, version or alias that is there already, by its ARN."""

    @property
    def invoked(self) -> bool:
        """Whether the job's function is called by an invoker."""
        return self is not JobKind.PYTHON

    @property
    def owned(self) -> bool:
        """Whether the job's function is made from the config, so that the config says what it has."""
        return self in (JobKind.PYTHON, JobKind.CODE, JobKind.IMAGE)


def kind_of(job: JobEntry, defaults: Fields | None) -> JobKind | None:
    """The kind of a declared job; None where what it depends on is at fault or open."""
    if "function_arn" in job.fields:
        return JobKind.EXISTING
    if "function" in job.fields:
        return JobKind.GIVEN
    if "image" in job.fields:
        return JobKind.IMAGE
    runtime = runtime_of(job, defaults)
    if runtime is None:
        return None
    return JobKind.PYTHON if runtimes.is_python(runtime) else JobKind.CODE


def runtime_of(job: JobEntry, defaults: Fields | None) -> str | None:
    """The runtime of a job with `code`: its own or the default; None where that is at fault or open."""
    for fields in (job.fields, defaults):
        if fields is not None and "runtime" in fields:
            word = fields.get("runtime")
            return None if word is None else str(word.text)
    return DEFAULT_RUNTIME
