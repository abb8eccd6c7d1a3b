"""An execution as a tree in the terminal: phases, jobs, times, outputs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from phaseline.cli.output import compact, duration
from phaseline.cli.picture import JobPicture, Picture, RoundPicture

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

MARKS = {
    "success": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("⊘", "yellow"),
    "skipped": ("-", "bright_black"),
    "triggered": ("○", "cyan"),
    "started": ("●", "cyan"),
    "running": ("●", "cyan"),
    "paused": ("‖", "yellow"),
}
"""The mark and the colour of each status; colour alone never carries a meaning."""

WHY = {
    "when": "its `when` was false",
    "upstream_failed": "its `run_if` could not be met: a predecessor failed",
    "upstream_skipped": "its `run_if` could not be met",
    "failing": "the round was failing",
    "wait_for": "the phase had ended by its `wait_for`",
}
"""Why a job did not run, in the words of the config file."""


def tree(drawn: Picture, *, width: int = 100, height: int | None = None, now: datetime | None = None) -> Tree:
    """The tree of an execution.

    Args:
        drawn: What has happened.
        width: Columns to use; outputs are cut to them.
        height: Lines to use: earlier rounds are left out where there are too many. None shows all.
        now: The time up to which running things have run; the clock's by default.
    """
    from rich.tree import Tree

    now = now or datetime.now(UTC)
    root = Tree(_headline(drawn, now), guide_style="bright_black")
    rounds = drawn.rounds
    if height is not None:
        rounds = _newest(rounds, height - 4)
        if len(rounds) < len(drawn.rounds):
            root.add(_dim(f"… {len(drawn.rounds) - len(rounds)} earlier rounds"))
    if rounds and rounds[0] is drawn.rounds[0]:
        _add_passed(root, drawn.passed_over)
    longest = max((len(name) for item in drawn.rounds for name in item.jobs), default=0)
    for item in rounds:
        branch = root.add(_round_line(item, drawn, now))
        for job in item.jobs.values():
            branch.add(_job_line(job, drawn, now, longest, width - 8))
        if item.error is not None:
            branch.add(_error(item.error, width))
        _add_passed(root, item.passed_over)
    if drawn.error is not None:
        root.add(_error(drawn.error, width))
    return root


def why(reason: str | None) -> str:
    """A reason as a status holds it, in words."""
    return "" if reason is None else WHY.get(reason, reason)


def _newest(rounds: list[RoundPicture], lines: int) -> list[RoundPicture]:
    kept: list[RoundPicture] = []
    for item in reversed(rounds):
        lines -= 1 + len(item.jobs) + len(item.passed_over) + (item.error is not None)
        if kept and lines < 0:
            break
        kept.insert(0, item)
    return kept


def _headline(drawn: Picture, now: datetime) -> Text:
    text = _marked(drawn.status)
    text.append(f" {drawn.machine}", style="bold")
    text.append(f"  {drawn.id}  ", style="bright_black")
    text.append(drawn.status, style=MARKS.get(drawn.status, ("", "default"))[1])
    text.append(f"  {_span(drawn.started, drawn.ended, now)}")
    return text


def _round_line(item: RoundPicture, drawn: Picture, now: datetime) -> Text:
    text = _marked(item.status)
    text.append(f" {item.phase}", style="bold")
    visits = sum(other.phase == item.phase for other in drawn.rounds)
    if visits > 1:
        text.append(f"  visit {item.visit}", style="bright_black")
    text.append(f"  {_span(item.started, item.ended, now)}", style="bright_black")
    return text


def _job_line(job: JobPicture, drawn: Picture, now: datetime, longest: int, width: int) -> Text:
    text = _marked(job.status)
    text.append(f" {job.name:<{longest}}")
    if job.status in ("skipped", "cancelled"):
        text.append(f"  {job.status}", style=MARKS[job.status][1])
        text.append(f": {why(job.reason)}" if job.reason else "", style="bright_black")
        return text
    began = job.started or job.triggered
    text.append(f"  {_offset(drawn.started, began):>9}", style="bright_black")
    text.append(f"  {_span(job.started, job.ended, now) if job.started else job.status:>8}")
    if job.attempt > 1:
        text.append(f"  attempt {job.attempt}", style="yellow")
    room = max(width - len(text.plain) - 2, 10)
    if job.status == "failed":
        text.append(f"  {_cut(_words(job.error or {}), room)}", style="red")
    elif job.output is not None:
        text.append(f"  {compact(job.output, room)}", style="bright_black")
    return text


def _marked(status: str) -> Text:
    from rich.text import Text

    # The style is the mark's alone, and a line is cut rather than wrapped.
    return Text(no_wrap=True, overflow="ellipsis").append(*MARKS.get(status, ("?", "default")))


def _dim(words: str) -> Text:
    from rich.text import Text

    return Text(words, style="bright_black")


def _add_passed(root: Tree, phases: tuple[str, ...]) -> None:
    for phase in phases:
        text = _marked("skipped")
        text.append(f" {phase}", style="bold")
        text.append("  passed over: its `when` was false", style="bright_black")
        root.add(text)


def _error(error: Mapping[str, object], width: int) -> Text:
    from rich.text import Text

    return Text(_cut(_words(error), width - 8), style="red", no_wrap=True, overflow="ellipsis")


def _words(error: Mapping[str, object]) -> str:
    return ": ".join(str(error[key]).replace("\n", " ") for key in ("type", "message") if error.get(key))


def _cut(words: str, room: int) -> str:
    return words if len(words) <= room else words[: room - 1] + "…"


def _span(begin: datetime | None, end: datetime | None, now: datetime) -> str:
    return "" if begin is None else duration(((end or now) - begin).total_seconds())


def _offset(origin: datetime | None, at: datetime | None) -> str:
    return "" if origin is None or at is None else "+" + duration((at - origin).total_seconds())
