"""A readable line for each status. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from phaseline_runtime.errors import in_words
from phaseline_runtime.statuses import Status


def event_name(status: Status) -> str:
    """The name that a subscription uses: `<kind>.<status>`, such as `job.failed`."""
    return f"{status.kind}.{status.status}"


def subscribes(events: Sequence[str], status: Status) -> bool:
    """Whether a channel's `events` name this status: exactly, by `<kind>.*`, or by `*`."""
    return any(event in ("*", f"{status.kind}.*", event_name(status)) for event in events)


def text(status: Status) -> str:
    """The line to send."""
    subject = f"{status.state_machine} {status.execution}"
    match status.kind:
        case "job":
            attempt = f", attempt {status.attempt}" if (status.attempt or 1) > 1 else ""
            what = f"job {status.name} {_verb(status)} (phase {status.phase}, round {status.round}{attempt})"
        case "phase" if status.round == 0:
            what = "first phase chosen"
        case "phase":
            what = f"phase {status.phase} {_verb(status)} (round {status.round})"
        case _:
            what = f"execution {_verb(status)}"
    return f"{subject}: {what}{_because(status)}"


def _verb(status: Status) -> str:
    return _VERBS.get(status.status, status.status)


_VERBS = {
    "success": "succeeded",
    "triggered": "was triggered",
    "skipped": "was skipped",
    "cancel_requested": "is being cancelled",
    "overdue": "has passed its deadline",
    "late": "ended after it had been given up",
}


def _because(status: Status) -> str:
    words = status.reason if status.error is None else in_words(status.error)
    return f": {words}" if words else ""
