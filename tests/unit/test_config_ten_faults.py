"""Files with ten faults each: ten lines in one go, in order, the same from Python and from `phaseline validate`.

`tests/synth` asks the same of the CDK app.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phaseline.cli.entry import run
from phaseline.config import ConfigError, load
from tests.support.config_files import write
from tests.support.ten_faults import FILES


@pytest.fixture(params=FILES)
def expected(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that are to be said of the file in the working directory."""
    text, said = FILES[request.param]
    write(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    return [f"phaseline.yaml:{line}" for line in said.splitlines()]


def test_python_gets_ten_lines_sorted_by_line(expected: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load()
    assert str(caught.value).splitlines() == expected
    assert len(expected) == 10
    places = [(fault.line, fault.column) for fault in caught.value.faults]
    assert places == sorted(places)


def test_validate_says_the_same_and_exits_with_2(expected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate"]) == 2
    captured = capsys.readouterr()
    assert captured.out.splitlines() == expected
    assert captured.err.splitlines()[-1] == "phaseline: phaseline.yaml has 10 faults"
    assert run(["validate", "--json"]) == 2
    shown = json.loads(capsys.readouterr().out)["faults"]
    assert [f"{each['file']}:{each['line']}:{each['column']}" for each in shown] == [
        line.partition("  ")[0] for line in expected
    ]


def test_graph_says_the_same_and_exits_with_2(expected: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["graph"]) == 2
    assert capsys.readouterr().err.splitlines() == expected
