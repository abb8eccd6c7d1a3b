"""What stands in for a job in a test: values, errors and time, by attempt.

A mock is one part after another. A part is for so many attempts, or for all that come; behind the last, the job's own
code runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NoReturn

from phaseline.config.reading import durations
from phaseline.config.reading.error_names import is_name
from phaseline_runtime import errors
from phaseline_runtime.errors import UserError
from phaseline_runtime.transactions import wants_session

Handler = Callable[..., Any]


class Fault(StrEnum):
    """What happens to the attempt outside of its handler."""

    CRASHED = errors.CRASHED
    """The sandbox dies after the start."""
    UNAVAILABLE = errors.UNAVAILABLE
    """Lambda does not run the handler and says so."""
    NOT_STARTED = errors.NOT_STARTED
    """The event and all its copies are lost."""


class MockCrash(BaseException):
    """The sandbox is gone: nothing of the handler or the runner goes on."""


@dataclass(frozen=True, slots=True)
class Part:
    """What happens in some attempts. Without a handler and a fault, the job's own code runs."""

    handler: Handler | None = None
    fault: Fault | None = None
    times: int | None = None
    """In how many attempts; None is in all that come."""
    seconds: float = 0.0
    """How long it takes before that, in virtual time."""
    heartbeat: float | None = None
    """Seconds between two signs of life in that time; None is for none."""


@dataclass(frozen=True, slots=True)
class Mock:
    """What stands in for a job. Made by `fails`, `returns` and `takes`."""

    parts: tuple[Part, ...]

    def then(self, mock: Behaviour) -> Mock:
        """What comes after its last attempt: `fails("BoatTaken", times=2).then(returns({"boat": "Nixe"}))`."""
        if self.parts[-1].times is None:
            raise UserError("then: what stands before it is for every attempt; say for how many: times=1")
        return Mock((*self.parts, *as_mock(mock, "then").parts))

    def part(self, number: int) -> Part:
        """What happens in this attempt, counted from 1; behind the last part that is the job's own code."""
        for part in self.parts:
            if part.times is None or number <= part.times:
                return part
            number -= part.times
        return Part()


Behaviour = Mock | Handler | BaseException | Sequence[Any]
"""What can stand in for a job: a mock, a handler, an exception, or a list with one of these for each attempt."""


def returns(*values: Any, times: int | None = None) -> Mock:
    """The job succeeds with this output.

    Args:
        values: The output; of several, each is for one attempt, and the last for all further ones.
        times: In how many attempts the last is returned; None is in all that come.
    """
    if not values:
        raise UserError("returns: got no value; give one, or several for one attempt each")
    counts = [1] * (len(values) - 1) + [_count("returns", times)]
    return Mock(tuple(Part(_returning(value), times=n) for value, n in zip(values, counts, strict=True)))


def fails(
    error: str | BaseException | type[BaseException], message: str | None = None, *, times: int | None = None
) -> Mock:
    """The job fails.

    Args:
        error: The error's name, such as `"BoatTaken"`, an exception or its class; or one of Phaseline's own, such as
            `"Phaseline.Timeout"`, which then arises as in production: a crash after the start, a lost event.
        message: The error's message; that of the exception, or its name, by default.
        times: In how many attempts; None is in all that come. After them, `then` says what happens, or the job's own
            code runs.
    """
    count = _count("fails", times)
    if isinstance(error, str) and error.startswith("Phaseline."):
        return Mock((_of_ours(error, message, count),))
    if isinstance(error, str):
        if not is_name(error):
            raise UserError(f"fails: got {error!r}; allowed is the name of an error, such as BoatTaken")
        raised: BaseException = type(error, (Exception,), {})(error if message is None else message)
    elif isinstance(error, type) and issubclass(error, BaseException):
        raised = _made(error, message)
    elif isinstance(error, BaseException):
        raised = error if message is None else _made(type(error), message)
    else:
        raise UserError(f"fails: got {error!r}; allowed are the name of an error, an exception, or its class")
    return Mock((Part(_raising(raised), times=count),))


