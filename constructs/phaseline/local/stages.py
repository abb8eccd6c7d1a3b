"""Long work in stages: one line each with its time, and a word where one fails."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


class Stage:
    """A stage that runs; `detail` is added to its line."""

    def __init__(self) -> None:
        self.detail = ""


class Stages:
    """Prints a line for each stage when it has ended, and in a terminal what goes on while it runs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextlib.contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        """Run the body as a stage of this title. An exception passes through, after a line that says so."""
        begun = time.monotonic()
        stage = Stage()
        with self._spinner(title):
            try:
                yield stage
            except BaseException:
                self._line("✗", "red", title, time.monotonic() - begun, "")
                raise
        self._line("✓", "green", title, time.monotonic() - begun, stage.detail)

    def say(self, words: str) -> None:
        """A line between two stages."""
        self._console.print(words, soft_wrap=True)

    @contextlib.contextmanager
    def _spinner(self, title: str) -> Iterator[None]:
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(title):
            yield

    def _line(self, mark: str, style: str, title: str, seconds: float, detail: str) -> None:
        from rich.text import Text

        text = Text(mark, style=style)
        text.append(f" {title:<44}", style="default")
        text.append(f"{seconds:6.1f} s", style="bright_black")
        text.append(f"  {detail}" if detail else "", style="bright_black")
        self._console.print(text, soft_wrap=True)
