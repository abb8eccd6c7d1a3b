"""An input that never meets the `filter` of its job is a fault."""

# ruff: noqa: E501 (what is said stands on one line)

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.config_files import rows, said, write

_FILE = """
jobs:
  a: {{code: job, filter: {filter}}}
  b: {{code: job}}
state_machines: {{m: {{phases: {{p: {{jobs: {jobs}}}}}}}}}
"""

FAULTS = r"""
=== filter: a filter on an event, and not on its input
{input: {rate: [1]}}
{b: , x: {job: a, input: {bank: A, rate: $input.rate}}}
--> 4:59  state_machines.m.phases.p.jobs.x.input  never meets the `filter` of a, which asks for a field that this input does not have (got bank, rate; allowed an input with `input`)

=== filter: a field inside of another
{bank: {city: [{prefix: x}], street: [{exists: false}]}}
{a: {input: {bank: {town: x}}}, b: }
--> 4:46  state_machines.m.phases.p.jobs.a.input  never meets the `filter` of a, which asks for a field that this input does not have (got bank; allowed an input with `bank.city`)

=== filter: neither of two fields
{$or: [{x: [1]}, {y: [1]}]}
{a: {input: {}}, b: }
--> 4:46  state_machines.m.phases.p.jobs.a.input  never meets the `filter` of a, which asks for a field that this input does not have (got none; allowed an input with `x`)

=== filter: the input of a compensation
{x: [{anything-but: 1}]}
{b: {compensate: {job: a, input: {y: 1}}}}
--> 4:67  state_machines.m.phases.p.jobs.b.compensate.input  never meets the `filter` of a, which asks for a field that this input does not have (got y; allowed an input with `x`)

=== filter: fields that are there, or need not be
{x: [1], y: [{exists: false}], z: {u: [{exists: false}, 2]}, "n.m": [1]}
{a: {input: {x: $input.z}}, b: }

=== filter: one of two fields
{$or: [{x: [1]}, {y: [1]}]}
{a: {input: {y: 3}}, b: }

=== filter: what only the database knows
{x: {y: [1]}}
{b: , a: {after: b, input: $results.b}, c: {job: a, input: {$mergeObjects: [$input, {y: 1}]}}, d: {job: a, input: {x: $input.x}}, e: {job: a}}
"""


@pytest.mark.parametrize(("name", "kind", "text", "expected"), rows(FAULTS))
def test_a_field_that_the_filter_asks_for_is_in_the_input(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    pattern, jobs = text.splitlines()
    assert said(write(tmp_path, _FILE.format(filter=pattern, jobs=jobs).lstrip("\n")))[0] == expected, name
