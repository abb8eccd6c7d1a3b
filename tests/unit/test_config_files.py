"""The file as a whole: all faults at once, YAML and its mistakes, `${NAME}`, and files that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phaseline.config import ConfigError, load
from phaseline.config.reading import positions
from phaseline_runtime.errors import UserError
from tests.support.config_files import loaded, said, whole, write

TEN_FAULTS = """\
defaults: {runtime: python3.13, memory: 64}
jobs:
  buy: {code: job, retires: 3}
  boat: {code: boats, timeout: 30 sec}
  cast: {code: job, filter: {region: eu-west-1}}
state_machines:
  fishing:
    phases:
      thinking:
        jobs:
          buy: {after: boat}
          boat: {after: buy}
        next: fihsing
      fishing:
        jobs:
          cast: {run_if: all_sucess}
          drink: {when: {input.age: {$gte: 18, $gtee: 1}}}
"""


def test_a_file_with_ten_faults_gets_ten_lines_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, TEN_FAULTS)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load()
    rules = (
        "all_success, all_failed, all_done, all_skipped, all_done_min_one_success, one_success, one_failed, one_done, "
        "none_failed, none_failed_min_one_success, none_skipped, always"
    )
    place = "state_machines.fishing.phases"
    keys = (
        "code, image, function_arn, function, handler, runtime, memory, architecture, layers, filter, environment, "
        "secrets, policy, reserved_concurrency, provisioned_concurrency, tracing, …"
    )
    leaf = 'a list of texts, numbers, true, false, null and operators, such as ["eu-west-1", {prefix: us-}]'
    assert str(caught.value).splitlines() == [
        "phaseline.yaml:1:41  defaults.memory  must be a whole number (got 64; allowed 128 to 10240 MB)",
        f'phaseline.yaml:3:20  jobs.buy.retires  unknown key (got "retires"; allowed {keys}; did you mean retry?)',
        'phaseline.yaml:4:16  jobs.boat.code  there is no such folder (got "boats")',
        "phaseline.yaml:4:32  jobs.boat.timeout  must be a duration "
        '(got "30 sec"; allowed 30s, 10m, 1h, 90d or whole seconds)',
        f'phaseline.yaml:5:38  jobs.cast.filter.region  not a list of values (got "eu-west-1"; allowed {leaf})',
        f"phaseline.yaml:11:24  {place}.thinking.jobs.buy.after  is a cycle: buy after boat after buy",
        f"phaseline.yaml:13:15  {place}.thinking.next  unknown phase "
        '(got "fihsing"; allowed thinking, fishing, end; did you mean fishing?)',
        f"phaseline.yaml:16:26  {place}.fishing.jobs.cast.run_if  unknown rule "
        f'(got "all_sucess"; allowed {rules}; did you mean all_success?)',
        f'phaseline.yaml:17:11  {place}.fishing.jobs.drink  unknown job (got "drink"; allowed buy, boat, cast)',
        f"phaseline.yaml:17:48  {place}.fishing.jobs.drink.when.input.age.$gtee  unknown operator "
        '(got "$gtee"; did you mean $gte?)',
    ]
    assert isinstance(caught.value, UserError)
    assert [fault.line for fault in caught.value.faults] == [1, 3, 4, 4, 5, 11, 13, 16, 17, 17]


def test_the_file_is_shown_from_the_working_directory_or_as_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "beside").mkdir()
    file = write(tmp_path / "below", "jobs: 1\nstate_machines: 1\n")
    for folder, shown in [(tmp_path, f"below{os.sep}phaseline.yaml"), (tmp_path / "beside", str(file))]:
        monkeypatch.chdir(folder)
        with pytest.raises(ConfigError) as caught:
            load(file)
        assert {fault.file for fault in caught.value.faults} == {shown}


UNREADABLE = [
    (b"", "1:1  is empty; a config file has at least `jobs` and `state_machines`"),
    (b"# nothing\n", "1:1  is empty; a config file has at least `jobs` and `state_machines`"),
    (b"- a\n- b\n", '1:1  must be a config file, a mapping (got ["a", "b"]; '),
    (b"just text", '1:1  must be a config file, a mapping (got "just text"; '),
    (b"&lone\n", "1:1  must be a config file, a mapping (got null; "),
    (b"jobs: {a: }\nb\xe9: 1\n", "2:2  is not UTF-8 (got the byte 0xe9)"),
    (b"jobs: \x01\n", "1:7  is not YAML: a control character (got U+0001)"),
    (b"jobs: {a: 1\nb: 2\n", "2:2  is not YAML: while parsing a flow mapping expected ',' or '}', but got ':'"),
    (b"jobs:\n\ta: 1\n", "2:1  is not YAML: while scanning for the next token found character '\\t'"),
    (b"jobs: 'open\n", "2:1  is not YAML: while scanning a quoted scalar found unexpected end of stream"),
    (b"jobs: a: b\n", "1:8  is not YAML: mapping values are not allowed here"),
    (b"jobs: *nobody\n", "1:7  is not YAML: found undefined alias 'nobody'"),
    (b"a: 1\n---\na: 2\n", "2:1  is not YAML: expected a single document in the stream but found another document"),
    (b"jobs: &r [*r]\n", "1:7  an alias stands inside of what it stands for"),
    (b"[" * 1000, "1:1  is nested too deeply"),
    (b"[" * 150 + b"]" * 150, "1:102  is nested more than 100 deep"),
]


@pytest.mark.parametrize(("data", "expected"), UNREADABLE)
def test_what_is_no_config_file_is_one_fault_with_its_place(tmp_path: Path, data: bytes, expected: str) -> None:
    file = tmp_path / "phaseline.yaml"
    file.write_bytes(data)
    [line] = said(file)[0]
    assert line.startswith(expected)


def test_a_file_that_is_not_there_and_a_folder_are_faults(tmp_path: Path) -> None:
    assert said(tmp_path / "phaseline.yaml")[0] == ["1:1  there is no such file"]
    assert said(tmp_path)[0] == ["1:1  is a folder; a config file is expected"]


def test_aliases_that_would_fill_the_memory_are_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "MAX_NODES", 2_000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    [line] = said(write(tmp_path, "\n".join(lines)))[0]
    assert "holds more than 2,000 values once its aliases are written out" in line


def test_a_file_may_have_as_many_values_as_it_likes_without_aliases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "MAX_NODES", 5)
    assert said(write(tmp_path, whole("machine", "description: x")))[0] == []
    [line] = said(write(tmp_path, "a: &a [x, x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\n"))[0]
    assert "holds more than 65 values once its aliases are written out" in line


@given(st.binary(max_size=80) | st.text("{}[]:-&*!|>'\"#%@,? \n\tab1$", max_size=60).map(str.encode))
@settings(max_examples=200)
def test_whatever_a_file_holds_it_is_faults_and_nothing_else(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "phaseline.yaml"
    file.write_bytes(data)
    assert said(file)[0]


def test_words_mean_what_yaml_1_2_says(tmp_path: Path) -> None:
    text = (
        "p: {jobs: {a: {input: {on: on, yes: yes, off: Off, date: 2026-11-24, time: 12:30:00, octal: 0o17, zero: 017, "
        'hex: 0x1F, float: 1e3, under: 1_000, true: True, none: ~, quoted: "5", tagged: !!str 5}}, b: , c: , d: }}'
    )
    [phase] = loaded(tmp_path, "phases", text).state_machines["m"].definition.phases
    assert phase.jobs[0].input == (
        '{"on":"on","yes":"yes","off":"Off","date":"2026-11-24","time":"12:30:00","octal":15,"zero":17,"hex":31,'
        '"float":1000.0,"under":"1_000","true":true,"none":null,"quoted":"5","tagged":"5"}'
    )


def test_anchors_and_merges_are_written_out(tmp_path: Path) -> None:
    text = "a: &base {code: job, memory: 512, timeout: 1m}\nb: {<<: *base, memory: 1024}\nc: *base"
    jobs = loaded(tmp_path, "jobs", text).jobs
    assert [(job.memory, job.timeout) for job in jobs.values()] == [(512, 60), (1024, 60), (512, 60)]


def test_tags_and_keys_that_are_no_text_are_faults(tmp_path: Path) -> None:
    text = "a: {code: !path job, ? [x] : 1}\nb: {<<: [1]}"
    assert said(write(tmp_path, whole("jobs", text)))[0] == [
        "2:7  jobs.a.code  a YAML tag has no meaning here (got !path)",
        "2:26  jobs.a  a key must be text, not a mapping or a list",
        "3:3  jobs.b  the key `code` is missing, or `image`, or `function_arn`, or `function`",
        "3:12  jobs.b  `<<` takes a mapping, or a list of mappings",
    ]


PLACEHOLDERS = """\
a:
  code: job
  memory: ${MEMORY}
  timeout: "${TIMEOUT}"
  environment: {LICENCE: "${LICENCE}", BOTH: "${LICENCE}-${MEMORY}"}
  filter: {region: ["${REGION}"]}
