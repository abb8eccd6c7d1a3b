"""The folder `.phaseline/local` of a project: what the platform remembers, and where everything of it lies.

`platform.json` is written before a process is waited for, so that one that was started is never forgotten. It may hold
a connection string: nobody else may read it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from phaseline.local.errors import PlatformMisuse
from phaseline.local.processes import Process

PARTS = ("mongo", "aws", "relay")
"""The parts of the platform in the order in which they start."""

DATABASE = "phaseline_local"
BUS = "phaseline-local"

MOVED = "what is deployed knows MongoDB by another address: `phaseline local deploy` tells it"
"""Said where executions stand still since MongoDB has moved behind the last deploy."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is remembered of one part: its port stays when the process has gone."""

    pid: int | None = None
    started: str | None = None
    port: int | None = None
    uri: str | None = None
    own: bool = True
    """False for a MongoDB that somebody else runs."""
    deployed: str | None = None
    """Of MongoDB: the connection string that the last deploy has told to what is deployed."""

    @property
    def process(self) -> Process | None:
        """The process that was started for it last, alive or not."""
        return None if self.pid is None or self.started is None else Process(self.pid, self.started)

    @property
    def alive(self) -> bool:
        """Whether its process runs. A MongoDB that somebody else runs has none of ours."""
        return self.process is not None and self.process.alive

    def running(self, process: Process | None) -> Part:
        """The same with another process, or none."""
        if process is None:
            return replace(self, pid=None, started=None)
        return replace(self, pid=process.pid, started=process.started)


@dataclass(frozen=True, slots=True)
class State:
    """All that `platform.json` holds."""

    parts: dict[str, Part] = field(default_factory=lambda: {name: Part() for name in PARTS})

    def part(self, name: str) -> Part:
        """One part: `mongo`, `aws` or `relay`."""
        return self.parts[name]

    def having(self, name: str, part: Part) -> State:
        """The same with one part changed."""
        return State({**self.parts, name: part})

    @property
    def mongo_uri(self) -> str | None:
        """How to connect to the platform's MongoDB."""
        return self.parts["mongo"].uri

    @property
    def mongo_moved(self) -> bool:
        """Whether what is deployed knows another MongoDB than the platform's."""
        return self.parts["mongo"].deployed not in (None, self.mongo_uri)

    @property
    def endpoint(self) -> str | None:
        """The URL of the AWS emulator."""
        port = self.parts["aws"].port
        return None if port is None else f"http://127.0.0.1:{port}"


class Folder:
    """The state folder of one project."""

    def __init__(self, project: Path) -> None:
        self.project = project.resolve()
        self.path = self.project / ".phaseline" / "local"
        self.logs = self.path / "logs"
        self.data = self.path / "data"
        self.emulated = self.data / "aws"
        self.temporary = self.path / "tmp"
        self._file = self.path / "platform.json"

    def log(self, name: str) -> Path:
        """The log of a part (`mongo`, `aws`, `relay`) or of a stage (`deploy`, …)."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Make the folder and those in it. Raises PlatformMisuse where that is not allowed."""
        try:
            for folder in (self.logs, self.emulated, self.temporary):
                folder.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            with tempfile.TemporaryFile(dir=self.path):  # Of its own: other processes ask at the same time.
                pass
        except OSError as error:
            raise PlatformMisuse(
                f"the local platform keeps its state in {self.path}, which cannot be written: "
                f"{error.strerror}: mend that, or choose another folder with --project"
            ) from error

    def read(self) -> State:
        """What was remembered last; a fresh state where there is nothing."""
        try:
            stored = json.loads(self._file.read_text())
            return State({name: Part(**_known(stored.get(name, {}))) for name in PARTS})
        except FileNotFoundError:
            return State()
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise PlatformMisuse(
                f"{self._file} cannot be read ({error}): delete it, then `phaseline local up`"
            ) from error

    def write(self, state: State) -> None:
        """Remember a state, whole or not at all."""
        stored: dict[str, Any] = {
            name: {key: value for key, value in asdict(part).items() if value is not None}
            for name, part in state.parts.items()
        }
        stored["relay"] |= {"bus": BUS, "database": DATABASE}
        draft = self._file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(stored, indent=2) + "\n")
        draft.replace(self._file)

    @contextlib.contextmanager
    def lock(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Let only one command at a time change the platform; `waiting` is called where another one is at it."""
        with self.path.with_name("local.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def find_project(start: Path | None = None) -> Path:
    """The project that a folder belongs to: the nearest one upwards that has a platform or a config, or itself.

    By default of the working directory. Raises PlatformMisuse where there is no such folder.
    """
    if start is not None and not start.is_dir():
        raise PlatformMisuse(f"--project {start}: there is no such folder")
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        marks = (folder / ".phaseline" / "local", folder / "phaseline.yaml", folder / "cdk.json")
        if any(mark.exists() for mark in marks) and os.access(folder, os.R_OK):
            return folder
    return start


def _known(stored: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in stored.items() if key in Part.__dataclass_fields__}
