"""Checks expressions in their place: what they read must exist, and be there when they are evaluated."""

from __future__ import annotations

from dataclasses import dataclass

from phaseline.config.checks.machine_view import MachineView, PhaseView
from phaseline.config.checks.outcomes import ended_when_over
from phaseline.config.checks.places import add_problems, node_at
from phaseline.config.expressions.findings import Read
from phaseline.config.expressions.inspection import Language, inspect
from phaseline.config.faults import Faults, nearest, said, shown, unknown
from phaseline.config.reading.entries import WaitEntry
from phaseline.config.reading.positions import Node


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an expression is evaluated: before a job, after a phase's jobs, before a phase, or to undo a job."""

    phase: PhaseView
    job: str | None = None
    before: bool = False
    undoing: bool = False


def check_reads(machine: MachineView, faults: Faults) -> None:
    """Check all expressions of a state machine."""
    checker = _Checker(machine, faults)
    for phase in machine.phases.values():
        checker.check(phase.entry.when, "query", _Place(phase, before=True))
        checker.check(_until(phase.entry.wait), "expression", _Place(phase, before=True))
        for item in phase.entry.next:
            checker.check(item.when, "query", _Place(phase))
        for name, use in phase.entry.jobs.items():
            checker.check(use.when, "query", _Place(phase, name))
            checker.check(use.input, "expression", _Place(phase, name))
            checker.check(_until(use.wait), "expression", _Place(phase, name))
            if use.compensate is not None:
                checker.check(use.compensate.input, "expression", _Place(phase, name, undoing=True))


def _until(wait: WaitEntry | None) -> Node | None:
    return None if wait is None else wait.until


class _Checker:
    def __init__(self, machine: MachineView, faults: Faults) -> None:
        self.machine = machine
        self.faults = faults
        self.left_behind = {name: _left_behind(phase) for name, phase in machine.phases.items()}

    def check(self, node: Node | None, language: Language, place: _Place) -> None:
        if node is None:
            return
        findings = inspect(node.plain(), language)
        add_problems(node, findings.problems, self.faults)
        for read, path in findings.reads:
            self._read(read, node_at(node, path), place)

    def _read(self, read: Read, node: Node, place: _Place) -> None:
        root, name = read
        if root == "visits" and name is not None:
            if name not in self.machine.phases:
                self._unknown("unknown phase", root, name, list(self.machine.phases), node)
        elif root in ("results", "errors"):
            if name is None:
                self._all(root, node, place)
            elif name not in self.machine.phase_of:
                self._unknown(
                    "no job of this state machine has this name", root, name, list(self.machine.phase_of), node
                )
            else:
                self._one(name, node, place)

    def _unknown(self, what: str, root: str, name: str, known: list[str], node: Node) -> None:
        message = unknown(what, name, known)
        about_key = not (isinstance(node.value, str) and f"{root}.{name}" in node.value)
        self.faults.add(node, message, at_key=about_key)

    def _all(self, root: str, node: Node, place: _Place) -> None:
        """Reading all results at once reads those of the jobs that run at the same time, too."""
        if place.job is None or place.undoing or place.job not in place.phase.sound:
            return
        ended = place.phase.ended_when_runs[place.job]
        racing = [each for each in place.phase.entry.jobs if each != place.job and each not in ended]
        racing = [each for each in racing if place.job not in place.phase.ancestors[each]]
        if racing:
            what = f"reads {root} as a whole, and {', '.join(racing)} may run at the same time"
            self.faults.warn(node, f"{what}: name the jobs that are meant")

    def _one(self, name: str, node: Node, place: _Place) -> None:
        source = self.machine.phase_of[name]
        same = source == place.phase.name
        if same and place.job is not None and name != place.job and not place.undoing:
            self._same_phase(name, place.job, node, place.phase)
            return
        if not self._is_set(source, name, place):
            what = f"is never there when this is read: no way leads from phase {source} back to this place"
            self.faults.warn(node, said(what, got=shown(name)))
        elif name in self.left_behind[source] and name != place.job:
            what = f"may still be running when this is read: `wait_for` of phase {source} does not wait for it"
            self.faults.warn(node, said(what, got=shown(name)))

    def _is_set(self, source: str, name: str, place: _Place) -> bool:
        target = place.phase.name
        if target not in self.machine.reached or source not in self.machine.reached:
            return True  # That is a fault of its own.
        if source == target and (place.undoing or (place.job is None and not place.before)):
            return True
        # What undoes a job runs last of all: phases behind that job have been there, too.
        return self.machine.comes_back(source, target) or (place.undoing and self.machine.comes_back(target, source))

    def _same_phase(self, name: str, reader: str, node: Node, phase: PhaseView) -> None:
        ancestors = phase.ancestors[reader]
        if name in ancestors:
            if reader not in phase.sound or name in phase.ended_when_runs[reader]:
                return
            what = f"may still be running when {reader} starts: not every rule on the way waits for it"
            self.faults.warn(node, said(what, got=shown(name)))
            return
        if reader not in phase.known:
            return
        before = [each for each in phase.entry.jobs if each in ancestors and each != reader]
        allowed = f"itself, jobs that it follows ({', '.join(before) or 'none'}), jobs of other phases"
        what = f"is a race: {name} runs in the same phase, and {reader} does not follow it"
        meant = None if reader in phase.ancestors[name] else nearest(name, before)
        self.faults.add(node, said(what, got=shown(name), allowed=allowed, meant=meant))


def _left_behind(phase: PhaseView) -> set[str]:
    """The jobs that may still run when the phase ends."""
    entry = phase.entry.wait_for
    names = set(phase.entry.jobs)
    if entry is None or len(phase.sound) < len(names):
        return set()
    if entry.count is not None:
        return names if entry.count < len(names) else set()
    over = ended_when_over(phase.followers)
    waited = {word.text for word in entry.names if word.text in names}
    return names - waited - {each for name in waited for each in over[name]}
