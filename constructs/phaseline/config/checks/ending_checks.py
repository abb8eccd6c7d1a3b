"""Checks how executions end: by a phase that says `fail` or `succeed`, and what is undone when they end badly."""

from __future__ import annotations

import re

from phaseline.config.checks.machine_view import MachineView, PhaseView
from phaseline.config.faults import Faults, said, shown, unknown

_UNDOES = re.compile(r"undo-.+-[0-9]+")
"""What the engine calls a compensation: after the job that it undoes, and its round."""


def check_endings(machine: MachineView, faults: Faults) -> None:
    """Check `fail`, `succeed` and `compensate` of a state machine."""
    for phase in machine.phases.values():
        _check_phase(phase, faults)
    for _, name, use in machine.uses():
        if is_kept_for_compensations(name):
            what = "is a name that compensations have"
            faults.add(use.node, said(what, got=shown(name), allowed="any but undo-…-NUMBER"), at_key=True)
        job = None if use.compensate is None else use.compensate.job
        if job is not None and machine.file.jobs is not None and job.text not in machine.file.jobs:
            faults.add(job.node, unknown("unknown job", job.text, list(machine.file.jobs)))


def is_kept_for_compensations(name: str) -> bool:
    """Whether a use of a job cannot have this name."""
    return _UNDOES.fullmatch(name) is not None


def _check_phase(phase: PhaseView, faults: Faults) -> None:
    node = phase.entry.node
    ends = phase.entry.ends
    if ends is None:
        return
    if "fail" in node.mapping and "succeed" in node.mapping:
        faults.add(node, said("has two ends", got="fail and succeed", allowed="one of them"), at_key=True)
    cause = None if phase.entry.fail is None else phase.entry.fail.node.mapping.get("cause")
    if cause is not None and cause.text.startswith("$") and not cause.open:
        faults.warn(cause, said("is no expression: people are told it as it stands here", got=cause.shown))
    if "next" in node.mapping:
        faults.add(node.mapping["next"], f"has no meaning beside `{ends}`: nothing follows", at_key=True)
