"""The Lambda runtimes that a job with `code` may have, and what its handler is called in each.

Sources: AWS Lambda developer guide, "Lambda runtimes"; those that take no new functions any more are left out. For Node
its runtime interface client (https://github.com/aws/aws-lambda-nodejs-runtime-interface-client).
"""

from __future__ import annotations

from pathlib import Path

from phaseline.config.faults import said, shown

PYTHON = ("python3.11", "python3.12", "python3.13", "python3.14")
"""Those that the runtime package supports: the function itself runs the job runner."""

OTHER = (
    *("nodejs22.x", "nodejs24.x", "java11", "java17", "java21", "java25", "dotnet8", "dotnet10"),
    *("ruby3.3", "ruby3.4", "ruby4.0", "provided.al2", "provided.al2023"),
)
"""Those whose functions are called by an invoker."""

ALL = (*PYTHON, *OTHER)

MAX_HANDLER = 128
"""The longest name of a handler in characters."""

_HANDLERS = {"python": "handler.handler", "nodejs": "index.handler", "provided": "bootstrap"}
_SUFFIXES = ("", ".js", ".mjs", ".cjs")
"""Of what Node takes as a module; a folder with an `index.js` is one, too."""


def is_python(runtime: str) -> bool:
    """Whether the job runner can run in it."""
    return runtime in PYTHON


def default_handler(runtime: str) -> str | None:
    """The handler of a job that names none; None where there is no usual name."""
    return next((handler for family, handler in _HANDLERS.items() if runtime.startswith(family)), None)


def check_handler_in(runtime: str, folder: Path, handler: str) -> str | None:
    """What is wrong with a handler in a runtime other than Python, or None. Only Node's can be looked for."""
    if not handler or len(handler) > MAX_HANDLER or any(letter.isspace() for letter in handler):
        return said("is no handler of Lambda's", got=shown(handler), allowed=f"1 to {MAX_HANDLER}, without spaces")
    if not runtime.startswith("nodejs") or not folder.is_dir() or handler.startswith("/"):
        return None  # An absolute path is that of a layer.
    place, slash, name = handler.rpartition("/")
    module, dot, _ = name.partition(".")  # What follows is a path inside of the module, with dots of its own.
    if not module or not dot or ".." in handler:
        return said("is no handler of Node's", got=shown(handler), allowed="module.function")
    file = f"{place}{slash}{module}"
    if any((folder / f"{file}{suffix}").exists() for suffix in _SUFFIXES):
        return None
    return said(f"there is no {file}.js in the folder, nor .mjs or .cjs", got=shown(handler))
