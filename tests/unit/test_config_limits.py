"""Limits of AWS that a whole file can pass, told by position before anything is deployed."""

from __future__ import annotations

from pathlib import Path

from phaseline.config.start_checks import MAX_TEMPLATE
from phaseline.config.validator import MAX_JOBS
from tests.support.config_files import said, whole, write


def test_more_jobs_than_a_stack_holds_are_a_fault(tmp_path: Path) -> None:
    uses = "".join(f"  j{number}: {{code: job}}\n" for number in range(MAX_JOBS + 1))
    file = write(tmp_path, f"jobs:\n{uses}state_machines: {{m: {{phases: {{p: {{jobs: {{j0: }}}}}}}}}}\n")
    assert said(file)[0] == ["1:1  jobs  are too many for one stack: divide the file (got 71; allowed 70)"]


def test_an_input_of_a_start_that_no_rule_can_carry_is_a_fault(tmp_path: Path) -> None:
    limit = MAX_TEMPLATE - 64 - len("m")
    for text, length in [("x" * (limit - 2), None), ("x" * (limit - 1), limit + 1), ("<" * 2000, 12_002)]:
        file = write(tmp_path, whole("machine", f'start: [{{schedule: rate(1 hour), input: "{text}"}}]'))
        place = "4:38  state_machines.m.start[0].input"
        what = f"is longer than a rule of EventBridge's takes (got {length} characters; allowed {limit})"
        assert said(file)[0] == ([] if length is None else [f"{place}  {what}"])
    zoned = f'start: [{{schedule: rate(1 hour), timezone: Europe/Paris, input: "{"x" * 9000}"}}]'
    assert said(write(tmp_path, whole("machine", zoned)))[0] == []
