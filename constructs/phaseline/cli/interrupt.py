"""What ends a command from outside: Ctrl-C, with a word of what goes on, and a reader that has gone."""

from __future__ import annotations


class Interrupted(Exception):
    """The user has pressed Ctrl-C; the message, if any, says what goes on without the command."""


class ReaderGone(Exception):
    """Whoever read the output (`head`) has seen enough and has closed the pipe."""
