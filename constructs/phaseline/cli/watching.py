"""Looking on while an execution runs: a live tree in a terminal, a line for each status elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from phaseline.cli.interrupt import Interrupted
from phaseline.cli.job_line import error_words, why
from phaseline.cli.output import clock, compact, console, duration, legible, print_json
from phaseline.cli.picture import Picture, picture
from phaseline.cli.tree import tree
from phaseline_runtime.definition import COMPENSATION
from phaseline_runtime.statuses import Status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

    from phaseline_runtime.client import Client, Execution

Seen = Iterable[tuple["Execution", list[Status]]]


def watch(client: Client, execution: str, *, as_json: bool = False) -> Execution:
    """Show an execution until it has ended, and return how it has.

    Raises Interrupted on Ctrl-C, with a word of what goes on: looking on changes nothing.
    """
    seen = client.watch(execution)
    try:
        if as_json:
            return _as_json(seen)
        if sys.stdout.isatty():
            return _live(seen)
        return _as_lines(seen)
    except KeyboardInterrupt:
        raise Interrupted(
            f"no longer watching; execution {execution} goes on: `phaseline watch {execution}` shows it again"
        ) from None


def line(status: Status, origin: datetime | None) -> str:
    """A status on one line."""
    since = "" if origin is None or status.at is None else "+" + duration((status.at - origin).total_seconds())
    phase = "choice of the first phase" if status.phase is None else f"phase {status.phase}"
    what = {"job": str(status.name), "phase": phase, "execution": "execution"}
    words = [f"{since:>10}", f"round {status.round}" if status.round else " " * 7, what[status.kind], status.status]
    if (status.attempt or 1) > 1:
        words.append(f"attempt {status.attempt}")
    if status.slot == "redelivery":
        words.append(f"sent again ({status.number})")
    if status.status == "waiting":
        words.append(f"until {clock(status.due)}")
    if status.next is not None:
        words.append(f"→ {COMPENSATION if status.next.get('compensate') else status.next.get('phase') or 'end'}")
    if status.asked:
        words.append(status.asked)
    if status.by:
        words.append(f"by {status.by}")
    if status.reason:
        words.append(f"({why(status.reason) if status.kind == 'job' else status.reason})")
    if status.error and (error := error_words(status.error)):
        words.append(error)
    if status.retry is not None:
        words.append(f"attempt {status.retry['attempt']} at {clock(status.retry['at'])}")
    for value in (status.output, status.progress):
        if value is not None:
            words.append(compact(value, 100))
    return legible("  ".join(words))


class _LiveTree:
    """Drawn anew at each refresh, so that the times of what runs go on between two changes."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.drawn: Picture | None = None

    def __rich__(self) -> Tree | str:
        if self.drawn is None:
            return ""
        size = self.console.size
        return tree(self.drawn, width=size.width, height=size.height, now=datetime.now(UTC))


def _live(seen: Seen) -> Execution:
    from rich.live import Live

    terminal = console()
    shown = _LiveTree(terminal)
    last: Execution | None = None
    with Live(shown, console=terminal, refresh_per_second=8, transient=True, vertical_overflow="crop") as live:
        for execution, statuses in seen:
            last = execution
            if statuses:
                shown.drawn = picture(statuses)
                live.refresh()
    if shown.drawn is not None:
        terminal.print(tree(shown.drawn, width=terminal.width))
    assert last is not None
    return last


def _as_lines(seen: Seen) -> Execution:
    printed: set[str] = set()
    last: Execution | None = None
    statuses: list[Status] = []
    for last, statuses in seen:  # noqa: B007 (the last ones are what counts)
        origin = statuses[0].at if statuses else None
        for status in statuses:
            if status.id not in printed:
                printed.add(status.id)
                print(line(status, origin), flush=True)
    if statuses:
        terminal = console()
        terminal.print(tree(picture(statuses), width=terminal.width))
    assert last is not None
    return last


def _as_json(seen: Seen) -> Execution:
    last: Execution | None = None
    for last, _ in seen:  # noqa: B007
        pass
    assert last is not None
    print_json(last.document)
    return last
