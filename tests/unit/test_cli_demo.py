"""`phaseline demo` checks what it can before it starts anything."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from phaseline.cli.demo import _say_what_next
from phaseline.cli.entry import run
from phaseline.cli.output import console
from phaseline.local.stages import Stages

CONFIG = "jobs: {a: {code: job}}\nstate_machines: {m: {phases: {p: {jobs: {a: }}}}}\n"


@pytest.mark.parametrize(
    ("config", "machine", "said"),
    [
        (CONFIG, "nope", "phaseline: there is no state machine 'nope' in phaseline.yaml; there is: m"),
        (
            CONFIG.replace("m: {", "m: {input_schema: {type: object, required: [guest]}, "),
            "m",
            "phaseline: the input of m does not meet its input_schema: $: 'guest' is a required property",
        ),
        (
            CONFIG.replace("a: {code", "a: {kode"),
            "m",
            "phaseline.yaml:1:8  jobs.a  the key `code` is missing, or `image`, or `function_arn`, or `function`",
        ),
    ],
)
def test_a_mistake_is_told_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], config: str, machine: str, said: str
) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "handler.py").write_text("def handler(event, context): ...\n")
    (tmp_path / "cdk.json").write_text("{}")
    (tmp_path / "phaseline.yaml").write_text(config)
    assert run(["demo", machine, "--project", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / ".phaseline").exists()


def test_a_folder_without_an_app_is_told_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--project", str(tmp_path)]) == 2
    assert "holds no CDK app" in capsys.readouterr().err
    assert not (tmp_path / ".phaseline").exists()


def test_what_to_try_next_is_a_start_with_the_input_that_was_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _say_what_next(Stages(console()), "m", {"guest": "Ada's"}, tmp_path)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " start " in line]
    words = shlex.split(line)
    assert words[words.index("start") :] == ["start", "m", "--input", '{"guest": "Ada\'s"}', "--watch"]
