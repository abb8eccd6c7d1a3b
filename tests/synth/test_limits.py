"""The largest orchestration that the config allows fits into one stack of CloudFormation's."""

from __future__ import annotations

from pathlib import Path

from phaseline.cdk import StarterUrl
from phaseline.cdk.basics.quotas import JOB_RESOURCES, STACK_RESOURCES
from phaseline.cdk.jobs.making import OF_A_JOB
from tests.support.stacks import make

MAX_JOBS = JOB_RESOURCES // OF_A_JOB
RESERVE = 10
"""What is left for an app's own: tables, alarms."""

STARTS = """
      - {schedule: rate(1 hour)}
      - {schedule: "cron(0 6 * * ? *)", timezone: Europe/Berlin}
      - {event: {pattern: {source: [shop]}}}
      - {event: {bus: orders, pattern: {source: [shop]}}}
      - {event: {bus: returns, pattern: {source: [shop]}}}
"""


def test_as_many_jobs_as_are_allowed_fit_with_everything_else_that_a_config_can_ask_for(tmp_path: Path) -> None:
    runtimes = ("python3.11", "python3.12", "python3.13", "python3.14")
    jobs = "".join(f"  j{n}: {{code: jobs/boat, runtime: {runtimes[n % 4]}}}\n" for n in range(MAX_JOBS))
    uses = "".join(f"          j{n}:\n" for n in range(MAX_JOBS))
    machine = f"  trip:\n    retention: 90d\n    start:{STARTS}    phases:\n      all:\n        jobs:\n{uses}"
    channels = "notifications:\n  - {to: log, events: ['*']}\n"
    made = make(tmp_path, f"jobs:\n{jobs}state_machines:\n{machine}{channels}", starter_url=StarterUrl.IAM)
    made.orchestration.add_outputs()
    assert len(made.orchestration.jobs) == MAX_JOBS
    assert len(made.resources) <= STACK_RESOURCES - RESERVE


def test_the_docs_say_how_many_jobs_that_are() -> None:
    docs = Path(__file__).parents[2] / "docs"
    said = f"{MAX_JOBS}; more in [stacks of their own](scale.md) | CloudFormation's {STACK_RESOURCES} resources |"
    assert f"| jobs in one stack | {said}" in (docs / "limits.md").read_text()
    assert f"| jobs in one stack | {MAX_JOBS} with six resources each" in (docs / "config.md").read_text()
    assert f"Up to {MAX_JOBS} jobs (of six resources each" in (docs / "scale.md").read_text()
    assert OF_A_JOB == 6
