"""Phaseline: orchestrate AWS Lambda functions with MongoDB.

    from phaseline import Client

Importing this package must stay cheap: it never imports `aws_cdk`, which starts a Node process, and it imports the
client (with pymongo ten times as slow as an empty Python) only where somebody asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["Client", "Execution"]

if TYPE_CHECKING:
    from phaseline_runtime.client import Client, Execution
else:  # Hidden from type checkers, which would take any name for one of the package.

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from phaseline_runtime import client

        found: object = getattr(client, name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
