"""What the commands print: data on stdout, everything said to a person about it on stderr.

Values from executions are data: never read as Rich markup, and never by the terminal as commands.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from phaseline_runtime.strict_json import dumps

if TYPE_CHECKING:
    from rich.console import Console


PREFIX = "phaseline: "
"""Stands before what went wrong, so that it is known whose message it is."""

WIDTH = 140
"""Columns of a tree where stdout is no terminal."""


_CONTROLS = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


def legible(text: str) -> str:
    """A text of somebody else's with its control characters as JSON escapes them: a terminal would obey some."""
    return text.translate(_CONTROLS)


def console() -> Console:
    """The terminal, or plain text of a fixed width where stdout is none."""
    from rich.console import Console

    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDTH)


def print_columns(titles: Sequence[str], rows: Sequence[Sequence[str]], styles: Mapping[str, str]) -> None:
    """Print rows under titles. Nothing is ever cut: an id or a path is there to be copied.

    Args:
        titles: The words above the columns.
        rows: The cells.
        styles: The style of a cell by its text, for those that have one.
    """
    from rich.cells import cell_len
    from rich.text import Text

    terminal = console()
    # In columns of the terminal, of which some characters take two.
    widths = [max(cell_len(row[index]) for row in [titles, *rows]) for index in range(len(titles))]
    for number, row in enumerate([titles, *rows]):
        text = Text(style="bold" if number == 0 else "")
        for cell, width in zip(row, widths, strict=True):
            text.append(cell, style=styles.get(cell, "") if number else "").append(" " * (width - cell_len(cell) + 2))
        text.rstrip()
        terminal.print(text, soft_wrap=True)


def note(message: str) -> None:
    """Tell a person something that is not the command's data."""
    print(message, file=sys.stderr, flush=True)


def complain(message: str, *, prefix: str = PREFIX) -> None:
    """Tell what went wrong. What was typed in the wrong place is quoted, but no password in it."""
    from phaseline_runtime.masking import masked

    sys.stdout.flush()
    print(legible(masked(f"{prefix}{message}")), file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print data as JSON; dates as RFC 3339, NaN as in extended JSON, all else that JSON has no word for as text."""
    print(legible(dumps(value, default=plain, indent=2, ensure_ascii=False)), flush=True)


def plain(value: Any) -> Any:
    """What stands for a value of BSON's in JSON."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)


def compact(value: Any, limit: int = 60) -> str:
    """A value on one line, cut to a length."""
    text = legible(json.dumps(value, default=plain, ensure_ascii=False))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def duration(seconds: float) -> str:
    """A time span as a person says it: `8 ms`, `1.2 s`, `3 m 05 s`."""
    seconds = max(seconds, 0.0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} m" if hours else f"{minutes} m {rest:02d} s"


def clock(at: datetime | None) -> str:
    """A time on the user's clock, to the second."""
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
