"""Checks what a job's code has on disk: its folder, its handler, its Dockerfile. Imports nothing of the user's."""

from __future__ import annotations

from pathlib import Path

from phaseline.config.checks.handlers import check_handler_of
from phaseline.config.faults import Faults, nearest, said, shown
from phaseline.config.reading.aws_names import in_ecr
from phaseline.config.reading.entries import JobEntry
from phaseline.config.reading.positions import Node
from phaseline.config.reading.runtimes import check_handler_in, default_handler, is_python

ARCHIVES = (".zip", ".jar")
"""What code may be instead of a folder, where it is not Python."""


def check_code(job: JobEntry, runtime: str | None, folder: Path, faults: Faults) -> None:
    """Check the `code` of a job of this runtime, None where that is not known; `folder` has the config file."""
    code: str | None = job.fields.get("code")
    node = job.fields.place("code")
    if code is None or node.open:
        return
    path = folder / code
    archive = runtime is not None and not is_python(runtime) and path.suffix in ARCHIVES
    if not (path.is_file() if archive else path.is_dir()):
        _report_missing(path, code, node, faults)
    elif runtime is not None:
        _check_handler(job, runtime, path, faults)


def check_image(job: JobEntry, folder: Path, faults: Faults) -> None:
    """Check the `image` of a job that is a folder."""
    image: str | None = job.fields.get("image")
    node = job.fields.place("image")
    if image is None or node.open or in_ecr(image) is not None:
        return
    path = folder / image
    if not path.is_dir():
        allowed = "a folder with a Dockerfile, ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG"
        faults.add(node, said("there is no such folder", got=shown(image), allowed=allowed))
    elif not (path / "Dockerfile").is_file():
        faults.add(node, said("there is no Dockerfile in the folder", got=shown(image)))


def _check_handler(job: JobEntry, runtime: str, path: Path, faults: Faults) -> None:
    given = "handler" in job.fields
    node = job.fields.place("handler" if given else "code")
    handler: str | None = job.fields.get("handler") if given else default_handler(runtime)
    if handler is None and not given:
        faults.add(job.node, f"the key `handler` is missing: there is no usual one in {runtime}", at_key=True)
    # A `handler` at fault has been reported, and the default is not what was meant.
    if handler is None or node.open:
        return
    check = check_handler_of(path, handler) if is_python(runtime) else check_handler_in(runtime, path, handler)
    if check is not None:
        faults.add(node, check)


def _report_missing(path: Path, code: str, node: Node, faults: Faults) -> None:
    if path.exists():
        faults.add(node, said("must be a folder, and is a file", got=shown(code)))
        return
    known = [str(Path(code).parent / each.name) for each in _folders(path.parent)]
    faults.add(node, said("there is no such folder", got=shown(code), meant=nearest(code, known)))


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(each for each in parent.iterdir() if each.is_dir())
    except OSError:
        return []
