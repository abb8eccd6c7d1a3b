"""Structured logs: Powertools' logger, with the keys of the status at hand."""

from __future__ import annotations

from aws_lambda_powertools import Logger

from phaseline_runtime.statuses import Status

__all__ = ["Logger", "follow", "logger"]


def logger(service: str) -> Logger:
    """The logger of one Lambda; `service` is its name."""
    return Logger(service=service)


_KEYS = ("execution", "stateMachine", "phase", "round", "job", "attempt")


def follow(log: Logger, status: Status) -> None:
    """Put what identifies this status on every line from here on, in place of what stood there before."""
    values = (status.execution, status.state_machine, status.phase, status.round, status.name, status.attempt)
    log.remove_keys(_KEYS)
    log.append_keys(**{key: value for key, value in zip(_KEYS, values, strict=True) if value is not None})
