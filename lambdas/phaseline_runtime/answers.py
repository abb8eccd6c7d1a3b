"""What Lambda's answers to a call mean for the attempt: the function's own error, or one of ours.

Sources: Lambda API reference, `Invoke`; developer guide, "Understanding retry behavior" and "Lambda quotas".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from phaseline_runtime.errors import (
    CRASHED,
    INPUT_TOO_LARGE,
    OUTPUT_TOO_LARGE,
    TIMEOUT,
    UNAVAILABLE,
    AttemptFailed,
)

NOT_RUN = frozenset(
    {
        *("TooManyRequestsException", "ResourceConflictException", "ResourceNotReadyException"),
        *("EC2ThrottledException", "EC2UnexpectedException", "ENILimitReachedException", "ENINotReadyException"),
        *("SubnetIPAddressLimitReachedException", "CodeArtifactUserPendingException"),
        *("EFSMountConnectivityException", "EFSMountTimeoutException"),
        *("S3FilesMountConnectivityException", "S3FilesMountTimeoutException"),
        *("SnapStartNotReadyException", "SnapStartTimeoutException"),
    }
)
"""Refusals that pass by themselves, after which nothing has run: throttled, pending, no network or volume yet."""

TOO_LARGE = frozenset({"RequestTooLargeException", "SerializedRequestEntityTooLargeException"})

_OF_FUNCTIONS = {
    "Sandbox.Timedout": TIMEOUT,
    "Function.ResponseSizeTooLarge": OUTPUT_TOO_LARGE,
    "Runtime.ExitError": CRASHED,
    "Runtime.OutOfMemory": CRASHED,
    "Extension.Crash": CRASHED,
}
"""What Lambda itself calls the ends of a function that no code of the function's has named."""

_TIMED_OUT = "Task timed out after"


def refusal(response: Mapping[str, Any], target: str) -> AttemptFailed:
    """The failure of an attempt whose function Lambda did not run, or does not know whether it ran.

    A refusal that stays until somebody changes something keeps the name that AWS gives it.
    """
    error: Mapping[str, Any] = response.get("Error") or {}
    status: int = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0
    code = str(error.get("Code") or status)
    said = f"{code}: {error.get('Message') or error.get('message') or response.get('Message') or 'no reason given'}"
    if code in NOT_RUN:
        return AttemptFailed(UNAVAILABLE, f"Lambda did not run {target}: {said}")
    if code in TOO_LARGE:
        return AttemptFailed(INPUT_TOO_LARGE, f"Lambda did not take the input of {target}: {said}")
    if code == "ServiceException" or (status >= 500 and not code.endswith("Exception")):
        return AttemptFailed(CRASHED, f"Lambda failed while it ran {target}; whether that has ended is unknown: {said}")
    return AttemptFailed(code, f"Lambda did not run {target}: {said}")


def failure(body: bytes, target: str) -> AttemptFailed:
    """The failure of an attempt whose function ran and failed: its own `errorType` and `errorMessage`."""
    try:
        found = json.loads(body)
    except ValueError:
        found = body.decode(errors="replace")
    document: Mapping[str, Any] = found if isinstance(found, dict) else {"errorMessage": found}
    message = str(document.get("errorMessage") or f"{target} has failed without a message")
    kind = str(document.get("errorType") or (TIMEOUT if _TIMED_OUT in message else CRASHED))
    trace = document.get("stackTrace") or document.get("trace") or ""
    lines = trace if isinstance(trace, list) else [trace]
    return AttemptFailed(_OF_FUNCTIONS.get(kind, kind), message, "\n".join(str(line).rstrip("\n") for line in lines))
