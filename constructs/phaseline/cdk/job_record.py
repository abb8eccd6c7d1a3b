"""Which jobs the last synth into the same folder had, to warn where one seems to be renamed, or has moved.

It compares with a synth and not with what is deployed, which a synth cannot see: a hint for those who edit the config.
A pipeline holds templates against each other with `phaseline.testing.assert_stable_ids`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

_SHOWN = 5
"""How many jobs a warning names."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of a job."""

    code: str
    """The folder and the handler in it."""
    stack: str
    """The name of its stack."""


Jobs = Mapping[str, Recorded]
"""By the jobs' names."""


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
    gone = {item.code: name for name, item in before.items() if name not in now}
    for name, item in now.items():
        if name not in before and item.code in gone:
            old = gone[item.code]
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
