"""The local platform as a whole: up, down, status.

`up` reconciles: it looks at what lives and starts what does not, in the order in which the parts need each other. What
it has started itself it stops again when it fails or is interrupted, so that nothing half-started stays.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from phaseline.local import ports, services
from phaseline.local.errors import PlatformMisuse, PlatformUnavailable
from phaseline.local.interrupts import uninterrupted
from phaseline.local.processes import PATIENCE, spawn, stop, stop_mentioning
from phaseline.local.state import MOVED, PARTS, Folder, Part, State
from phaseline_runtime.masking import masked_options

START_TIMEOUT = 60.0
"""Seconds that a part may take until it answers."""


@dataclass(frozen=True, slots=True)
class PartStatus:
    """How a part is now."""

    name: str
    title: str
    state: str
    """`ready`, `not answering` or `down`."""
    pid: int | None
    address: str | None
    log: Path | None


_HOSTS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^:/?#\[]+)(:\d+)?(,[^:/?#]+(:\d+)?)*([/?]|$)")
"""Hosts and ports, as a connection string without credentials begins after its scheme."""


class Platform:
    """The local platform of one project.

    Args:
        project: The project's folder; the platform keeps everything in its `.phaseline/local`.
        say: Called with each thing that a person should know (a part has started, a port was changed).
    """

    def __init__(self, project: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self.folder = Folder(project)
        self._say = say

    @property
    def state(self) -> State:
        """What is remembered; it may be outdated by a crash."""
        return self.folder.read()

    def up(self, *, mongo: str | None = None, aws_port: int | None = None, mongo_port: int | None = None) -> bool:
        """Start what does not run, and return whether anything had to be.

        Args:
            mongo: A MongoDB of the user's instead of SecantusDB; remembered until `mongo_port` or a purge.
            aws_port: The emulator's port; a free one by default, the same again each time.
            mongo_port: SecantusDB's port; likewise.

        Raises:
            PlatformMisuse: A port asked for is taken, or options contradict each other or what runs.
            PlatformUnavailable: A part does not start; what had been started is stopped again.
        """
        if mongo is not None and mongo_port is not None:
            raise PlatformMisuse("--mongo names a MongoDB that runs already, so --mongo-port has no meaning: give one")
        self.folder.create()
        with self.alone():
            state = self.state
            self._refuse_change(state, mongo, aws_port, mongo_port)
            wanted = self._addresses(state, mongo, aws_port, mongo_port)
            moved = state.mongo_uri not in (None, wanted.mongo_uri) or state.endpoint not in (None, wanted.endpoint)
            started = self._start_missing(wanted, moved)
            if wanted.mongo_moved:
                self._say(f"executions wait: {MOVED}")
            return started

    def down(self, *, purge: bool = False) -> bool:
        """Stop everything and return whether anything ran; `purge` deletes the state as well."""
        if not self.folder.path.exists():
            return False
        self.folder.create()
        with self.alone():
            state = self.state
            ran = False
            for name in reversed(PARTS):
                ran |= state.part(name).alive
                state = self._end(state, name)
            # Remembered in the end, so that a full disk keeps nothing running: a process that is gone is known to be.
            if not purge:
                self.folder.write(state)
            else:
                shutil.rmtree(self.folder.path)
                self.folder.path.with_name("local.lock").unlink(missing_ok=True)
        if purge:
            # Kept where something else lies in it.
            parent = self.folder.path.parent
            if not any(parent.iterdir()):
                parent.rmdir()
        return ran

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let nobody else start, stop or deploy to the platform meanwhile; whoever does so already is waited for."""
        with self.folder.lock(lambda: self._say("another command is changing the platform: waiting for it")):
            yield

    def status(self) -> list[PartStatus]:
        """How each part is."""
        state = self.state
        found = []
        for name in PARTS:
            part = state.part(name)
            known = part.alive or (name == "mongo" and not part.own)
            ready = known and services.answers(name, state)
            shown = "ready" if ready else "not answering" if known else "down"
            address = {"mongo": redacted(state.mongo_uri), "aws": state.endpoint}.get(name)
            title = services.TITLES[name] if part.own else "MongoDB (not ours)"
            log = self.folder.log(name) if part.own else None
            found.append(PartStatus(name, title, shown, part.pid if part.alive else None, address, log))
        return found

    def require(self, *names: str) -> State:
        """The state of a platform whose parts of these names (by default all) run. Raises PlatformUnavailable else."""
        wanted = names or PARTS
        down = [part.title for part in self.status() if part.name in wanted and part.state != "ready"]
        if down:
            raise PlatformUnavailable(f"the local platform is not up ({', '.join(down)}): run `phaseline local up`")
        return self.state

    def _refuse_change(self, state: State, mongo: str | None, aws_port: int | None, mongo_port: int | None) -> None:
        """What runs already keeps its place: say so instead of moving it under somebody's feet."""
        for name, port in (("aws", aws_port), ("mongo", mongo_port)):
            part = state.part(name)
            if port is not None and part.alive and part.port != port:
                raise PlatformMisuse(f"{services.TITLES[name]} runs on port {part.port}: `phaseline local down` first")
        if mongo is not None and state.part("mongo").alive:
            raise PlatformMisuse("the platform runs with its own MongoDB: `phaseline local down` first")
        if mongo is not None and state.part("aws").alive and mongo != state.mongo_uri:
            raise PlatformMisuse("the platform runs with another MongoDB: `phaseline local down` first")

    def _addresses(self, state: State, mongo: str | None, aws_port: int | None, mongo_port: int | None) -> State:
        """Decide ports and connection string: what was asked for, else what is remembered, else something free."""
        aws = self._port("aws", state, aws_port, avoid=(mongo_port,))
        wanted = state.having("aws", replace(state.part("aws"), port=aws))
        before = state.part("mongo")
        if mongo is not None or (not before.own and mongo_port is None):
            uri = mongo or before.uri
            if (misspelt := services.uri_fault(uri or "")) is not None:
                raise PlatformMisuse(f"--mongo {redacted(uri)} is no connection string: {misspelt}")
            fault = services.mongo_fault(uri or "", timeout=5)
            if fault is not None:
                raise PlatformUnavailable(f"the MongoDB {redacted(uri)} cannot be used: {fault}")
            return wanted.having("mongo", Part(uri=uri, own=False, deployed=before.deployed))
        port = self._port("mongo", state, mongo_port, avoid=(aws,))
        uri = f"mongodb://{ports.HOST}:{port}/?directConnection=true"
        return wanted.having("mongo", replace(before, port=port, uri=uri, own=True))

    def _port(self, name: str, state: State, asked: int | None, *, avoid: tuple[int | None, ...]) -> int:
        part = state.part(name)
        if part.alive and part.port is not None:
            return part.port
        if asked is not None:
            if asked in avoid or not ports.is_free(asked):
                raise PlatformMisuse(
                    f"port {asked} is taken: choose another one with --{name}-port, or leave it out to get a free one"
                )
            return asked
        if part.port is not None and ports.is_free(part.port):
            return part.port
        chosen = ports.choose(name, str(self.folder.project), avoid=avoid)
        if part.port is not None:
            self._say(f"port {part.port} of {services.TITLES[name]} is taken by another program: using {chosen}")
        return chosen

    def _start_missing(self, state: State, moved: bool) -> bool:
        started: list[str] = []
        try:
            for name in PARTS:
                if name == "mongo" and not state.part(name).own:
                    continue
                if state.part(name).alive and self._answers_soon(name, state) and not (name == "relay" and moved):
                    continue
                if name == "mongo":
                    # After a crash it may not have what it wrote last. A relay that has seen that, or stores its place
                    # behind it, would miss as much of what comes.
                    state = self._stop(state, "relay", patience=0)
                state = self._stop(state, name)
                started.append(name)
                state = self._start(state, name)
        except BaseException:
            with uninterrupted():
                for name in reversed(started):
                    self._stop(self.state, name)
            raise
        self.folder.write(state)
        return bool(started)

    def _start(self, state: State, name: str) -> State:
        begun = time.monotonic()
        log = self.folder.log(name)
        if find_spec(services.PACKAGES[name]) is None:
            raise PlatformMisuse(f"{services.TITLES[name]} is not installed: pip install 'phaseline[local]'")
        try:
            with uninterrupted():  # What has been started is remembered.
                process = spawn(
                    services.command(name, state, self.folder),
                    env=services.environment(name, state, self.folder),
                    cwd=self.folder.path,
                    log=log,
                )
                state = state.having(name, state.part(name).running(process))
                self.folder.write(state)
        except OSError as error:
            raise PlatformUnavailable(f"{services.TITLES[name]} cannot be started: {error}") from error
        # Both: if somebody else took the port meanwhile, it is theirs that answers.
        while not (services.answers(name, state) and process.alive):
            waited = time.monotonic() - begun
            if not process.alive or waited > START_TIMEOUT:
                what = "has ended at once" if not process.alive else f"does not answer after {waited:.0f} s"
                raise PlatformUnavailable(f"{services.TITLES[name]} {what}: {_last_words(log)}\n  its log: {log}")
            time.sleep(0.05)
        if name == "relay":
            self._outlive(state, name, log)
        self._say(f"{services.TITLES[name]} is ready after {time.monotonic() - begun:.1f} s")
        return state

    def _outlive(self, state: State, name: str, log: Path) -> None:
        """A part without a port shows that something is wrong with it by ending soon."""
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            if not state.part(name).alive:
                raise PlatformUnavailable(
                    f"{services.TITLES[name]} has ended at once: {_last_words(log)}\n  its log: {log}"
                )
            if '"relay.' in log.read_text(errors="replace"):
                return
            time.sleep(0.05)

    def _answers_soon(self, name: str, state: State) -> bool:
        """A busy machine may be slow to answer; only a part that keeps silent is started anew."""
        for _ in range(3):
            if services.answers(name, state):
                return True
            time.sleep(0.5)
        return False

    def _stop(self, state: State, name: str, *, patience: float = PATIENCE) -> State:
        """Stop a part with what it has left behind, and remember that it is gone."""
        state = self._end(state, name, patience=patience)
        self.folder.write(state)
        return state

    def _end(self, state: State, name: str, *, patience: float = PATIENCE) -> State:
        """Stop a part with what it has left behind."""
        process = state.part(name).process
        if process is not None:
            stop(process, patience=patience)
        if name == "aws":
            # Functions run as processes of the emulator, from the temporary folder: a crash leaves them behind.
            stop_mentioning(self.folder.temporary)
            shutil.rmtree(self.folder.temporary, ignore_errors=True)
            self.folder.temporary.mkdir(parents=True, exist_ok=True)
        return state.having(name, state.part(name).running(None))


def redacted(uri: str | None) -> str | None:
    """A connection string without its secrets; where the password cannot be told from the rest, without the rest."""
    if uri is None:
        return None
    scheme, found, rest = uri.partition("://")
    credentials, at, host = rest.rpartition("@")
    if not found:
        return "…"
    if at:
        return masked_options(f"{scheme}://{credentials.partition(':')[0]}:…@{host}")
    return masked_options(uri) if _HOSTS.match(rest) else f"{scheme}://…"


def _last_words(log: Path) -> str:
    """The last line that a log holds: most often the reason."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    return lines[-1][:300] if lines else "it has said nothing"
