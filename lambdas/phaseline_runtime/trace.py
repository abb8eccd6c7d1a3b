"""The X-Ray trace of the invocation that runs."""

from __future__ import annotations

import os


def trace_id() -> str | None:
    """The id of the trace that Lambda runs this invocation in; None outside of Lambda.

    Lambda sets it anew for each invocation (AWS Lambda, defined runtime environment variables):
    `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=…;Sampled=1`, of which the id is the root.
    """
    parts = os.environ.get("_X_AMZN_TRACE_ID", "").split(";")
    return next((part.removeprefix("Root=") for part in parts if part.startswith("Root=")), None)
