"""Limits of AWS that a whole file can pass, told by position before anything is deployed."""

from __future__ import annotations

from pathlib import Path

from phaseline.config.checks.start_checks import MAX_TEMPLATE
from tests.support.config_files import said, whole, write


def test_an_input_of_a_start_that_no_rule_can_carry_is_a_fault(tmp_path: Path) -> None:
    limit = MAX_TEMPLATE - 64 - len("m")
    for text, length in [("x" * (limit - 2), None), ("x" * (limit - 1), limit + 1), ("<" * 2000, 12_002)]:
        file = write(tmp_path, whole("machine", f'start: [{{schedule: rate(1 hour), input: "{text}"}}]'))
        place = "4:38  state_machines.m.start[0].input"
        what = "is longer than a rule of EventBridge's takes: a schedule with a `timezone` has more room"
        what += f" (got {length} characters; allowed {limit})"
        assert said(file)[0] == ([] if length is None else [f"{place}  {what}"])
    zoned = f'start: [{{schedule: rate(1 hour), timezone: Europe/Paris, input: "{"x" * 9000}"}}]'
    assert said(write(tmp_path, whole("machine", zoned)))[0] == []
    long = zoned.replace("x" * 9000, "x" * 262_144)
    (found,) = said(write(tmp_path, whole("machine", long)))[0]
    assert "is longer than a schedule with a `timezone` takes" in found
    assert "(got 262146 characters; allowed 262015)" in found


def test_a_pattern_is_measured_in_characters_whatever_they_are(tmp_path: Path) -> None:
    for letter in ("x", "é", "魚"):
        for count, place in [(1880, []), (2000, ["jobs.a.filter"])]:
            found = said(write(tmp_path, whole("jobs", f"a: {{code: job, filter: {{x: [{letter * count}]}}}}")))[0]
            assert [line.split("  ")[1] for line in found] == place
