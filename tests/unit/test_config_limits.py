"""Limits of AWS that a whole file can pass, told by position before anything is deployed."""

from __future__ import annotations

from pathlib import Path

from phaseline.config.start_checks import MAX_TEMPLATE
from tests.support.config_files import said, whole, write


def test_an_input_of_a_start_that_no_rule_can_carry_is_a_fault(tmp_path: Path) -> None:
    limit = MAX_TEMPLATE - 64 - len("m")
    for text, length in [("x" * (limit - 2), None), ("x" * (limit - 1), limit + 1), ("<" * 2000, 12_002)]:
        file = write(tmp_path, whole("machine", f'start: [{{schedule: rate(1 hour), input: "{text}"}}]'))
        place = "4:38  state_machines.m.start[0].input"
        what = f"is longer than a rule of EventBridge's takes (got {length} characters; allowed {limit})"
        assert said(file)[0] == ([] if length is None else [f"{place}  {what}"])
    zoned = f'start: [{{schedule: rate(1 hour), timezone: Europe/Paris, input: "{"x" * 9000}"}}]'
    assert said(write(tmp_path, whole("machine", zoned)))[0] == []
