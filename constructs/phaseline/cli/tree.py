"""An execution as a tree in the terminal: phases, jobs, times, outputs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from phaseline.cli.job_line import MARKS, about_attempts, cut, dim, error_words, job_line, marked, span
from phaseline.cli.output import clock
from phaseline.cli.picture import Picture, RoundPicture
from phaseline_runtime.statuses import Status

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree


_ANEW = {"redrive": "redriven", "rerun": "rerun"}
"""What a round is that somebody has asked for; statuses of earlier releases do not say."""


def tree(drawn: Picture, *, width: int = 100, height: int | None = None, now: datetime | None = None) -> Tree:
    """The tree of an execution.

    Args:
        drawn: What has happened.
        width: Columns to use; outputs and errors are cut to them.
        height: Lines to use: earlier rounds are left out where there are too many. None shows all, and the
            execution's error whole.
        now: The time up to which running things have run; the clock's by default.
    """
    from rich.text import Text
    from rich.tree import Tree

    now = now or datetime.now(UTC)
    root = Tree(_headline(drawn, now), guide_style="bright_black")
    rounds = drawn.rounds
    if height is not None:
        rounds = _newest(rounds, height - 4)
        if len(rounds) < len(drawn.rounds):
            root.add(dim(f"… {len(drawn.rounds) - len(rounds)} earlier rounds"))
    if rounds and rounds[0] is drawn.rounds[0]:
        _add_passed(root, drawn.passed_over)
    for request in (drawn.cancel, drawn.paused):
        if request is not None:
            root.add(dim(_asked(request)))
    if drawn.overdue is not None:
        root.add(dim(f"its deadline had passed at {clock(drawn.overdue)}"))
    longest = max((len(name) for item in drawn.rounds for name in item.jobs), default=0)
    for item in rounds:
        branch = root.add(_round_line(item, drawn, now))
        for job in item.jobs.values():
            twig = branch.add(job_line(job, drawn, now, longest, width - 8))
            for words in about_attempts(job):
                twig.add(dim(cut(words, width - 12)))
        for words in _about_round(item):
            branch.add(dim(words))
        if item.error is not None:
            branch.add(_error(cut(error_words(item.error), width - 8)))
        _add_passed(root, item.passed_over)
    if why := error_words(drawn.error or {}):
        root.add(Text(why, style="red") if height is None else _error(cut(why, width - 4)))
    return root


def _newest(rounds: list[RoundPicture], lines: int) -> list[RoundPicture]:
    kept: list[RoundPicture] = []
    for item in reversed(rounds):
        lines -= 1 + len(item.jobs) + sum(len(about_attempts(job)) for job in item.jobs.values())
        lines -= len(_about_round(item)) + len(item.passed_over) + (item.error is not None)
        if kept and lines < 0:
            break
        kept.insert(0, item)
    return kept


def _headline(drawn: Picture, now: datetime) -> Text:
    text = marked(drawn.status)
    text.append(f" {drawn.machine}", style="bold")
    text.append(f"  {drawn.id}  ", style="bright_black")
    text.append(drawn.status, style=MARKS.get(drawn.status, ("", "default"))[1])
    text.append(f"  {span(drawn.started, drawn.ended, now)}")
    return text


def _round_line(item: RoundPicture, drawn: Picture, now: datetime) -> Text:
    text = marked(item.status)
    text.append(f" {item.phase}", style="bold")
    visits = sum(other.phase == item.phase for other in drawn.rounds)
    if visits > 1:
        text.append(f"  visit {item.visit}", style="bright_black")
    text.append(f"  {span(item.started, item.ended, now)}", style="bright_black")
    if item.until is not None and item.until > now and item.ended is None:
        text.append(f"  waits until {clock(item.until)}", style="cyan")
    return text


def _about_round(item: RoundPicture) -> list[str]:
    """What else there is to say of a round."""
    found = []
    if item.asked is not None:
        found.append(_asked(item.asked, _ANEW.get(str(item.asked.asked), "run again")))
    if item.overdue is not None:
        found.append(f"its deadline had passed at {clock(item.overdue)}")
    if item.undone:
        found.append(f"undone: {', '.join(item.undone)}")
    if item.not_undone:
        left = "to be undone" if item.ended is None else "not undone"
        found.append(f"{left}: {', '.join(item.not_undone)}")
    return found


def _asked(status: Status, what: str | None = None) -> str:
    words = (what or status.status.replace("_", " ")) + (", to be undone" if status.compensate else "")
    return words + (f" by {status.by}" if status.by else "") + (f": {status.reason}" if status.reason else "")


def _add_passed(root: Tree, phases: tuple[str, ...]) -> None:
    for phase in phases:
        text = marked("skipped")
        text.append(f" {phase}", style="bold")
        text.append("  passed over: its `when` was false", style="bright_black")
        root.add(text)


def _error(words: str) -> Text:
    from rich.text import Text

    return Text(words, style="red", no_wrap=True, overflow="ellipsis")
