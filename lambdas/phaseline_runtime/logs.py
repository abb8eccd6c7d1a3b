"""Structured logs: one JSON object a line, with what identifies the invocation and the status at hand.

The keys are those of Powertools for AWS Lambda, which is not used here: it costs a cold start more than all of ours.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import wraps
from logging import Logger
from typing import Any, TypeVar

from phaseline_runtime.masking import masked
from phaseline_runtime.statuses import Status
from phaseline_runtime.trace import trace_id

__all__ = ["Logger", "follow", "logged", "logger"]

T = TypeVar("T")
_ROOT = "phaseline"

_invocation: ContextVar[Mapping[str, Any]] = ContextVar("phaseline_invocation")
_followed: ContextVar[Mapping[str, Any]] = ContextVar("phaseline_followed")


def logger(service: str) -> Logger:
    """The logger of one Lambda; `service` is its name.

    It logs from INFO on, or from the level that Lambda's own logging configuration asks for.
    """
    root = logging.getLogger(_ROOT)
    if not root.handlers:
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO")
        root.setLevel("DEBUG" if level == "TRACE" else level)  # The one level that Python does not know.
        root.addHandler(_Lines())
        root.propagate = False  # Lambda's own handler would write everything once more.
        aws = logging.getLogger("botocore")
        if aws.level == logging.NOTSET:
            # Where a function logs from DEBUG on, it would write the secrets that are read, and the role's credentials.
            aws.setLevel(logging.INFO)
    return root.getChild(service)


def logged(handler: Callable[[Any, Any], T]) -> Callable[[Any, Any], T]:
    """Decorates an entry point: its log lines carry the request id and the X-Ray trace id of the invocation."""

    @wraps(handler)
    def entry(event: Any, context: Any) -> T:
        _invocation.set(
            _present(
                function_request_id=getattr(context, "aws_request_id", None),
                xray_trace_id=trace_id(),
            )
        )
        _followed.set({})
        return handler(event, context)

    return entry


def follow(status: Status) -> None:
    """Put what identifies this status on every line from here on, in place of what stood there before."""
    _followed.set(
        _present(
            execution=status.execution,
            stateMachine=status.state_machine,
            phase=status.phase,
            round=status.round,
            job=status.name,
            attempt=status.attempt,
        )
    )


def _present(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


class _Lines(logging.Handler):
    """Writes to whatever `sys.stdout` is at that time."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(json.dumps(_line(record), default=str, ensure_ascii=False), flush=True)
        except Exception:  # As every handler of `logging` does: a line that cannot be written breaks nothing.
            self.handleError(record)


def _line(record: logging.LogRecord) -> dict[str, Any]:
    line = {
        "level": record.levelname,
        "location": f"{record.funcName}:{record.lineno}",
        "message": record.getMessage(),
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "service": record.name.removeprefix(f"{_ROOT}."),
        **_invocation.get({}),
        **_followed.get({}),
        **{key: value for key, value in vars(record).items() if key not in _STANDARD},
    }
    if record.exc_info is not None and record.exc_info[0] is not None:
        line["exception"] = logging.Formatter().formatException(record.exc_info)
        line["exception_name"] = record.exc_info[0].__name__
    return {key: masked(value) if isinstance(value, str) else value for key, value in line.items()}


_STANDARD = {*vars(logging.makeLogRecord({})), "message", "taskName"}
"""What every record has; the rest was given as `extra`."""
