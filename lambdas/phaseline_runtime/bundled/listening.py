"""Which statuses move executions on, by who listens to them: the jobs, and two of the bundled Lambdas."""

from __future__ import annotations

from collections.abc import Mapping

_FINISHED_JOB = ("success", "failed", "skipped", "cancelled")

_REQUESTS = ("resumed", "cancel_requested", "overdue")
"""What changes an execution from outside of its jobs."""

JOBS: Mapping[str, tuple[str, ...]] = {"job": ("triggered",)}
"""The statuses that run a job."""

STATEMACHINE_JOB: Mapping[str, tuple[str, ...]] = {
    "job": _FINISHED_JOB,
    "phase": ("success", "failed", "started", "cancelled", "overdue"),
    "execution": ("started", "success", "failed", "cancelled", *_REQUESTS),
}
"""The statuses that can end a round or an execution, or open the next round; and the end itself, to be folded."""

ORCHESTRATOR_JOB: Mapping[str, tuple[str, ...]] = {
    "job": (*_FINISHED_JOB, "waiting"),
    "phase": ("started", "overdue", "waiting"),
    "execution": _REQUESTS,
}
"""The statuses after which a job can have become ready. `started` of a job is not among them: it changes nothing."""

NEEDED = (JOBS, STATEMACHINE_JOB, ORCHESTRATOR_JOB)
"""All of them: without one of these statuses executions stand still, or go on by the watchdog alone."""
