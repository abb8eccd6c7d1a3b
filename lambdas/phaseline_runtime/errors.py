"""The errors of Phaseline, in a tree by who must act.

Errors that are recorded in a status have names of their own (`Phaseline.OutputTooLarge`, …): see the constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phaseline_runtime.masking import masked

OUTPUT_TOO_LARGE = "Phaseline.OutputTooLarge"
INPUT_TOO_LARGE = "Phaseline.InputTooLarge"
EXPRESSION_FAILED = "Phaseline.ExpressionFailed"
WAIT_FOR_NOT_MET = "Phaseline.WaitForNotMet"
TIMEOUT = "Phaseline.Timeout"
CRASHED = "Phaseline.Crashed"
UNAVAILABLE = "Phaseline.Unavailable"
"""Lambda did not run the handler at all: it was throttled, or the sandbox crashed before the claim."""
NOT_STARTED = "Phaseline.NotStarted"
TRANSACTION_CONFLICT = "Phaseline.TransactionConflict"
TRANSACTION_TOO_LONG = "Phaseline.TransactionTooLong"
ALL = "Phaseline.ALL"
"""Matches any error."""


RECORDED = (
    TIMEOUT,
    CRASHED,
    NOT_STARTED,
    UNAVAILABLE,
    OUTPUT_TOO_LARGE,
    INPUT_TOO_LARGE,
    EXPRESSION_FAILED,
    WAIT_FOR_NOT_MET,
    TRANSACTION_CONFLICT,
    TRANSACTION_TOO_LONG,
)
"""All that a status can have as `error.type` beside the names of the users' own classes."""


_SHOWN = 5
"""How many of the jobs that were not undone are named in a line."""


def in_words(error: Mapping[str, Any]) -> str:
    """An error as a status has it, in a line: its type and message, and what was not undone.

    That of an execution that was cancelled and undone has neither type nor message, and where all was undone it says
    nothing.
    """
    said = ": ".join(str(error[key]) for key in ("type", "message") if error.get(key))
    left = error.get("notUndone") or ()
    if not left:
        return said
    named = ", ".join(f"{item['job']} (round {item['round']})" for item in left[:_SHOWN])
    more = f" and {len(left) - _SHOWN:,} more" if len(left) > _SHOWN else ""
    return f"{said}; not undone: {named}{more}".removeprefix("; ")


class AttemptFailed(Exception):
    """Fails the attempt that runs with this very error. Any other exception does so under the name of its class.

    Args:
        type: one of ours, or the name that somebody else has given the error.
        message: for people.
        trace: where it was raised, as text.
    """

    def __init__(self, type: str, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.type = type
        self.trace = trace


class PhaselineError(Exception):
    """Base of every error that Phaseline raises to its caller.

    It may quote what it was given, and so user and password of a URL are masked in its message.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*(masked(each) if isinstance(each, str) else each for each in args))


class UserError(PhaselineError):
    """The caller has to change something: the message says what."""


class UnknownMachine(UserError):
    """No definition of that name has been deployed to this database."""


class UnknownExecution(UserError):
    """There is no execution with that id in this database."""


class InvalidInput(UserError):
    """The input cannot be stored, or does not meet the machine's `input_schema`."""


class InvalidId(UserError):
    """The execution id chosen by the caller has a form that is not allowed."""


class ExecutionConflict(UserError):
    """The id is taken: by another input, by another state machine, or by what is being deleted."""


class RequestRefused(UserError):
    """What is asked of an execution makes no sense in the state that it is in."""


class DatabaseUnavailable(PhaselineError):
    """MongoDB cannot be reached, or refuses: waiting or mending the connection helps, another call does not."""
