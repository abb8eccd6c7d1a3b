"""Checks what failures lead to: that it exists, and what is probably not meant."""

from __future__ import annotations

from phaseline.config.checks.machine_view import MachineView, PhaseView
from phaseline.config.faults import Faults, nearest, said, shown, unknown
from phaseline.config.reading.failures import FailureEntry
from phaseline.config.reading.shapes import Word
from phaseline_runtime.definition import END
from phaseline_runtime.errors import WAIT_FOR_NOT_MET


def check_failures(machine: MachineView, faults: Faults) -> None:
    """Check every `on_failure` that counts in this state machine."""
    own = _own(machine)
    for failure in own:
        for word in failure.named:
            check_target(machine, word, faults)
    _check_of_jobs(machine, own, faults)
    for _, _, use in machine.uses():
        if use.on_failure is not None:
            _doubt_of_job(use.on_failure, faults)
    for phase in machine.phases.values():
        _compare_parallel(machine, phase, faults)
        _check_circle(machine, phase, faults)


def _doubt_of_job(failure: FailureEntry, faults: Faults) -> None:
    """Warn of what stands on a job and is for an error that only its phase can fail with."""
    for case in failure.cases:
        if case.value.errors == (WAIT_FOR_NOT_MET,):
            what = "has no effect on a job: a phase fails with it, whose on_failure decides"
            faults.warn(case.node, said(what, got=WAIT_FOR_NOT_MET))


def check_target(machine: MachineView, word: Word, faults: Faults) -> None:
    """Check the name of a phase to which something leads."""
    if word.text not in machine.phases and word.text != END:
        faults.add(word.node, unknown("unknown phase", word.text, [*machine.phases, END]))


def _own(machine: MachineView) -> list[FailureEntry]:
    """What stands in the state machine itself."""
    found = [machine.entry.on_failure, *(each.entry.on_failure for each in machine.phases.values())]
    found += [use.on_failure for _, _, use in machine.uses()]
    return [failure for failure in found if failure is not None]


def _check_of_jobs(machine: MachineView, own: list[FailureEntry], faults: Faults) -> None:
    """What stands on a job or in `defaults` may fit some state machines and not this one."""
    checked = {id(failure) for failure in own}
    for phase, name, use in machine.uses():
        failure = machine.failure(phase, name, use)
        if failure is None or id(failure) in checked:
            continue
        checked.add(id(failure))
        targets = [*machine.phases, END]
        for word in failure.named:
            if word.text not in targets:
                what = f"state machine {machine.name}, where job {name} uses this, has no such phase"
                meant = nearest(word.text, targets)
                faults.add(word.node, said(what, got=shown(word.text), allowed=targets, meant=meant))


def _compare_parallel(machine: MachineView, phase: PhaseView, faults: Faults) -> None:
    """Of several failures at once one decides, which the file may not have in mind."""
    ending = []
    for name, use in phase.entry.jobs.items():
        failure = machine.failure(phase, name, use)
        action = "fail" if failure is None else failure.ending
        if name in phase.sound and action is not None:
            ending.append((name, action))
    for index, (name, action) in enumerate(ending):
        for other, its in ending[:index]:
            if action != its and name not in phase.ancestors[other] and other not in phase.ancestors[name]:
                what = f"may fail together with {other}, whose on_failure differs"
                rule = "`fail` beats `to`, and of two `to` the first written wins"
                faults.warn(phase.entry.jobs[name].node, f"{what} ({action} and {its}): {rule}", at_key=True)
                return


def _check_circle(machine: MachineView, phase: PhaseView, faults: Faults) -> None:
    """Where failures of the whole machine lead to one phase, those of that phase do so too, for ever."""
    for name, use in phase.entry.jobs.items():
        failure = machine.failure(phase, name, use)
        if failure is None or phase.name not in failure.targets:
            continue
        if use.on_failure is None and phase.entry.on_failure is None:
            line = failure.node.position[0]
            what = f"is visited again when {name} fails in it, and again: the on_failure on line {line} counts here too"
            faults.warn(phase.entry.node, f"{what}; give this phase one of its own", at_key=True)
            return
