"""The public API as text: the names of the public packages, their signatures, and what their classes offer.

python -m tests.support.public_api      writes tests/synth/public_api.txt anew
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

PACKAGES = (
    "phaseline",
    "phaseline.cdk",
    "phaseline.cdk.atlas_user",
    "phaseline.cdk.monitoring",
    "phaseline.config",
    "phaseline.testing",
    "phaseline_runtime",
)
BESIDE = {
    "phaseline_runtime.errors": (
        "DatabaseUnavailable",
        "ExecutionConflict",
        "InvalidId",
        "InvalidInput",
        "PhaselineError",
        "RequestRefused",
        "UnknownExecution",
        "UnknownMachine",
        "UserError",
    ),
    "phaseline_runtime.starting": ("ConcurrentStart",),
    "phaseline_runtime.statuses": ("Status",),
}
"""What is public of modules that hold more: the errors, and what a client returns."""

FILE = Path(__file__).parents[1] / "synth/public_api.txt"
WIDTH = 120


def text() -> str:
    """All of it: a paragraph a package, a line a name, longer ones over several."""
    return "\n".join(line for package, names in names_of().items() for line in _package(package, names))


def names_of() -> dict[str, list[str]]:
    """The public names by the package or module that has them."""
    return {name: sorted(importlib.import_module(name).__all__) for name in PACKAGES} | {
        name: sorted(names) for name, names in BESIDE.items()
    }


def _package(name: str, names: Sequence[str]) -> Iterator[str]:
    module = importlib.import_module(name)
    yield name
    for public in names:
        yield from _named(public, getattr(module, public))
    yield ""


def _named(name: str, value: Any) -> Iterator[str]:
    if not inspect.isclass(value):
        yield from _call(f"    {name}", value)
    elif issubclass(value, Enum):
        yield f"    {name}: {', '.join(item.name for item in value)}"
    else:
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield from _call(f"    {name}", value.__init__, bases and f" is a {bases}")
        for member, found in sorted(members_of(value).items()):
            function = found.__func__ if isinstance(found, classmethod | staticmethod) else found
            if inspect.isfunction(function):
                yield from _call(f"        .{member}", function)
            else:
                yield f"        .{member}"


def members_of(owner: type) -> dict[str, Any]:
    """What the class and those that it is made of define, as far as they are ours; attributes of `__init__` too."""
    found: dict[str, Any] = {}
    for base in reversed(owner.__mro__):
        if base.__module__.startswith("phaseline"):
            found |= vars(base)
            if "__init__" in vars(base) and not hasattr(base, "__dataclass_fields__"):
                found |= dict.fromkeys(re.findall(r"^ +self\.(\w+)(?:: [^=\n]+)? = ", inspect.getsource(base), re.M))
    return {name: value for name, value in found.items() if not name.startswith("_")}


def _call(name: str, function: Any, after: str = "") -> Iterator[str]:
    signature = inspect.signature(function)
    parameters = [item for name, item in signature.parameters.items() if name not in ("self", "cls")]
    shown = [_shown(item) for item in parameters]
    first = next((number for number, item in enumerate(parameters) if item.kind is item.KEYWORD_ONLY), None)
    if first is not None and all(item.kind is not item.VAR_POSITIONAL for item in parameters):
        shown.insert(first, "*")
    if signature.return_annotation not in ("None", None, signature.empty):
        after = f" -> {signature.return_annotation}{after}"
    line = f"{name}({', '.join(shown)}){after}"
    if len(line) <= WIDTH:
        yield line
        return
    indent = " " * (len(name) - len(name.lstrip()))
    yield f"{name}("
    yield from (f"{indent}        {item}" for item in shown)
    yield f"{indent}    ){after}"


def _shown(parameter: inspect.Parameter) -> str:
    kind = parameter.kind
    stars = "*" if kind is parameter.VAR_POSITIONAL else "**" if kind is parameter.VAR_KEYWORD else ""
    annotation = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
    default = parameter.default
    if default is parameter.empty:
        given = ""
    elif isinstance(default, Enum):
        given = f" = {type(default).__name__}.{default.name}"
    elif inspect.isfunction(default):
        given = " = …"
    elif isinstance(default, Path):
        given = f" = {default.as_posix()}"
    else:
        given = f" = {default!r}"
    return f"{stars}{parameter.name}{annotation}{given}"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
