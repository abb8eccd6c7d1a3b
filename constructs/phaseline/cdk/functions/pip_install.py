"""Installs a requirements.txt into a folder of the cache, for AWS Lambda or for this interpreter.

It knows nothing of assets. pip is the one of this interpreter, with the user's own pip settings.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from phaseline.cdk.functions import pip_elsewhere
from phaseline_runtime.errors import UserError

_LAYOUT = "2"
"""Part of every key: to be raised when what stands in a folder of the cache changes."""

_OPTIONS = ("-r", "-c", "-e", "--req", "--con", "--edit")
"""What begins a line that names another file."""

_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

_LAST_LINES = 8
"""How much of pip's output an error repeats."""


@dataclass(frozen=True, slots=True)
class Target:
    """What pip installs for."""

    description: str
    """For messages: `python3.13 on arm64`."""
    key: str
    """What sets the target apart from others in the cache."""
    options: tuple[str, ...] = ()
    """pip's options for it."""
    markers: Mapping[str, str] = field(default_factory=dict)
    """What differs from this machine in the markers of requirements."""

    @classmethod
    def on_aws(cls, runtime: str, *, arm: bool) -> Target:
        """AWS Lambda with a runtime such as `python3.13`: wheels only, for its processor and its C library."""
        version = runtime.removeprefix("python")
        machine = "aarch64" if arm else "x86_64"
        # Since Python 3.12, Lambda's Linux is Amazon Linux 2023 with glibc 2.34; before it was 2.26.
        libc = 34 if tuple(map(int, version.split("."))) >= (3, 12) else 26
        platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(libc, 16, -1)] + [f"manylinux2014_{machine}"]
        options = ["--only-binary=:all:", "--implementation", "cp", "--python-version", version]
        for platform in platforms:
            options += ["--platform", platform]
        markers = {
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "os_name": "posix",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": machine,
            "python_version": version,
            # Which patch Lambda has is not known: the first one asks for what any of them needs.
            "python_full_version": f"{version}.0",
            "implementation_version": f"{version}.0",
        }
        description = f"{runtime} on {'arm64' if arm else 'x86_64'}"
        return cls(description, f"{runtime} {platforms[0]}", tuple(options), markers)

    @classmethod
    def here(cls) -> Target:
        """This interpreter on this machine."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        platform = sysconfig.get_platform()
        return cls(f"{version} on {platform}", f"{version} {platform} here")

    def complete(self) -> Target:
        """The same, where the requirements name everything that is needed."""
        return replace(self, key=f"{self.key} complete", options=(*self.options, "--no-deps"))


def install(requirements: Path, *, owner: str, target: Target, cache: Path, complete: bool = False) -> Path:
    """The folder in which these requirements are installed; pip runs where the cache has none.

    Complete requirements name everything that is needed: then pip installs nothing besides.

    Requirements that refer to other files (`-r`, a path) are installed anew each time: their text says nothing
    about the files' content. Pin versions: an unpinned name stays at the version that it had when it was cached.

    Raises:
        UserError: pip failed, or the file's encoding is none that can be read.
    """
    text = _text(requirements, owner)
    target = target.complete() if complete else target
    key = hashlib.sha256("\0".join((_LAYOUT, target.key, text)).encode()).hexdigest()[:32]
    found = cache / key
    if found.is_dir() and not _refers_to_files(text):
        return found
    print(f"phaseline: installing the requirements of {owner} …", file=sys.stderr, flush=True)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Beside its final place, so that the move is one step: an interrupted pip leaves nothing that looks complete.
        with tempfile.TemporaryDirectory(prefix=f"{key}.", dir=cache, ignore_cleanup_errors=True) as made:
            folder = Path(made) / "installed"
            _pip(requirements, folder, owner, target)
            if not found.is_dir():
                folder.rename(found)
            elif _refers_to_files(text):
                shutil.rmtree(found)
                folder.rename(found)
            # Else another synth has installed the same meanwhile, and may be copying it.
    except OSError as error:
        raise UserError(f"{owner}: the cache of requirements {cache} cannot be written: {error}") from error
    return found


def _pip(requirements: Path, folder: Path, owner: str, target: Target) -> None:
    # Not `-m pip`, nor without `-P`: a module of the user's that is called like one of Python's would be pip's, too.
    command = [sys.executable, "-P", pip_elsewhere.__file__, json.dumps(target.markers), "install"]
    command += ["--requirement", str(requirements.resolve())]
    command += ["--target", str(folder.resolve()), "--no-compile", "--no-input", "--disable-pip-version-check"]
    command += ["--no-warn-conflicts", "--progress-bar", "off", *target.options]
    # In the folder of the file, so that a relative path in it means what the user sees.
    done = subprocess.run(command, capture_output=True, text=True, cwd=requirements.parent, check=False)
    if done.returncode != 0:
        raise UserError(_failure(requirements, owner, target, done))
    folder.mkdir(parents=True, exist_ok=True)  # An empty file installs nothing.
    # Scripts begin with the path of this interpreter, and nobody calls them in Lambda.
    shutil.rmtree(folder / "bin", ignore_errors=True)


def _failure(requirements: Path, owner: str, target: Target, done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-_LAST_LINES:]
    advice = "check names and versions there, and that the package index can be reached"
    if target.options:
        advice += f"; for AWS, each package needs a wheel for {target.description} (sources are not built)"
    if any(re.search("No module named '?pip", line) for line in lines):
        advice = f"install pip for {sys.executable} (`python -m ensurepip`)"
    return "\n".join(
        [
            f"{owner}: pip could not install {requirements} for {target.description} (exit code {done.returncode})",
            *(f"    {line}" for line in lines),
            f"  What to do: {advice}.",
        ]
    )


def _text(requirements: Path, owner: str) -> str:
    """The requirements, in UTF-8 or, as PowerShell writes what `pip freeze` says, in UTF-16."""
    content = requirements.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{owner}: {requirements} is no text in UTF-8: save it as that ({error})") from None


def _refers_to_files(text: str) -> bool:
    """Whether a line of the file names another file or folder, whose content may change while the text does not."""
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words and (words[0].startswith(_OPTIONS) or _is_path(words[0]) or "file:" in line):
            return True
    return False


def _is_path(word: str) -> bool:
    """Whether pip takes this requirement for a file or a folder beside the file, and not for a name or an address."""
    path = word.partition("[")[0]
    return "://" not in word and (path.startswith(".") or "/" in path or path.endswith(_ARCHIVES))