"""


def test_placeholders_take_the_values_of_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path, whole("jobs", PLACEHOLDERS))
    values = {"MEMORY": "512", "TIMEOUT": "2m", "LICENCE": "007", "REGION": "eu-west-1"}
    job = load(file, values=values).jobs["a"]
    assert (job.memory, job.timeout) == (512, 120)
    assert job.environment == {"LICENCE": "007", "BOTH": "007-512"}
    assert job.filter == {"region": ["eu-west-1"]}


def test_placeholders_stay_where_there_is_no_environment_yet(tmp_path: Path) -> None:
    job = load(write(tmp_path, whole("jobs", PLACEHOLDERS))).jobs["a"]
    assert (job.memory, job.timeout) == (256, 30)
    assert job.environment["LICENCE"] == "${LICENCE}"


def test_a_value_that_the_environment_lacks_or_that_does_not_fit_is_a_fault(tmp_path: Path) -> None:
    file = write(tmp_path, whole("jobs", PLACEHOLDERS))
    lacks = "there is no value for ${LICENCE} in this environment (did you mean LICENSE?)"
    assert said(file, {"MEMORY": "little", "LICENSE": "x", "REGION": "x"})[0] == [
        '4:13  jobs.a.memory  must be a whole number (got "little"; allowed 128 to 10240 MB)',
        "5:14  jobs.a.timeout  there is no value for ${TIMEOUT} in this environment",
        f"6:28  jobs.a.environment.LICENCE  {lacks}",
        f"6:48  jobs.a.environment.BOTH  {lacks}",
    ]


def test_a_value_that_is_no_text_is_written_as_yaml_has_it_or_a_fault(tmp_path: Path) -> None:
    file = write(tmp_path, whole("jobs", PLACEHOLDERS))
    values: dict[str, Any] = {"MEMORY": 512, "TIMEOUT": "2m", "LICENCE": True, "REGION": "x"}
    assert load(file, values=values).jobs["a"].environment == {"LICENCE": "true", "BOTH": "true-512"}
    lacks = "there is no value for ${LICENCE} in this environment"
    values |= {"LICENCE": None, "REGION": ["x"]}  # The first as `os.environ.get` has it.
    kind = "(got list; allowed text, a number, True, False)"
    assert said(file, values)[0] == [
        f"6:28  jobs.a.environment.LICENCE  {lacks}",
        f"6:48  jobs.a.environment.BOTH  {lacks}",
        f"7:23  jobs.a.filter.region[0]  the value for ${{REGION}} is no text {kind}",
    ]


def test_a_path_or_values_of_another_kind_are_named() -> None:
    none: Any = None
    with pytest.raises(UserError, match=r"load: path: got None; expected is that of a config file"):
        load(none)
    names: Any = ["LICENCE"]
    with pytest.raises(UserError, match=r"load: values: got a value of type list; expected is a mapping, such as"):
        load("phaseline.yaml", values=names)


def test_a_plain_placeholder_in_an_expression_becomes_what_its_value_looks_like(tmp_path: Path) -> None:
    text = "p:\n  jobs:\n    a:\n      when:\n        input.age:\n          $gte: ${AGE}\n          $ne: '${AGE}'\n"
    file = write(tmp_path, whole("phases", text + "    b:\n    c:\n    d:"))
    [phase] = load(file, values={"AGE": "18"}).state_machines["m"].definition.phases
    assert phase.jobs[0].when == '{"input.age":{"$gte":18,"$ne":"18"}}'


def test_warnings_come_with_the_config(tmp_path: Path) -> None:
    config = loaded(tmp_path, "jobs", "a: {code: job}\nb: {code: job}")
    assert [fault.path for fault in config.warnings] == ["jobs.b"]
