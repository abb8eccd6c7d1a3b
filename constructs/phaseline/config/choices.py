"""The three keys that have a short form and a long one: `on_failure`, `next` and `wait_for`."""

from __future__ import annotations

from phaseline.config.entries import FailureEntry, TransitionEntry, WaitForEntry
from phaseline.config.faults import Faults, nearest, said
from phaseline.config.positions import Node
from phaseline.config.records import Fields, Key, ListOf, Record
from phaseline.config.shapes import Free, Reference, Schema, Shape, Word
from phaseline_runtime.definition import Action

_TO = Record("a target", {"to": Key(Reference(), "The phase.", required=True)}, lambda fields: fields)


class FailureShape(Shape[FailureEntry]):
    """`fail`, `continue` or `{to: PHASE}`."""

    def read(self, node: Node, faults: Faults) -> FailureEntry | None:
        if node.open:
            return None
        if isinstance(node.value, dict):
            target = _TO.read(node, faults)
            to = None if target is None else target.get("to")
            return None if to is None else FailureEntry(Action.TO, node, to)
        if isinstance(node.value, list):
            faults.add(node, "not supported yet: a list by error", at_key=True)
        elif node.value in ("fail", "continue"):
            return FailureEntry(Action(str(node.value)), node)
        else:
            meant = nearest(node.value, ("fail", "continue")) if isinstance(node.value, str) else None
            allowed = "fail, continue, {to: PHASE}"
            faults.add(node, said("must be an action", got=node.shown, allowed=allowed, meant=meant))
        return None

    def schema(self) -> Schema:
        return {"anyOf": [{"enum": ["fail", "continue"]}, _TO.schema()]}


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
