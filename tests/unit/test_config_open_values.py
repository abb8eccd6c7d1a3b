"""A file without an environment: what its `${NAME}` will stand for is not known, and nothing is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.config_files import said, whole, write

OPEN = [
    ("jobs", "a: {code: '${X}', handler: '${X}', memory: '${X}', timeout: '${X}', runtime: '${X}'}"),
    ("jobs", "a: {code: job, filter: {age: [{numeric: ['>', '${X}']}], region: ['${X}']}}"),
    ("machine", "input_schema: {type: '${X}', properties: {age: {maximum: '${X}'}}}"),
    ("machine", "input_schema: {required: ['${X}']}\nstart: [{schedule: rate(1 hour), input: {age: 3}}]"),
    ("machine", "start: [{schedule: '${X}', timezone: '${X}', input: {age: '${X}'}}]"),
    ("machine", "start: [{event: {bus: '${X}', pattern: {source: ['${X}']}}}]"),
    ("phases", "p: {jobs: {a: {input: {x: {$add: ['${X}', 1]}}, when: {input.age: {$gte: '${X}'}}}, b: , c: , d: }}"),
    ("phases", "p: {jobs: {a: , b: , c: , d: }, wait_for: '${X}'}"),
    (
        "phases",
        "p: {on_failure: {to: q}, jobs: {a: {on_failure: fail}}, deadline: '${X}', next: end}\n"
        "q: {on_failure: {to: r}, jobs: {b: {on_failure: fail}}, wait_for: '${X}', next: end}\n"
        "r: {jobs: {c: , d: }}",
    ),
    (
        "file",
        "notifications: [{to: slack, url: '${X}', events: ['${X}']}, {to: slack, url_secret: '${X}', events: ['*']}]",
    ),
]


@pytest.mark.parametrize(("kind", "text"), OPEN)
def test_nothing_is_said_of_a_value_that_is_not_known_yet(tmp_path: Path, kind: str, text: str) -> None:
    assert said(write(tmp_path, whole(kind, text))) == ([], [])


FILLED = [
    ("jobs", "a: {code: job, memory: '${X}'}", "64", "2:26  jobs.a.memory  must be a whole number"),
    ("jobs", "a: {code: '${X}'}", "jobs", '2:13  jobs.a.code  there is no such folder (got "jobs"; did you mean job?)'),
    (
        "phases",
        "p: {jobs: {a: , b: , c: , d: }, wait_for: '${X}'}",
        "5",
        "5:49  state_machines.m.phases.p.wait_for  waits for more successes than the phase has jobs (got 5",
    ),
    (
        "phases",
        "p: {jobs: {a: , b: , c: , d: }, wait_for: '${X}'}",
        "a",
        '5:49  state_machines.m.phases.p.wait_for  a name cannot come from the environment (got "a")',
    ),
    ("machine", "input_schema: {type: '${X}'}", "objct", "4:26  state_machines.m.input_schema.type  is no valid JSON"),
    (
        "file",
        "notifications: [{to: slack, url: '${X}', events: ['*']}]",
        "x",
        "5:34  notifications[0].url  must be a URL",
    ),
]


@pytest.mark.parametrize(("kind", "text", "value", "expected"), FILLED)
def test_a_value_is_checked_once_it_is_known(tmp_path: Path, kind: str, text: str, value: str, expected: str) -> None:
    (fault,) = said(write(tmp_path, whole(kind, text)), {"X": value})[0]
    assert fault.startswith(expected)


@pytest.mark.parametrize("key", ["input", "when"])
def test_a_key_with_nothing_behind_it_was_forgotten(tmp_path: Path, key: str) -> None:
    text = whole("phases", f"p: {{jobs: {{a: {{{key}: }}, b: , c: , d: }}}}")
    assert said(write(tmp_path, text))[0] == [
        f"5:22  state_machines.m.phases.p.jobs.a.{key}  the key has no value",
    ]


def test_a_null_that_is_written_out_is_an_input(tmp_path: Path) -> None:
    text = whole("phases", "p: {jobs: {a: {input: null}, b: , c: , d: }}")
    assert said(write(tmp_path, text)) == ([], [])


def test_a_target_in_the_defaults_is_told_once_for_each_machine_that_lacks_it(tmp_path: Path) -> None:
    text = (
        "defaults: {on_failure: {to: home}}\n"
        + whole("machine", "description: one")
        + "  n: {phases: {q: {jobs: {a: , b: }}}}\n"
    )
    faults = said(write(tmp_path, text))[0]
    assert [fault.split("  ", 2)[2].partition(",")[0] for fault in faults] == ["state machine m", "state machine n"]
