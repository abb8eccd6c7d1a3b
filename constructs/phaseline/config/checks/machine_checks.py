"""Checks the graphs of a state machine: names, orders, cycles, and what can never happen."""

from __future__ import annotations

from phaseline.config.checks.ending_checks import check_endings
from phaseline.config.checks.failure_checks import check_failures, check_target
from phaseline.config.checks.machine_view import MachineView, PhaseView
from phaseline.config.checks.nearest_places import declared
from phaseline.config.checks.outcomes import cannot_run
from phaseline.config.faults import Faults, said, shown, unknown
from phaseline.config.reading.entries import UseEntry
from phaseline_runtime.definition import END


def check_machine(machine: MachineView, faults: Faults) -> None:
    """Check everything but expressions and starts."""
    _check_names(machine, faults)
    for phase in machine.phases.values():
        for name, use in phase.entry.jobs.items():
            _check_job(machine, name, use, faults)
            _check_after(machine, phase, name, use, faults)
        _check_graph(phase, faults)
        _check_wait_for(phase, faults)
        _check_next(machine, phase, faults)
    check_failures(machine, faults)
    check_endings(machine, faults)
    _check_reached(machine, faults)


def _check_names(machine: MachineView, faults: Faults) -> None:
    for phase, name, use in machine.uses():
        first = machine.phase_of[name]
        if first != phase.name:
            job = declared(name, use)
            line = machine.phases[first].entry.jobs[name].node.key_position[0]
            what = f"occurs twice in this state machine (first on line {line}, in phase {first})"
            faults.add(use.node, f"{what}; give it a name of its own: `another_name: {{job: {job}}}`", at_key=True)


def _check_job(machine: MachineView, name: str, use: UseEntry, faults: Faults) -> None:
    jobs = machine.file.jobs
    if jobs is None or declared(name, use) in jobs:
        return
    if use.job is not None:
        faults.add(use.job.node, unknown("unknown job", use.job.text, list(jobs)))
    elif "job" not in use.node.mapping:
        faults.add(use.node, unknown("unknown job", name, list(jobs)), at_key=True)


def _check_after(machine: MachineView, phase: PhaseView, name: str, use: UseEntry, faults: Faults) -> None:
    others = [each for each in phase.entry.jobs if each != name]
    seen: set[str] = set()
    for word in use.after:
        elsewhere = machine.phase_of.get(word.text)
        if word.text == name:
            faults.add(word.node, said("a job cannot follow itself", got=shown(name), allowed=others or "none"))
        elif word.text in seen:
            faults.add(word.node, said("is named twice", got=shown(word.text)))
        elif word.text not in phase.entry.jobs and elsewhere is not None:
            what = f"is a job of phase {elsewhere}, and `after` takes jobs of the same phase"
            faults.add(word.node, said(what, got=shown(word.text), allowed=others or "none"))
        elif word.text not in phase.entry.jobs:
            faults.add(word.node, unknown("no job of this phase has this name", word.text, others))
        seen.add(word.text)
    # What waits may have its round fail meanwhile, and then runs or not by its rule alone.
    if use.run_if is not None and not use.after and use.readable and "wait" not in use.node.mapping:
        faults.warn(use.run_if.node, said("has no effect without `after`", got=shown(use.rule)))


def _check_graph(phase: PhaseView, faults: Faults) -> None:
    for cycle in phase.cycles:
        node = phase.entry.jobs[cycle[0]].node
        faults.add(node.mapping.get("after", node), f"is a cycle: {' after '.join(cycle)}")
    for name in cannot_run(phase.followers):
        use = phase.entry.jobs[name]
        node = use.node if use.run_if is None else use.run_if.node
        what = said(f"can never run: no outcome of {', '.join(phase.after[name])} meets its rule", got=shown(use.rule))
        faults.add(node, what, at_key=use.run_if is None)


def _check_wait_for(phase: PhaseView, faults: Faults) -> None:
    entry = phase.entry.wait_for
    names = list(phase.entry.jobs)
    if entry is not None and "jobs" not in phase.entry.node.mapping:
        faults.add(entry.node, "has no meaning without `jobs`", at_key=True)
    if entry is None or not names:
        return
    alone = not isinstance(entry.node.value, list)
    for word in entry.names:
        if word.text in names:
            continue
        if word.text == "any":
            allowed = "`wait_for: any`, or names"
            faults.add(word.node, said("stands alone, in no list", got=shown(word.text), allowed=allowed))
        else:
            known = [*names, "any"] if alone else names
            faults.add(word.node, unknown("no job of this phase has this name", word.text, known))
    if entry.count is not None and entry.count > len(names):
        what = "waits for more successes than the phase has jobs"
        faults.add(entry.node, said(what, got=entry.count, allowed=f"any, or 1 to {len(names)}"))


def _check_next(machine: MachineView, phase: PhaseView, faults: Faults) -> None:
    always = None
    for item in phase.entry.next:
        if item.to is not None:
            check_target(machine, item.to, faults)
        if always is not None:
            what = f"is never taken: the transition on line {always.node.position[0]} has no `when`"
            faults.warn(item.node, what)
        elif item.always:
            always = item


def _check_reached(machine: MachineView, faults: Faults) -> None:
    for name, phase in machine.phases.items():
        if name not in machine.reached:
            faults.add(
                phase.entry.node, "is never reached: no phase leads to it by order, next or on_failure", at_key=True
            )
            continue
        following = machine.following(name)
        if following == END or phase.always_leaves:
            continue
        sources = [each for each in _sources(machine, following) if each in machine.reached]
        if sources:
            what = f"falls through into {following}, which {', '.join(sources)} reaches by `to`"
            faults.warn(
                phase.entry.node, f"{what}: say which is meant by `next: {following}` or `next: end`", at_key=True
            )


def _sources(machine: MachineView, target: str) -> list[str]:
    """The phases before a phase that reach it by `to`. What comes from it or from behind it is a loop."""
    before = list(machine.phases)[: list(machine.phases).index(target)]
    found = []
    for name in before:
        phase = machine.phases[name]
        chosen = machine.next_targets(phase) if machine.following(name) != target else set()
        if target in chosen or target in machine.failure_targets(phase):
            found.append(name)
    return found
