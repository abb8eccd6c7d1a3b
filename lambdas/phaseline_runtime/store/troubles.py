"""What the driver's errors mean for whoever called: one sentence that names the server and says what to do."""

from __future__ import annotations

import re
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from phaseline_runtime.errors import DatabaseUnavailable, PhaselineError, UserError

_REFUSED = (13, 18, 8000)  # Unauthorized, AuthenticationFailed, Atlas's own
_PLACE = re.compile(r"^(\S+:\d+: )?(\[Errno -?\d+\] )?")


def explained(error: PyMongoError, client: MongoClient[Any]) -> PhaselineError:
    """The error to raise instead: a DatabaseUnavailable, or a UserError where the request itself is at fault."""
    where = f"MongoDB at {_hosts(client)}"
    if isinstance(error, ConnectionFailure):
        return DatabaseUnavailable(
            f"{where} cannot be reached ({reason(error)}): check that it runs and that the connection string is right"
        )
    if isinstance(error, OperationFailure):
        said = str((error.details or {}).get("errmsg") or reason(error))
        if error.code in _REFUSED:
            return DatabaseUnavailable(
                f"{where} refuses ({said}): check the user, the password and the rights of the user "
                "(docs/atlas.md lists those that it needs)"
            )
        return UserError(f"{where} refuses the request: {said}")
    return DatabaseUnavailable(f"{where}: {reason(error)}")


def reason(error: Exception) -> str:
    """Why a server cannot be had, without its address, the driver's settings and the driver's view of the topology."""
    text = " ".join(str(error).split())
    for noise in (" (configured timeouts:", ", Timeout:", ", Topology Description:", ", full error:"):
        text = text.partition(noise)[0]
    return _PLACE.sub("", text) or type(error).__name__


def _hosts(client: MongoClient[Any]) -> str:
    found = sorted(f"{host}:{port}" for host, port in client.topology_description.server_descriptions())
    return ", ".join(found) or "an unknown place"
