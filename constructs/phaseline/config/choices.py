"""The keys that have a short form and a long one: `on_failure`, `retry`, `next` and `wait_for`."""

from __future__ import annotations

from collections.abc import Sequence

from phaseline.config.entries import FailureEntry, HandlerEntry, TransitionEntry, WaitForEntry
from phaseline.config.faults import Faults, nearest, said
from phaseline.config.positions import Node
from phaseline.config.records import Fields, Key, ListOf, Record
from phaseline.config.shapes import (
    Choice,
    Free,
    Number,
    Placed,
    Reference,
    Schema,
    Seconds,
    Shape,
    Text,
    Whole,
    Word,
)
from phaseline.config.texts import check_error
from phaseline_runtime.definition import Action, Retry
from phaseline_runtime.errors import ALL

YEAR = 365 * 86_400
"""The longest time that anything may wait, in seconds."""


def _delay(least: int) -> Seconds:
    return Seconds(YEAR, "longer than that is no retry", least=least)


_TO = Record("a target", {"to": Key(Reference(), "The phase.", required=True)}, lambda fields: fields)


ERRORS = ListOf(Placed(Text(check_error)), "errors", one=True, least=1)
"""Names of errors: of the users' classes, or of ours."""

_ACTIONS = ("fail", "continue")


def _handler(fields: Fields) -> HandlerEntry | None:
    to, action = fields.get("to"), fields.get("action")
    errors = fields.get("errors", ())
    if to is not None:
        return HandlerEntry(Action.TO, to, errors)
    return None if action is None else HandlerEntry(Action(action.text), None, errors)


_HANDLER = Record(
    "what some errors mean",
    {
        "errors": Key(ERRORS, "The errors: class names, `Phaseline.Timeout`, …; any by default."),
        "to": Key(Reference(), "The phase, or `end`.", required=True, unless="action"),
        "action": Key(Choice("action", _ACTIONS), "`fail` or `continue`, in the place of `to`."),
    },
    _handler,
)


class FailureShape(Shape[FailureEntry]):
    """`fail`, `continue`, `{to: PHASE}`, or a list of `{errors, to}` and `{errors, action}`."""

    def read(self, node: Node, faults: Faults) -> FailureEntry | None:
        if node.open:
            return None
        if isinstance(node.value, dict):
            target = _TO.read(node, faults)
            to = None if target is None else target.get("to")
            return None if to is None else FailureEntry(node, (HandlerEntry(Action.TO, to),))
        if isinstance(node.value, list):
            return self._list(node, faults)
        if node.value in _ACTIONS:
            return FailureEntry(node, (HandlerEntry(Action(str(node.value))),))
        meant = nearest(node.value, _ACTIONS) if isinstance(node.value, str) else None
        allowed = "fail, continue, {to: PHASE}, [{errors: […], to: PHASE}, …]"
        faults.add(node, said("must be an action", got=node.shown, allowed=allowed, meant=meant))
        return None

    def _list(self, node: Node, faults: Faults) -> FailureEntry | None:
        read = _HANDLERS.read(node, faults)
        handlers = tuple(each for each in read or () if each is not None)
        for place, item in enumerate(handlers[:-1]):
            if item.always:
                faults.warn(node.items[place + 1], "is never reached: the entry before it takes every error")
        for each in node.items:
            if "to" in each.mapping and "action" in each.mapping:
                faults.add(each, said("has two meanings", got="to and action", allowed="one of them"))
        return FailureEntry(node, handlers) if handlers else None

    def schema(self) -> Schema:
        return {"anyOf": [{"enum": list(_ACTIONS)}, _TO.schema(), _HANDLERS.schema()]}


_HANDLERS = ListOf(_HANDLER, "handlers", least=1)


def _retry(fields: Fields) -> Retry:
    given = {key: fields.get(key) for key in ("max_attempts", "interval", "backoff_rate", "max_delay")}
    jitter = fields.get("jitter")
    return Retry(
        errors=_texts(fields.get("errors")) or (ALL,),
        never=_texts(fields.get("never")),
        jitter=jitter is not None and jitter.text == "full",
        **{key: value for key, value in given.items() if value is not None},
    )


