"""Names that a test says: one that nobody has is an error, and no thing that has not happened."""

from __future__ import annotations

from collections.abc import Collection

from phaseline.config.faults import nearest
from phaseline_runtime.errors import UserError


def check_name(name: object, known: Collection[str], unknown: str) -> None:
    """Raise UserError, which begins with what is `unknown`, where the name is not among those that are known."""
    if name not in known:
        guess = nearest(str(name), known)
        hint = "" if guess is None else f"; did you mean {guess}?"
        raise UserError(f"{unknown} (allowed {', '.join(known) or 'none'}{hint})")
