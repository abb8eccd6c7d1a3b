"""cdk-nag on every app in the project, in each of its environments, while the templates are made.

The apps are the project's own, each example, and a fresh project of `phaseline init`; a config with every kind of
resource; and what may be switched on besides. They run as the CDK command line runs them, all in one process: loading
cdk-nag takes longer than a synth.

    python -m tests.scan.nag FOLDER     # leaves the templates in the folder
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from phaseline.cli.entry import run as command
from tests.support.options import SCANNED, made
from tests.support.stacks import ROOT

THEIRS = "stacks"
"""The package of an app's own, of which each app has another."""


SETTINGS: dict[str, Any] = {}
"""What the CDK command line gives an app: its context, and where its templates go."""


class ScannedApp(cdk.App):
    """An app with both packs of cdk-nag: whatever they find fails its synth."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**SETTINGS, **given})
        cdk.Validations.of(self).add_plugins(
            AwsSolutionsChecks(self, verbose=True), ServerlessChecks(self, verbose=True)
        )


def projects(folder: Path) -> list[Path]:
    """Every app there is."""
    fresh = folder / "fresh"
    with contextlib.redirect_stdout(io.StringIO()):
        assert command(["init", str(fresh)]) == 0
    return [ROOT, fresh, *sorted(found.parent for found in ROOT.glob("examples/*/cdk.json"))]


@contextlib.contextmanager
def inside(project: Path) -> Iterator[None]:
    """Run in the folder of a project, with its own modules and nobody else's."""
    before, path = Path.cwd(), list(sys.path)
    for name in [name for name in sys.modules if name.partition(".")[0] == THEIRS]:
        del sys.modules[name]
    os.chdir(project)
    sys.path.insert(0, str(project))
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path


def environments() -> list[str | None]:
    """The environments of the app in the current folder; one without a name where it knows none."""
    if not Path(THEIRS, "environments.py").exists():
        return [None]
    module = importlib.import_module(f"{THEIRS}.environments")
    return list(module.NAMES if hasattr(module, "NAMES") else module.ENVIRONMENTS)


def synthesize(project: Path, out: Path) -> Iterator[str]:
    """Run the app of a project, once for each environment; yields what it was."""
    with inside(project):
        context = json.loads(Path("cdk.json").read_text()).get("context", {})
        for name in environments():
            given = {**context, "aws:cdk:bundling-stacks": [], **({} if name is None else {"env": name})}
            SETTINGS.update(context=given, outdir=str(out / str(name)))
            try:
                runpy.run_path("app.py", run_name="__main__")
            except SystemExit as end:
                if end.code:
                    raise
            yield f"{project.name} {name or ''}".strip()


def main(folder: Path) -> None:
    """Scan all of them; what is found ends the process."""
    os.environ["PHASELINE_MONGO_URI"] = "mongodb://localhost/"
    cdk.App = ScannedApp  # type: ignore[misc]
    switched_on = {"everything": made, **{f"with {name}": make for name, make in SCANNED.items()}}
    for number, make in enumerate(switched_on.values()):
        make(folder / "switched-on" / str(number)).app.synth()
    apps = enumerate(projects(folder))  # Two may be called the same.
    scanned = [name for number, project in apps for name in synthesize(project, folder / "out" / str(number))]
    print(", ".join([*scanned, *switched_on]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
