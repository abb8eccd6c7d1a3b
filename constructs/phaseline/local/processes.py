"""Processes that outlive the command that started them, and are never mistaken for somebody else's.

A pid alone says nothing: the system gives it away again. So a process is remembered with the time of its start, and is
stopped only while both agree. What it has started itself is found by the folder that its command line names.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")

PATIENCE = 15.0
"""Seconds that a process is given to end by itself."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of ours: its pid and the time of its start, as the system tells it."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether it runs still, and the pid is not somebody else's by now."""
        return _start_time(self.pid) == self.started


def spawn(command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Start a process in a session of its own, with its output in `log`; the log before it stays as `<log>.1`.

    Raises OSError where the program or a folder cannot be had.
    """
    if log.exists():
        log.replace(log.with_suffix(log.suffix + ".1"))
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = _start_time(child.pid)
    # Nobody waits for it: without this, Python would complain that the child outlives its object.
    child.returncode = 0
    return Process(child.pid, started or "gone")


def stop(process: Process, *, patience: float = PATIENCE) -> None:
    """Ask it to end; end it by force after `patience` seconds. A process that is not ours is left alone."""
    if not process.alive:
        return
    _signal(process.pid, signal.SIGTERM)
    if not _wait_until_gone(process, patience):
        _signal(process.pid, signal.SIGKILL)
        _wait_until_gone(process, 5.0)


def stop_mentioning(folder: Path, *, patience: float = 2.0) -> int:
    """End all processes whose command line names something in `folder`; returns how many there were."""
    place = f" {folder}{os.sep}"  # From the beginning of an argument: the path of another one may end like this.
    found = [pid for pid, command in _command_lines() if place in f" {command}" and pid != os.getpid()]
    deadline = time.monotonic() + patience
    for pid in found:
        _signal(pid, signal.SIGTERM)
    while any(_start_time(pid) for pid in found) and time.monotonic() < deadline:
        _reap(found)
        time.sleep(0.02)
    for pid, command in _command_lines():
        if pid in found and place in f" {command}":
            _signal(pid, signal.SIGKILL)
    return len(found)


def _wait_until_gone(process: Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    _reap([process.pid])
    return True


def _reap(pids: Sequence[int]) -> None:
    """Collect those that are children of this very process; the others are collected by the system."""
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except OSError:
            continue


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _start_time(pid: int) -> str | None:
    """When a living process started, in a form that is only ever compared; None for a dead one."""
    if PROC.joinpath("self", "stat").exists():
        try:
            # The name of the program stands in brackets and may hold anything, brackets and blanks too.
            fields = PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
            boot = PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
        except (OSError, ValueError):
            return None
        return None if fields[0] in "ZX" else f"{fields[19]}@{boot}"
    found = _ps("-o", "stat=,lstart=", "-p", str(pid)).split(maxsplit=1)
    return None if len(found) < 2 or found[0].startswith("Z") else found[1].strip()


def _command_lines() -> Iterator[tuple[int, str]]:
    if PROC.joinpath("self", "stat").exists():
        for entry in PROC.iterdir():
            if entry.name.isdigit():
                try:
                    yield int(entry.name), entry.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
                except (OSError, UnicodeDecodeError):
                    continue
        return
    for line in _ps("-axww", "-o", "pid=,command=").splitlines():
        pid, _, command = line.strip().partition(" ")
        if pid.isdigit():
            yield int(pid), command


def _ps(*arguments: str) -> str:
    """What `ps` says, where there is no /proc (macOS)."""
    try:
        return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout
    except OSError as error:
        raise OSError(f"{sys.platform}: neither /proc nor `ps` tells which processes run") from error
