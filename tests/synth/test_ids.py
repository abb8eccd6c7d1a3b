"""Whatever the config may call its jobs and state machines, there are constructs for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from phaseline.cdk import JobStacks
from phaseline.cdk.basics.ids import id_of
from tests.support.stacks import make

OF_JAVASCRIPT = ("toString", "constructor", "valueOf", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable")
OF_CDK = ("Default", "Resource", "node", "Function", "Role", "Rule", "Log", "Jobs")
ALIKE = ("a_b", "a-b", "ab", "AB", "toLocaleString", "tostring")


@pytest.mark.parametrize("stacks", [None, JobStacks.routed(2)])
@pytest.mark.parametrize("kind", ["code: jobs/boat", "code: jobs/boat, runtime: nodejs22.x, handler: handler.handler"])
def test_every_name_of_the_config_has_its_resources(tmp_path: Path, kind: str, stacks: JobStacks | None) -> None:
    (tmp_path / "jobs/boat").mkdir(parents=True)
    (tmp_path / "jobs/boat/handler.mjs").write_text("export const handler = async (event) => ({});\n")
    names = [*OF_JAVASCRIPT, *OF_CDK, *ALIKE]
    jobs = "".join(f"  {name}: {{{kind}}}\n" for name in names)
    machines = "".join(
        f"  {name}:\n    start: [{{schedule: rate({n + 2} hours)}}]\n    phases: {{a: {{jobs: {{{name}: }}}}}}\n"
        for n, name in enumerate(names)
    )
    made = make(tmp_path, f"jobs:\n{jobs}state_machines:\n{machines}", job_stacks=stacks)
    assert list(made.orchestration.jobs) == names
    paths = {job.runner.node.path for job in made.orchestration.jobs.values()}
    assert len(paths) == len(names)


def test_no_other_name_gets_another_id() -> None:
    """It would be another resource at the next deploy."""
    assert [id_of(name) for name in ("rent_a_boat", "default", "tostring", "Jobs")] == [
        "rent_a_boat",
        "default",
        "tostring",
        "Jobs",
    ]
