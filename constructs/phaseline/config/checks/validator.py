"""Checks what the file says as a whole. One validator for everything that reads the file: synth, command line, tests.

It goes on after a fault: whatever was at fault has been recorded, and the checks leave it out.
"""

from __future__ import annotations

from pathlib import Path

from phaseline.config.checks.filter_checks import check_filters
from phaseline.config.checks.job_checks import check_job
from phaseline.config.checks.machine_checks import check_machine
from phaseline.config.checks.machine_view import MachineView
from phaseline.config.checks.nearest_places import declared
from phaseline.config.checks.reads import check_reads
from phaseline.config.checks.start_checks import check_starts
from phaseline.config.checks.time_checks import check_times
from phaseline.config.faults import Faults
from phaseline.config.reading.entries import FileEntry, NotificationEntry


def validate(file: FileEntry, folder: Path, faults: Faults) -> None:
    """Check everything that reading alone does not see; `folder` is where the config file lies."""
    for name, job in (file.jobs or {}).items():
        check_job(name, job, file.defaults, folder, faults)
    used: set[str] = set()
    doubted: set[str] = set()
    for name, entry in file.machines.items():
        machine = MachineView(name, entry, file)
        check_machine(machine, faults)
        check_reads(machine, faults)
        check_filters(machine, faults)
        check_times(machine, faults, doubted)
        check_starts(name, entry, faults)
        used |= {declared(each, use) for _, each, use in machine.uses()} | machine.compensating
    for name, job in (file.jobs or {}).items():
        if name not in used:
            faults.warn(job.node, "is used by no state machine", at_key=True)
    for notification in file.notifications:
        _check_notification(notification, faults)


def _check_notification(entry: NotificationEntry, faults: Faults) -> None:
    given = [key for key in ("url", "url_secret") if key in entry.node.mapping]
    if entry.to is None:
        return
    if entry.to.text == "log":
        for key in given:
            faults.add(entry.node.mapping[key], "has no meaning for `to: log`", at_key=True)
    elif len(given) != 1:
        got = " and ".join(given) or "neither"
        faults.add(entry.node, f"{entry.to.text} needs either `url` or `url_secret` (got {got})")
