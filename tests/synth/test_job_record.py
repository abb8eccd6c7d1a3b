"""Renaming a job, or moving it to another stack, is warned of: by what the last synth into the same folder had."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match

from phaseline.cdk import JobStacks
from tests.support.stacks import CONFIG, make

BOATS = {"rent_a_boat": "boat", "row": "oars"}

HANDLERS = {"charter": "boat"}
"""What is in a folder that has got another name; in any other is something of its own."""


def warned(folder: Path, jobs: Mapping[str, str], job_stacks: JobStacks | None = None) -> list[str]:
    """The warnings of a synth of these jobs, each with its folder."""
    for code in jobs.values():
        (folder / code).mkdir(exist_ok=True)
        (folder / code / "handler.py").write_text(f"def handler(event, context): ...  # {HANDLERS.get(code, code)}\n")
    declared = "".join(f"  {name}: {{code: {code}}}\n" for name, code in jobs.items())
    uses = "".join(f"          {name}:\n" for name in jobs)
    text = f"jobs:\n{declared}state_machines:\n  trip:\n    phases:\n      all:\n        jobs:\n{uses}"
    made = make(folder, text, job_stacks=job_stacks)
    found = Annotations.from_stack(made.stack).find_warning("*", Match.any_value())
    return [str(item.entry.data) for item in found]


def test_a_new_name_for_the_same_code_is_warned_of(tmp_path: Path) -> None:
    assert warned(tmp_path, BOATS) == []
    (said,) = warned(tmp_path, {"charter_a_boat": "boat", "row": "oars"})
    assert said.startswith("jobs.charter_a_boat: is new with the code of rent_a_boat, which the last synth had.")
    assert "running executions still trigger rent_a_boat" in said


def test_a_new_name_for_job_and_folder_is_warned_of(tmp_path: Path) -> None:
    warned(tmp_path, BOATS)
    (said,) = warned(tmp_path, {"charter_a_boat": "charter", "row": "oars"})
    assert said.startswith("jobs.charter_a_boat: is new with the code of rent_a_boat, which the last synth had.")


def test_of_two_that_could_be_the_new_name_one_is(tmp_path: Path) -> None:
    warned(tmp_path, BOATS)
    (said,) = warned(tmp_path, {"charter": "charter", "rent": "charter", "row": "oars"})
    assert said.startswith("jobs.charter: is new with the code of rent_a_boat")


def test_another_handler_in_the_same_folder_is_another_job(tmp_path: Path) -> None:
    def synth(job: str) -> list[str]:
        text = CONFIG.replace("boat: {code: jobs/boat}", f"boat: {{code: jobs/boat}}\n  {job}")
        text = text.replace("boat: }", f"boat: , {job.partition(':')[0]}: }}")
        (tmp_path / "jobs/boat").mkdir(parents=True, exist_ok=True)
        (tmp_path / "jobs/boat/more.py").write_text("def bail(event, context): ...\ndef row(event, context): ...\n")
        found = Annotations.from_stack(make(tmp_path, text).stack).find_warning("*", Match.any_value())
        return [str(item.entry.data) for item in found]

    assert synth("row: {code: jobs/boat, handler: more.row}") == []
    assert synth("bail: {code: jobs/boat, handler: more.bail}") == []
    (said,) = synth("scoop: {code: jobs/boat, handler: more.bail}")
    assert said.startswith("jobs.scoop: is new with the code of bail")


def test_a_new_name_for_a_function_of_the_app_is_warned_of(tmp_path: Path) -> None:
    def synth(name: str) -> list[str]:
        def functions(stack: cdk.Stack) -> dict[str, lambda_.IFunction]:
            code = lambda_.Code.from_inline("def handler(event, context): ...")
            runtime = lambda_.Runtime.PYTHON_3_13
            return {name: lambda_.Function(stack, "Mine", code=code, handler="index.handler", runtime=runtime)}

        text = CONFIG.replace("rent_a_boat: {code: jobs/boat}", f"{name}: {{function: given}}")
        made = make(tmp_path, text.replace("rent_a_boat", name), functions=functions)
        found = Annotations.from_stack(made.stack).find_warning("*", Match.any_value())
        return [str(item.entry.data) for item in found]

    assert synth("price") == []
    (said,) = synth("cost")
    assert said.startswith("jobs.cost: is new with the code of price")


def test_adding_removing_and_reordering_is_not(tmp_path: Path) -> None:
    warned(tmp_path, BOATS)
    assert warned(tmp_path, {"steer": "helm", "row": "oars", "rent_a_boat": "boat"}) == []
    assert warned(tmp_path, {"steer": "helm"}) == []
    assert warned(tmp_path, {"steer": "helm", "sail": "sails", "second": "helm"}) == []


def test_jobs_that_go_to_another_stack_are(tmp_path: Path) -> None:
    warned(tmp_path, BOATS)
    (said,) = warned(tmp_path, BOATS, JobStacks.direct(2))
    assert said.startswith("jobs: 2 of 2 are in another stack than at the last synth (rent_a_boat, row): ")
    assert warned(tmp_path, BOATS, JobStacks.direct(2)) == []


def test_a_stack_that_has_no_job_any_more_is_since_nobody_else_deletes_it(tmp_path: Path) -> None:
    warned(tmp_path, BOATS, JobStacks.direct(2))
    moved, left = warned(tmp_path, BOATS)
    assert moved.startswith("jobs: 2 of 2 are in another stack")
    assert left.startswith("job_stacks: no job is in test-jobs-01 any more")
    assert "aws cloudformation delete-stack --stack-name test-jobs-01" in left
    assert warned(tmp_path, BOATS) == []
