"""The keys that have a short form and a long one: `next` and `wait_for`."""

from __future__ import annotations

from phaseline.config.entries import TransitionEntry, WaitForEntry
from phaseline.config.faults import Faults, said
from phaseline.config.positions import Node
from phaseline.config.records import Fields, Key, ListOf, Record
from phaseline.config.shapes import Free, Reference, Schema, Shape, Word


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
