"""Adding, removing and reordering jobs touches no other job: CloudFormation would replace what gets a new id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.stacks import make

SHARED = (
    "Publication",
    "migrationsjobBundledFunction",
    "notificationsjobBundledFunction",
    "deadlettersjobBundledFunction",
)
"""What holds the definitions, and so changes with them."""


def resources(folder: Path, jobs: Sequence[str]) -> Mapping[str, Any]:
    declared = "".join(f"  {job}: {{code: jobs/boat}}\n" for job in jobs)
    used = "".join(f"          {job}:\n" for job in jobs)
    made = make(folder, f"jobs:\n{declared}state_machines:\n  trip:\n    phases:\n      all:\n        jobs:\n{used}")
    return {id: item for id, item in made.resources.items() if not any(part in id for part in SHARED)}


def test_a_job_that_is_added_or_removed_brings_or_takes_its_own_six_resources(tmp_path: Path) -> None:
    before = resources(tmp_path, ["alpha", "gamma"])
    after = resources(tmp_path, ["alpha", "beta", "gamma"])
    assert {id: item for id, item in after.items() if "beta" not in id} == before
    assert len(after) - len(before) == 6


def test_the_order_of_jobs_does_not_matter(tmp_path: Path) -> None:
    assert resources(tmp_path, ["a", "b", "c"]) == resources(tmp_path, ["c", "a", "b"])


def test_names_that_differ_only_in_what_an_id_cannot_hold_stay_apart(tmp_path: Path) -> None:
    found = resources(tmp_path, ["rent_a_boat", "rent-a-boat", "rentaboat"])
    functions = [id for id, item in found.items() if item["Type"] == "AWS::Lambda::Function"]
    assert len([id for id in functions if "OrchestrationJobs" in id]) == 3