def takes(duration: float | str, mock: Behaviour | None = None, *, heartbeat: float | str | None = None) -> Mock:
    """The job takes so long in virtual time, and then does what the mock says, or runs its own code.

    What takes longer than the `timeout` of its use fails as `Phaseline.Timeout`, once that has passed.

    Args:
        duration: Seconds, or a duration as the config has it, such as `"10m"`.
        mock: What it does then; None runs the job's own code.
        heartbeat: Seconds or a duration between two signs of life until then; None gives none.
    """
    inner = Mock((Part(),)) if mock is None else as_mock(mock, "takes")
    beat = None if heartbeat is None else _seconds("takes: heartbeat", heartbeat)
    if beat == 0:
        raise UserError("takes: heartbeat: got 0; allowed is what takes time")
    took = _seconds("takes", duration)
    return Mock(tuple(replace(part, seconds=took + part.seconds, heartbeat=beat) for part in inner.parts))


def as_mock(value: Any, owner: str) -> Mock:
    """A mock, or what stands for one: a handler, or a list with one mock for each attempt. `owner` is its place."""
    if isinstance(value, Mock):
        return value
    if isinstance(value, BaseException) or (isinstance(value, type) and issubclass(value, BaseException)):
        return fails(value)
    if callable(value) and value not in (fails, returns, takes) and _is_handler(value):
        return Mock((Part(value),))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and value:
        *first, last = (as_mock(item, owner) for item in value)
        once = [replace(part, times=1) if part.times is None else part for mock in first for part in mock.parts]
        return Mock((*once, *last.parts))
    raise UserError(
        f"{owner}: got {value!r}; allowed are fails(…), returns(…), takes(…), a handler (event, context), "
        "or a list of these, one for each attempt"
    )


def _is_handler(function: Callable[..., Any]) -> bool:
    """Whether it can be called with an event and a context, and a session if it needs a third argument."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # Of some that are written in C, nobody knows.
        return True
    given = (None, None, None) if wants_session(function) else (None, None)
    try:
        signature.bind(*given)
    except TypeError:
        return False
    return True


def _count(owner: str, times: int | None) -> int | None:
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise UserError(f"{owner}: got times={times!r}; allowed are 1, 2, … or None for every attempt")
    return times


def _seconds(owner: str, value: float | str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    found = durations.seconds(value)
    if found is None:
        raise UserError(f"{owner}: got {value!r}; allowed are seconds, or {durations.ALLOWED}")
    return float(found)


def _made(kind: type[BaseException], message: str | None) -> BaseException:
    try:
        return kind() if message is None else kind(message)
    except TypeError as error:
        raise UserError(f"fails: a {kind.__name__} cannot be made so ({error}); make one and give that") from None


def _returning(value: Any) -> Handler:
    return lambda event, context: value


def _raising(error: BaseException) -> Handler:
    def handler(event: Any, context: Any) -> NoReturn:
        raise error.with_traceback(None)

    return handler


def _of_ours(error: str, message: str | None, times: int | None) -> Part:
    if error in list(Fault):
        return Part(fault=Fault(error), times=times)
    if error == errors.TIMEOUT:
        return Part(_returning(None), times=times, seconds=float("inf"))
    if error not in _RAISED:
        allowed = ", ".join(sorted([*Fault, errors.TIMEOUT, *_RAISED]))
        raise UserError(f"fails: got {error}, which no job can cause; allowed are {allowed}, or a name of your own")
    return Part(lambda event, context: _RAISED[error](message or f"a mock of {error}"), times=times)


def _named(error: str) -> Callable[[str], NoReturn]:
    def raise_(message: str) -> NoReturn:
        raise errors.AttemptFailed(error, message)

    return raise_


def _conflict(message: str) -> NoReturn:
    from pymongo.errors import OperationFailure

    from phaseline_runtime.current import transaction

    with transaction():
        raise OperationFailure(message, 112, {"errorLabels": ["TransientTransactionError"]})


_RAISED: Mapping[str, Callable[[str], NoReturn]] = {
    errors.INPUT_TOO_LARGE: _named(errors.INPUT_TOO_LARGE),
    errors.OUTPUT_TOO_LARGE: _named(errors.OUTPUT_TOO_LARGE),
    errors.TRANSACTION_CONFLICT: _conflict,
    errors.TRANSACTION_TOO_LONG: _named(errors.TRANSACTION_TOO_LONG),
}
