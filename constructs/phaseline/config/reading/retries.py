"""`retry`: when a failed attempt is tried again, as one policy or as a list of them by error."""

from __future__ import annotations

from dataclasses import dataclass

from phaseline.config.faults import Faults, said
from phaseline.config.reading.error_names import Covers, ErrorsShape, never_reached
from phaseline.config.reading.positions import Node
from phaseline.config.reading.records import Fields, Key, ListOf, Record
from phaseline.config.reading.shapes import Choice, Number, Schema, Seconds, Shape, Whole, Word
from phaseline_runtime.definition import Retry
from phaseline_runtime.errors import ALL, EXPRESSION_FAILED, WAIT_FOR_NOT_MET

YEAR = 365 * 86_400
"""The longest time that anything may wait, in seconds."""

_NOT_OF_ATTEMPTS = (EXPRESSION_FAILED, WAIT_FOR_NOT_MET)
"""Errors that no attempt ends with: an expression fails before the first attempt, a `wait_for` fails the round."""


def _delay(least: int) -> Seconds:
    return Seconds(YEAR, "longer than that is no retry", least=least)


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """One retry policy, with its place."""

    fields: Fields
    covers: Covers

    @property
    def value(self) -> Retry:
        """As compiled: what the file leaves out is as Amazon States Language has it."""
        fields, plain = self.fields, Retry()
        jitter: Word | None = fields.get("jitter")
        longest: int | None = fields.get("max_delay")
        # Delays are floats whatever was written: `1s` and the default of 1.0 are to give the same hash.
        return Retry(
            errors=self.covers.errors,
            never=self.covers.never,
            max_attempts=fields.get("max_attempts", plain.max_attempts),
            interval=float(fields.get("interval", plain.interval)),
            backoff_rate=float(fields.get("backoff_rate", plain.backoff_rate)),
            max_delay=None if longest is None else float(longest),
            jitter=jitter is not None and jitter.text == "full",
        )


class _NeverShape(ErrorsShape):
    """As `errors`, but that it cannot be all of them."""

    def read(self, node: Node, faults: Faults) -> tuple[Word, ...] | None:
        words = super().read(node, faults)
        every = next((word for word in words or () if word.text == ALL), None)
        if every is None:
            return words
        what = "a policy that no error is for means nothing"
        faults.add(every.node, said(what, got=ALL, allowed="names of errors; `max_attempts: 0` for no retry"))
        return None


_POLICY = Record(
    "a retry policy",
    {
        "max_attempts": Key(Whole(0, 99_999_999, "retries"), "The most retries; 3 by default, 0 for none."),
        "interval": Key(_delay(0), "The delay before the first retry; 1s by default."),
        "backoff_rate": Key(Number(1, 100), "What each further delay is multiplied by; 2 by default."),
        "max_delay": Key(_delay(1), "The longest delay; a year by default."),
        "jitter": Key(Choice("jitter", ("none", "full")), "`full`: a delay between zero and the computed one."),
        "errors": Key(ErrorsShape(), "The errors that it is for; any by default."),
        "never": Key(_NeverShape(), "Errors that it is not for, whatever `errors` says."),
    },
    lambda fields: PolicyEntry(fields, Covers.of(fields)),
)
_POLICIES = ListOf(_POLICY, "retry policies")


class RetryShape(Shape[tuple[Retry, ...]]):
    """One policy, or a list of which the first that matches an error decides."""

    def read(self, node: Node, faults: Faults) -> tuple[Retry, ...] | None:
        if node.open:
            return None
        if isinstance(node.value, list):
            policies = _POLICIES.read(node, faults) or ()
        elif isinstance(node.value, dict):
            policies = tuple(each for each in [_POLICY.read(node, faults)] if each is not None)
        else:
            allowed = "{max_attempts: 3, …}, [{errors: […], max_attempts: 3}, …]"
            faults.add(node, said("must be a retry policy or a list of them", got=node.shown, allowed=allowed))
            return None
        idle = never_reached([policy.covers for policy in policies])
        for place, policy in enumerate(policies):
            _doubt(policy, faults, idle=place in idle)
        return tuple(policy.value for place, policy in enumerate(policies) if place not in idle)

    def schema(self) -> Schema:
        return {"anyOf": [_POLICY.schema(), _POLICIES.schema()]}


def _doubt(policy: PolicyEntry, faults: Faults, *, idle: bool) -> None:
    """Warn of what is allowed and does nothing."""
    covers, fields = policy.covers, policy.fields
    if idle and all(error in covers.never for error in covers.errors):
        faults.warn(fields.node, "is for no error: `never` names all of its `errors`")
    elif idle:
        faults.warn(fields.node, "is never reached: those before it take all of its errors")
    for word in fields.get("errors") or ():
        if word.text in _NOT_OF_ATTEMPTS:
            faults.warn(word.node, said("has no effect in a retry: no attempt ends with it", got=word.text))
    longest, interval = fields.get("max_delay"), fields.get("interval", int(Retry().interval))
    if longest is not None and longest < interval:
        faults.warn(fields.place("max_delay"), f"is shorter than the interval of {interval}s: every delay is cut to it")
