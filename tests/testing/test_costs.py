"""What one execution costs in statuses, events and invocations: the counts of `docs/costs.md`."""

from __future__ import annotations

import re
from pathlib import Path

from phaseline.cdk.bus import patterns
from phaseline.testing import run
from phaseline_runtime.bundled.listening import ORCHESTRATOR_JOB, STATEMACHINE_JOB
from tests.testing.conftest import Write

PAGE = (Path(__file__).parents[2] / "docs" / "costs.md").read_text()
JOBS = 10


def test_a_chain_of_ten_jobs_costs_what_the_page_says(project: Write) -> None:
    chain = {f"j{number}": {"after": f"j{number - 1}"} if number else None for number in range(JOBS)}
    statuses = run(project({"p": {"jobs": chain}}), "m").statuses
    sent = {each["fullDocument.kind"]: each["fullDocument.status"]["$in"] for each in patterns.wanted()["$or"]}
    counts = {
        "statuses inserted": len(statuses),
        "events": sum(status.status in sent[status.kind] for status in statuses),
        "invocations of `statemachine_job`": sum(s.status in STATEMACHINE_JOB.get(s.kind, ()) for s in statuses),
        "invocations of `orchestrator_job`": sum(s.status in ORCHESTRATOR_JOB.get(s.kind, ()) for s in statuses),
        "invocations of the jobs": sum(s.kind == "job" and s.status == "triggered" for s in statuses),
    }
    assert counts == {row: int(number) for row, number in re.findall(r"^\| ([^|]+) \| (\d+) \|", PAGE, re.MULTILINE)}