def _texts(words: Sequence[Word] | None) -> tuple[str, ...]:
    return tuple(word.text for word in words or ())


_POLICY = Record(
    "a retry policy",
    {
        "max_attempts": Key(Whole(0, 99_999_999, "retries"), "The most retries; 3 by default, 0 for none."),
        "interval": Key(_delay(0), "The delay before the first retry; 1s by default."),
        "backoff_rate": Key(Number(1, 100), "What each further delay is multiplied by; 2 by default."),
        "max_delay": Key(_delay(1), "The longest delay; none by default."),
        "jitter": Key(Choice("jitter", ("none", "full")), "`full`: a delay between zero and the computed one."),
        "errors": Key(ERRORS, "The errors that it is for; any by default."),
        "never": Key(ERRORS, "Errors that are not tried again."),
    },
    _retry,
)


class RetryShape(Shape[tuple[Retry, ...]]):
    """One policy, or a list of which the first that matches an error decides."""

    def read(self, node: Node, faults: Faults) -> tuple[Retry, ...] | None:
        if node.open:
            return None
        if isinstance(node.value, list):
            policies = _POLICIES.read(node, faults)
            for place, policy in enumerate((policies or ())[:-1]):
                if ALL in policy.errors and not policy.never and place + 1 < len(node.items):
                    faults.warn(node.items[place + 1], "is never reached: the policy before it takes every error")
            return policies
        if isinstance(node.value, dict):
            found = _POLICY.read(node, faults)
            return None if found is None else (found,)
        faults.add(node, said("must be a retry policy or a list of them", got=node.shown))
        return None

    def schema(self) -> Schema:
        return {"anyOf": [_POLICY.schema(), _POLICIES.schema()]}


_POLICIES = ListOf(_POLICY, "retry policies")


def _transition(fields: Fields) -> TransitionEntry:
    return TransitionEntry(fields.node, fields.get("to"), fields.get("when"), "when" not in fields)


_TRANSITION = Record(
    "a transition",
    {
        "when": Key(Free("a MongoDB query"), "A MongoDB query; without one, it is always taken."),
        "to": Key(Reference(), "The phase, or `end`.", required=True),
    },
    _transition,
)


class NextShape(Shape[tuple[TransitionEntry, ...]]):
    """A phase, `end`, or a list of transitions of which the first that matches is taken."""

    def read(self, node: Node, faults: Faults) -> tuple[TransitionEntry, ...] | None:
        if isinstance(node.value, list):
            return _TRANSITIONS.read(node, faults)
        if isinstance(node.value, str):
            to = Reference().read(node, faults)
            return None if to is None else (TransitionEntry(node, to, None, True),)
        faults.add(node, said("must be a transition", got=node.shown, allowed="PHASE, end, [{when: …, to: PHASE}, …]"))
        return None

    def schema(self) -> Schema:
        return {"anyOf": [Reference().schema(), _TRANSITIONS.schema()]}


_TRANSITIONS = ListOf(_TRANSITION, "transitions")


class WaitForShape(Shape[WaitForEntry]):
    """`any`, a number of successes, or job names."""

    def read(self, node: Node, faults: Faults) -> WaitForEntry | None:
        if node.value == "any":
            return WaitForEntry(node, count=1)
        if isinstance(node.value, int) and not isinstance(node.value, bool) and node.value > 0:
            return WaitForEntry(node, count=node.value)
        if isinstance(node.value, (str, list)):
            names: tuple[Word, ...] | None = _NAMES.read(node, faults)
            return None if names is None else WaitForEntry(node, names=names)
        faults.add(node, said("must say what to wait for", got=node.shown, allowed="any, a number from 1, job names"))
        return None

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "integer", "minimum": 1}, _NAMES.schema()]}


_NAMES = ListOf(Reference(), "job names", one=True, least=1)
