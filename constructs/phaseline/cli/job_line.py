"""A job of an execution in words, on a line of the tree, and the words that all lines share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from phaseline.cli.output import clock, compact, duration, legible
from phaseline.cli.picture import Picture
from phaseline.cli.picture_of_job import AttemptPicture, JobPicture
from phaseline_runtime.errors import in_words

if TYPE_CHECKING:
    from rich.text import Text

MARKS = {
    "success": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("⊘", "yellow"),
    "skipped": ("-", "bright_black"),
    "triggered": ("○", "cyan"),
    "started": ("●", "cyan"),
    "running": ("●", "cyan"),
    "paused": ("‖", "yellow"),
    "waiting": ("◷", "cyan"),
    "retrying": ("↻", "yellow"),
}
"""The mark and the colour of each status; colour alone never carries a meaning."""

WHY = {
    "when": "its `when` was false",
    "upstream_failed": "its `run_if` could not be met: a predecessor failed",
    "upstream_skipped": "its `run_if` could not be met",
    "failing": "the round was failing",
    "wait_for": "the phase had ended by its `wait_for`",
    "cancel": "the execution was cancelled",
}
"""Why a job did not run, in the words of the config file."""

EARLIER = 3
"""How many earlier attempts of a job are shown."""


def job_line(job: JobPicture, drawn: Picture, now: datetime, longest: int, width: int) -> Text:
    """The line of a job; `longest` is how many columns its name gets, `width` how many there are."""
    text = marked(job.status)
    text.append(f" {job.name:<{longest}}")
    newest = job.newest
    if job.status in ("skipped", "cancelled"):
        text.append(f"  {job.status}", style=MARKS[job.status][1])
        text.append(f": {why(newest.reason)}" if newest.reason else "", style="bright_black")
        return text
    if job.carried:
        text.append("  kept from an earlier round", style="bright_black")
        return text
    began = newest.started or newest.triggered
    text.append(f"  {_offset(drawn.started, began):>9}", style="bright_black")
    text.append(f"  {span(newest.started, newest.ended, now) if newest.started else newest.status:>8}")
    if newest.number > 1:
        text.append(f"  attempt {newest.number}", style="yellow")
    text.append(_what_is_next(job), style="yellow")
    room = max(width - len(text.plain) - 2, 10)
    if newest.status == "failed":
        text.append(f"  {cut(error_words(newest.error or {}), room)}", style="red")
    elif newest.status == "started" and newest.progress is not None:
        text.append(f"  {compact(newest.progress, room)}", style="cyan")
    elif newest.output is not None:
        text.append(f"  {compact(newest.output, room)}", style="bright_black")
    return text


def _what_is_next(job: JobPicture) -> str:
    """What a job that has not ended for good waits for."""
    newest = job.newest
    match job.status:
        case "waiting" if newest.until is not None:
            return f"  until {clock(newest.until)}"
        case "retrying" if newest.retry is not None:
            return f"  attempt {newest.retry['attempt']} at {clock(newest.retry['at'])}"
        case "triggered" if newest.sent_again:
            return f"  sent again: {newest.sent_again}"
    return ""


def about_attempts(job: JobPicture) -> list[str]:
    """What else there is to say of a job: the attempts before the newest, and what changed nothing."""
    found = [_attempt_words(attempt) for attempt in job.earlier]
    if len(found) > EARLIER:
        found = [f"… {len(found) - EARLIER} earlier attempts", *found[-EARLIER:]]
    if job.newest.late is not None:
        found.append(_late(job.newest))
    return found


def _attempt_words(attempt: AttemptPicture) -> str:
    took = "" if attempt.seconds is None else f" after {duration(attempt.seconds)}"
    late = "" if attempt.late is None else f"; {_late(attempt)}"
    error = f": {error_words(attempt.error)}" if attempt.error else ""
    return f"attempt {attempt.number} {attempt.status}{took}{error}{late}"


def _late(attempt: AttemptPicture) -> str:
    return f"it ended late ({(attempt.late or '').replace('_', ' ')}): that changes nothing"


def why(reason: str | None) -> str:
    """A reason as a status holds it, in words."""
    return "" if reason is None else WHY.get(reason, reason)


def marked(status: str) -> Text:
    """The beginning of a line: the mark of a status."""
    from rich.text import Text

    # The style is the mark's alone, and a line is cut rather than wrapped.
    return Text(no_wrap=True, overflow="ellipsis").append(*MARKS.get(status, ("?", "default")))


def dim(words: str) -> Text:
    """A line that says something beside."""
    from rich.text import Text

    return Text(legible(words), style="bright_black", no_wrap=True, overflow="ellipsis")


def error_words(error: Mapping[str, object]) -> str:
    """An error on one line."""
    return legible(" ".join(in_words(error).splitlines()))


def cut(words: str, room: int) -> str:
    """The words, or as many of them as there is room for."""
    return words if len(words) <= room else words[: room - 1] + "…"


def span(begin: datetime | None, end: datetime | None, now: datetime) -> str:
    """How long something took, or has taken until now."""
    return "" if begin is None else duration(((end or now) - begin).total_seconds())


def _offset(origin: datetime | None, at: datetime | None) -> str:
    return "" if origin is None or at is None else "+" + duration((at - origin).total_seconds())
