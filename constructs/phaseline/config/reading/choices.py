"""The keys that have a short form and a long one: `next`, `wait_for`, `wait` and `compensate`."""

from __future__ import annotations

from datetime import datetime

from phaseline.config.faults import Faults, said
from phaseline.config.reading import durations
from phaseline.config.reading.entries import CompensateEntry, TransitionEntry, WaitEntry, WaitForEntry
from phaseline.config.reading.positions import Node
from phaseline.config.reading.records import Fields, Key, ListOf, Record
from phaseline.config.reading.retries import YEAR
from phaseline.config.reading.scalars import resolve
from phaseline.config.reading.shapes import PLACEHOLDER_SCHEMA, Free, Reference, Schema, Seconds, Shape, Word


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
        if node.open:
            return None
        value = resolve(node.text) if node.filled else node.value
        if value == "any":
            return WaitForEntry(node, count=1)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return WaitForEntry(node, count=value)
        if isinstance(node.value, (str, list)):
            names: tuple[Word, ...] | None = _NAMES.read(node, faults)
            return None if names is None else WaitForEntry(node, names=names)
        faults.add(node, said("must say what to wait for", got=node.shown, allowed="any, a number from 1, job names"))
        return None

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "integer", "minimum": 1}, _NAMES.schema(), PLACEHOLDER_SCHEMA]}


_NAMES = ListOf(Reference(), "job names", one=True, least=1)


_EXPRESSION = Free("an expression", mapping=False)
_UNTIL = Record(
    "a wait",
    {
        "until": Key(
            _EXPRESSION,
            "A MongoDB aggregation expression that gives a date, or a text such as 2026-05-31T12:00:00Z.",
            required=True,
        )
    },
    lambda fields: WaitEntry(fields.node, until=fields.get("until")),
)
_SECONDS = Seconds(YEAR, "a year", least=0)


class WaitShape(Shape[WaitEntry]):
    """A duration, or `{until: EXPR}`."""

    def read(self, node: Node, faults: Faults) -> WaitEntry | None:
        if isinstance(node.value, dict):
            entry = _UNTIL.read(node, faults)
            if entry is not None and entry.until is not None:
                _check_time(entry.until, faults)
            return entry
        if not node.open and durations.seconds(node.value) is None:
            allowed = f"{durations.ALLOWED}, {{until: …}}"
            faults.add(node, said("must say how long to wait", got=node.shown, allowed=allowed))
            return None
        seconds = _SECONDS.read(node, faults)
        return None if seconds is None else WaitEntry(node, seconds)

    def schema(self) -> Schema:
        return {"anyOf": [_SECONDS.schema(), _UNTIL.schema()]}


def _check_time(node: Node, faults: Faults) -> None:
    """A time that stands in the file can be held against what the engine takes."""
    if node.open or isinstance(node.value, dict) or node.text.startswith("$"):
        return
    try:
        datetime.fromisoformat(node.value if isinstance(node.value, str) else "")
    except ValueError:
        allowed = "2026-05-31T12:00:00Z, or an expression such as $input.at"
        faults.add(node, said("is no date and time", got=node.shown, allowed=allowed))


_COMPENSATE = Record(
    "a compensation",
    {
        "job": Key(Reference(), "The declared job that undoes.", required=True),
        "input": Key(
            _EXPRESSION, "A MongoDB aggregation expression; by default {input, output} of the attempt that it undoes."
        ),
    },
    lambda fields: CompensateEntry(fields.node, fields.get("job"), fields.get("input")),
)


class CompensateShape(Shape[CompensateEntry]):
    """The name of a job, or `{job, input}`."""

    def read(self, node: Node, faults: Faults) -> CompensateEntry | None:
        if isinstance(node.value, dict):
            return _COMPENSATE.read(node, faults)
        if not isinstance(node.value, str):
            faults.add(node, said("must be a job that undoes", got=node.shown, allowed="JOB, {job: JOB, input: …}"))
            return None
        job = Reference().read(node, faults)
        return None if job is None else CompensateEntry(node, job)

    def schema(self) -> Schema:
        return {"anyOf": [Reference().schema(), _COMPENSATE.schema()]}
