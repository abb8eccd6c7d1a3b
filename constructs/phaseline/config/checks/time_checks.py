"""Checks what is said of time against other times: what is allowed, and can make no difference."""

from __future__ import annotations

from collections.abc import Sequence

from phaseline.config.checks.machine_view import MachineView
from phaseline.config.checks.nearest_places import attempt_places, compensation_places, declared, is_invoked
from phaseline.config.faults import Faults, said
from phaseline.config.models import DEFAULT_TIMEOUT
from phaseline.config.reading.durations import written
from phaseline.config.reading.entries import AttemptEntry, WaitEntry


def check_times(machine: MachineView, faults: Faults, doubted: set[str]) -> None:
    """Check waits and heartbeats. `doubted` holds the places of heartbeats of which enough is said, in any machine."""
    for phase, name, use in machine.uses():
        places = attempt_places(name, use, phase.entry, machine.entry, machine.file)
        if not is_invoked(declared(name, use), machine.file):
            _check_heartbeat(name, places, faults, doubted)
        elif use.attempt.fields is not None and "heartbeat" in use.attempt.fields:
            what = f"job {declared(name, use)} is invoked, and cannot say that it is alive: only Python can"
            faults.add(use.attempt.fields.place("heartbeat"), what, at_key=True)
        _check_wait(use.wait, phase.entry.deadline, f"the deadline of phase {phase.name}", faults)
    for job in sorted(machine.compensating):
        if is_invoked(job, machine.file):
            continue
        _check_heartbeat(job, compensation_places(job, machine.file), faults, doubted)
    for phase in machine.phases.values():
        _check_wait(phase.entry.wait, phase.entry.deadline, "the phase's own deadline", faults)
        for wait in (phase.entry.wait, *(use.wait for use in phase.entry.jobs.values())):
            _check_wait(wait, machine.entry.deadline, "the deadline of the state machine", faults)


def _check_heartbeat(name: str, places: Sequence[AttemptEntry], faults: Faults, doubted: set[str]) -> None:
    """An attempt that ends by its timeout anyway cannot be found silent before."""
    fields = next((place.fields for place in places if place.fields and "heartbeat" in place.fields), None)
    limits = next((place.fields for place in places if place.fields and "timeout" in place.fields), None)
    timeout = DEFAULT_TIMEOUT if limits is None else limits.get("timeout")
    heartbeat = None if fields is None else fields.get("heartbeat")
    if fields is None or heartbeat is None or timeout is None or heartbeat < timeout:
        return
    node = fields.place("heartbeat")
    if node.path not in doubted:
        doubted.add(node.path)
        what = f"has no effect: it is not shorter than the timeout of job {name}, {written(timeout)}"
        faults.warn(node, said(what, got=node.shown))


def _check_wait(wait: WaitEntry | None, deadline: int | None, whose: str, faults: Faults) -> None:
    if wait is not None and wait.seconds is not None and deadline is not None and wait.seconds >= deadline:
        faults.warn(wait.node, said(f"is not over before {whose}, {written(deadline)}", got=wait.node.shown))
