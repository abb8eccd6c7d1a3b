"""What is recorded of an error that a handler has raised: without passwords, and no more than a status may hold."""

from __future__ import annotations

import traceback
from typing import Any

from phaseline_runtime.errors import AttemptFailed
from phaseline_runtime.masking import masked

_TYPE, _MESSAGE, _TRACEBACK = 200, 2_000, 8_000
"""What is kept of an error's type, message and traceback, in characters."""


def recorded(error: BaseException) -> dict[str, Any]:
    """Type, message and traceback of an error, as its status has them; no traceback where there is none."""
    if isinstance(error, AttemptFailed):
        named, trace = error.type, error.trace
    else:
        named, trace = type(error).__name__, "".join(traceback.format_exception(error))
    kept = {"type": _kept(named)[:_TYPE], "message": _kept(_said(error))[:_MESSAGE]}
    return {**kept, "traceback": _kept(trace)[-_TRACEBACK:]} if trace else kept


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as fault:
        return f"its __str__ raises {type(fault).__name__}"


def _kept(text: str) -> str:
    """Without passwords, and as UTF-8, since MongoDB keeps nothing else."""
    return masked(text).encode(errors="replace").decode()
