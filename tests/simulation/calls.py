"""One invocation of a handler that can be held up at any operation and goes on later, without threads.

A call is run from its beginning each time it goes on: what its operations gave before is given again from its log, so
it comes to the same point and goes on from there. That is exact as long as a handler depends on nothing but what goes
through `gate` and `recorded`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.simulation.faults import Faults

T = TypeVar("T")


class Held(BaseException):
    """The call goes on after this time; `then` gives what the operation at which it was held has for a result."""

    def __init__(self, span: timedelta, then: Callable[[], Any] | None = None) -> None:
        super().__init__(f"held for {span}")
        self.span = span
        self.then = then


class Crashed(BaseException):
    """The process is gone."""


@dataclass(frozen=True, slots=True)
class _Given:
    label: str
    value: Any = None
    error: Exception | None = None


class Call:
    """An invocation. `name` identifies it in the seed, `host` whose clock it has."""

    def __init__(
        self,
        name: str,
        kind: str,
        run: Callable[[Call], None],
        faults: Faults,
        *,
        may_crash: bool = True,
    ) -> None:
        self.name = name
        self.kind = kind
        self.skew = faults.skew(name)
        self.known: frozenset[str] = frozenset()
        self.attempted: list[str] = []
        self.listed: Sequence[str] = ()
        """The plan that it inserts, in its order."""
        self.answered: dict[str, frozenset[str]] = {}
        self.since = -1
        """How many statuses there were when it began."""
        self.until: datetime | None = None
        """When Lambda ends this invocation by force."""
        self.again: Callable[[], Call] | None = None
        """What Lambda invokes after a crash; None where that is the end of it."""
        self.then: Callable[[], None] | None = None
        """What is done once it has come to its end by itself."""
        self.dies = False
        """Whether it does so right after this operation."""
        self.run = run
        self._faults = faults
        self._may_crash = may_crash
        self._log: list[_Given] = []
        self._position = 0
        self._inside = False
        self._gone: BaseException | None = None
        self._held: set[int] = set()

    def before(self, identifier: str) -> tuple[str, ...]:
        """The slots that it has tried or looked at before this one, without those behind it in its plan."""
        place = self.listed.index(identifier) if identifier in self.listed else len(self.listed)
        behind = {*self.listed[place:]}
        return tuple(each for each in self.attempted if each not in behind)

    def go_on(self) -> BaseException | None:
        """Run until the end (None), a hold or a crash."""
        self._position, self._gone = 0, None
        with suppress(Held, Crashed):
            self.run(self)
        return self._gone

    def gate(self, operation: Callable[[], Any]) -> Any:
        """Do one operation of the database, if this process lives to do it."""
        self._alive()
        if self._position < len(self._log):
            return self._again(_label(operation))
        number = len(self._log)
        if number not in self._held:
            self._held.add(number)
            span = self._faults.held(self.name, number)
            if span is not None:
                self._leave(Held(span))
        crash = self._faults.crash(self.name, number) if self._may_crash else None
        if crash is not None and crash.before:
            self._leave(Crashed(f"{self.name} before operation {number}"))
        self._inside = True
        given = _result_of(operation)
        self._inside = False
        self._log.append(given)
        self._position += 1
        if crash is not None or self.dies:
            self._leave(Crashed(f"{self.name} after operation {number}"))
        return _value(given)

    def recorded(self, make: Callable[[], T]) -> T:
        """Something that is no operation and may be different each time, such as a look at the clock."""
        if self._inside or self._gone is not None:
            return make()
        if self._position == len(self._log):
            self._log.append(_Given(_label(make), make()))
        return self._again(_label(make))  # type: ignore[no-any-return]

    def wait(self, span: timedelta, then: Callable[[], Any]) -> Any:
        """Let time pass, such as the user's handler takes; what `then` gives, once it has passed."""
        self._alive()
        if self._position < len(self._log):
            return self._again(_label(then))
        return self._leave(Held(span, then))

    def resume(self, then: Callable[[], Any] | None) -> None:
        """Note the result of what it was held for."""
        if then is not None:
            self._log.append(_result_of(then))

    def crash(self) -> None:
        """This process is gone; whatever handles that inside it comes to nothing."""
        self._leave(Crashed(f"{self.name} in the user's handler"))

    def _alive(self) -> None:
        if self._gone is not None:
            raise self._gone

    def _leave(self, gone: BaseException) -> None:
        self._gone = gone
        raise gone

    def _again(self, label: str) -> Any:
        given = self._log[self._position]
        assert given.label == label, f"{self.name} does {label} where it did {given.label} before"
        self._position += 1
        return _value(given)


def _label(function: Callable[[], Any]) -> str:
    """What a function is called, so that a call that goes on otherwise than before is noticed."""
    return str(getattr(getattr(function, "func", function), "__qualname__", function))


def _result_of(operation: Callable[[], Any]) -> _Given:
    try:
        return _Given(_label(operation), operation())
    except Exception as error:
        return _Given(_label(operation), error=error)


def _value(given: _Given) -> Any:
    if given.error is not None:
        raise given.error
    return given.value
