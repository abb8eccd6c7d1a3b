"""`on_failure`: what a failure means, as one action or as a list of them by error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phaseline.config.faults import Faults, nearest, said
from phaseline.config.reading.error_names import Covers, ErrorsShape, never_reached
from phaseline.config.reading.positions import Node
from phaseline.config.reading.records import Fields, Key, ListOf, Record
from phaseline.config.reading.shapes import Choice, Reference, Schema, Shape, Word
from phaseline_runtime.definition import Action, OnFailure
from phaseline_runtime.errors import ALL, WAIT_FOR_NOT_MET

_ACTIONS = ("fail", "continue")


@dataclass(frozen=True, slots=True)
class CaseEntry:
    """What some errors mean; `to` holds the phase as written. `action` is None where it could not be read."""

    node: Node
    action: Action | None
    to: Word | None
    covers: Covers

    @property
    def value(self) -> OnFailure:
        """As compiled."""
        return OnFailure(self.action or Action.FAIL, None if self.to is None else self.to.text, self.covers.errors)


@dataclass(frozen=True, slots=True)
class FailureEntry:
    """An `on_failure`: its cases, of which the first that matches an error decides; none is `fail`."""

    node: Node
    cases: Sequence[CaseEntry]

    @property
    def _reached(self) -> list[CaseEntry]:
        idle = never_reached([case.covers for case in self.cases])
        return [case for place, case in enumerate(self.cases) if place not in idle]

    @property
    def value(self) -> tuple[OnFailure, ...]:
        """As compiled: without what no error gets to, and without a `fail` at the end, which goes without saying."""
        found = [case.value for case in self._reached]
        while found and found[-1].action is Action.FAIL:
            found.pop()
        return tuple(found)

    @property
    def named(self) -> list[Word]:
        """The phases that it names."""
        return [case.to for case in self.cases if case.to is not None]

    @property
    def _of_jobs(self) -> list[OnFailure]:
        """What it says of failures that a job is capable of: that too few have succeeded is one of the phase."""
        return [each for each in self.value if each.errors != (WAIT_FOR_NOT_MET,)]

    @property
    def targets(self) -> set[str]:
        """The phases to which failures of jobs lead."""
        return {each.to for each in self._of_jobs if each.to is not None}

    def targets_of(self, error: str) -> set[str]:
        """The phase to which this error leads; more than one where not all names of errors are known yet."""
        found = set()
        for case in self._reached:
            known = case.covers.known
            if known and not case.covers.covers(error):
                continue
            found |= set() if case.to is None else {case.to.text}
            if known:
                break
        return found

    @property
    def ending(self) -> str | None:
        """For messages: what it does that ends a round, or None where every failure is to `continue`."""
        found = [f"to {each.to}" if each.to is not None else str(each.action) for each in self._of_jobs]
        if not any(ALL in each.errors for each in self.value):
            found.append(str(Action.FAIL))
        return " or ".join(dict.fromkeys(each for each in found if each != Action.CONTINUE)) or None


def _case(fields: Fields) -> CaseEntry:
    to, action = fields.get("to"), fields.get("action")
    meant = Action.TO if to is not None else None if action is None else Action(action.text)
    return CaseEntry(fields.node, meant, to, Covers.of(fields))


_CASE = Record(
    "an on_failure",
    {
        "errors": Key(ErrorsShape(), "The errors: class names, `Phaseline.Timeout`, …; any by default."),
        "to": Key(Reference(), "The phase, or `end`.", required=True, unless=("action",)),
        "action": Key(Choice("action", _ACTIONS), "`fail` or `continue`, in the place of `to`."),
    },
    _case,
)
_CASES = ListOf(_CASE, "cases", least=1)


class FailureShape(Shape[FailureEntry]):
    """`fail`, `continue`, `{to: PHASE}`, `{errors, to}` or `{errors, action}`, or a list of those."""

    def read(self, node: Node, faults: Faults) -> FailureEntry | None:
        if node.open:
            return None
        if isinstance(node.value, dict):
            return _made(node, [_CASE.read(node, faults)], faults)
        if isinstance(node.value, list):
            return _made(node, _CASES.read(node, faults) or (), faults)
        if node.value in _ACTIONS:
            return FailureEntry(node, (CaseEntry(node, Action(str(node.value)), None, Covers(OnFailure().errors)),))
        meant = nearest(node.value, _ACTIONS) if isinstance(node.value, str) else None
        allowed = "fail, continue, {to: PHASE}, [{errors: […], to: PHASE}, …]"
        faults.add(node, said("must be an action", got=node.shown, allowed=allowed, meant=meant))
        return None

    def schema(self) -> Schema:
        return {"anyOf": [{"enum": list(_ACTIONS)}, _CASE.schema(), _CASES.schema()]}


def _made(node: Node, read: Sequence[CaseEntry | None], faults: Faults) -> FailureEntry | None:
    cases = [case for case in read if case is not None]
    for place in never_reached([case.covers for case in cases]):
        faults.warn(cases[place].node, "is never reached: those before it take all of its errors")
    readable = [case for case in cases if case.action is not None]
    return FailureEntry(node, readable) if readable else None
