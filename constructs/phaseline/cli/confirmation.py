"""Asking the user before something is done to many, or for good."""

from __future__ import annotations

import sys

import typer

from phaseline_runtime.errors import UserError


def confirm(question: str, *, yes: bool) -> None:
    """Return where the user agrees; with `yes` nobody is asked. Raises UserError: nothing is to be done."""
    if yes:
        return
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        if sys.stdin.isatty():
            raise  # Ctrl-C.
        raise UserError("nothing was done: there is nobody to answer; --yes does not ask") from None
    if not agreed:
        raise UserError("nothing was done")
