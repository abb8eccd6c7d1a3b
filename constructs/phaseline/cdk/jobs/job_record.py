"""Which jobs the last synth into the same folder had, to warn where one seems to be renamed, or has moved.

It compares with a synth and not with what is deployed, which a synth cannot see: a hint for those who edit the config.
A pipeline holds templates against each other with `phaseline.testing.assert_stable_ids`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from phaseline.cdk.functions.bundling import IGNORED
from phaseline.cdk.jobs.job_target import Functions
from phaseline.config import Job
from phaseline.config.reading.job_kinds import JobKind

_SHOWN = 5
"""How many jobs a warning names."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of a job."""

    code: str
    """The folder and the handler in it."""
    stack: str
    """The name of its stack."""
    content: str = ""
    """What the folder holds, and the handler in it: the folder may be renamed with the job."""


Jobs = Mapping[str, Recorded]
"""By the jobs' names."""


def recorded(jobs: Mapping[str, Job], stacks: Mapping[str, str], functions: Functions) -> Jobs:
    """What there is to record of these jobs: in which stacks they are, and which functions the app gives."""
    folders = {job.name: Path(str(job.code or job.image or "")) for job in jobs.values()}
    contents = {folder: _content(folder) for folder in {*folders.values()} if folder.is_dir()}
    return {
        name: Recorded(
            functions[name].node.path if job.kind is JobKind.GIVEN else job.source,
            stacks[name],
            f"{contents[folders[name]]}:{job.handler}" if folders[name] in contents else "",
        )
        for name, job in jobs.items()
    }


def _content(code: Path) -> str:
    """What tells this folder from others: its files by size, and what stands in those beside the handler."""
    found = hashlib.sha256()
    for folder, folders, files in os.walk(code):
        folders[:] = sorted(name for name in folders if name not in IGNORED)
        for path in [Path(folder, name) for name in sorted(files) if not name.endswith(".pyc")]:
            found.update(f"{path.relative_to(code).as_posix()} {path.lstat().st_size}\n".encode())
            if path.parent == code and path.is_file():
                found.update(path.read_bytes())
    return found.hexdigest()


def read(file: Path) -> Jobs:
    """The jobs of the last synth; none where there was no synth, or its file cannot be read."""
    try:
        return {name: Recorded(**item) for name, item in json.loads(file.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write(file: Path, jobs: Jobs) -> None:
    """Record the jobs of this synth."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({name: asdict(item) for name, item in jobs.items()}, indent=1), "utf-8")


def warnings(before: Jobs, now: Jobs, first: str) -> Iterator[tuple[str, str]]:
    """What to warn of, each with an id of its own. The stack `first`, the orchestration's, always is there."""
    gone = {name: item for name, item in before.items() if name not in now}
    for name, item in now.items():
        old = None if name in before else _renamed(item, gone)
        if old is not None:
            del gone[old]
            yield (
                f"renamed:{old}:{name}",
                f"jobs.{name}: is new with the code of {old}, which the last synth had. A renamed job is another one: "
                f"its function is made anew, and running executions still trigger {old}, which fails as "
                "Phaseline.NotStarted. Keep both names until those have ended.",
            )
    moved = [name for name, item in now.items() if name in before and before[name].stack != item.stack]
    if moved:
        some = ", ".join(moved[:_SHOWN]) + (", …" if len(moved) > _SHOWN else "")
        yield (
            "moved",
            f"jobs: {len(moved)} of {len(now)} are in another stack than at the last synth ({some}): their functions "
            "are deleted there and made anew here. What is triggered in between is delivered again, what runs can be "
            "cut off: deploy at a quiet hour, or go back to the former `job_stacks`.",
        )
    left = sorted({item.stack for item in before.values()} - {item.stack for item in now.values()} - {first})
    if left:
        yield (
            "left",
            f"job_stacks: no job is in {', '.join(left)} any more, as at the last synth. CDK deletes no stack that the "
            "app does not have, and the functions in it go on listening, with the code that they have: delete it once "
            f"this is deployed, `aws cloudformation delete-stack --stack-name {left[0]}`.",
        )


def _renamed(job: Recorded, gone: Jobs) -> str | None:
    """The name that this job had, as it seems: the same folder, or else the same in another one."""
    for name, item in gone.items():
        if item.code == job.code:
            return name
    return next((name for name, item in gone.items() if item.content and item.content == job.content), None)
