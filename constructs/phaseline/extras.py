"""What is installed with an extra of the wheel alone, and what to do where it is not."""

from __future__ import annotations

from importlib.util import find_spec


def need(module: str, *, owner: str, extra: str) -> None:
    """Raise ModuleNotFoundError, with what to do, where `owner` is imported without the extra that brings `module`."""
    try:
        found = find_spec(module) is not None
    except ModuleNotFoundError:  # The package that it would be in is missing.
        found = False
    if not found:
        message = f"{owner} needs {module}, which is not installed: pip install 'phaseline[{extra}]'"
        raise ModuleNotFoundError(message, name=module)
