"""The command line as a user meets it: messages, exit codes, JSON. No database: a client in memory stands for it."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.cells import cell_len

from phaseline.cli import connection
from phaseline.cli.entry import run
from phaseline.cli.output import print_columns
from phaseline.config import load
from phaseline_runtime import strict_json
from phaseline_runtime.errors import DatabaseUnavailable
from tests.support.config_files import whole, write
from tests.support.fake_client import FakeClient


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient()
    monkeypatch.setattr(connection.Connection, "client", lambda _: nullcontext(fake))
    monkeypatch.setenv("PHASELINE_MONGO_URI", "mongodb://fake/db")
    return fake


def test_start_prints_the_id(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["start", "m", "--input", '{"age": 3}', "--id", "mine"]) == 0
    assert client.started == [("m", {"age": 3}, "mine")]
    assert capsys.readouterr().out == "mine\n"


def test_start_runs_the_definition_of_a_file_that_is_not_deployed(client: FakeClient, tmp_path: Path) -> None:
    file = write(tmp_path, whole("jobs", "a: {code: job}"))
    assert run(["start", "m", "--definition", str(file)]) == 0
    assert client.definitions == [load(file).state_machines["m"].definition]
    assert run(["start", "m"]) == 0
    assert client.definitions[1] is None


def test_start_says_what_is_wrong_with_the_file_and_starts_nothing(
    client: FakeClient, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = write(tmp_path, whole("jobs", "a: {code: job}"))
    assert run(["start", "n", "--definition", str(file)]) == 2
    assert "the file has no state machine 'n'; it has: m" in capsys.readouterr().err
    write(tmp_path, whole("jobs", "a: {code: job, memory: 1}"))
    assert run(["start", "m", "--definition", str(file)]) == 2
    assert "jobs.a.memory  must be a whole number" in capsys.readouterr().err
    assert client.started == []


def test_start_with_the_same_id_says_that_nothing_was_started(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["start", "m", "--id", "again", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["created"] is False
    assert "nothing was started" in captured.err


def test_the_input_may_come_from_a_file(client: FakeClient, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"ä": [1]}', encoding="utf-8")
    assert run(["start", "m", "--input", f"@{tmp_path / 'in.json'}"]) == 0
    assert client.started[0][1] == {"ä": [1]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('{"a":}', "line 1, column 6"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": 1, "a": 2}', "'a' occurs twice"),
        ("@no/such/file", "No such file"),
        ("@/", "directory"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_a_malformed_input_is_one_message_and_starts_nothing(
    client: FakeClient, capsys: pytest.CaptureFixture[str], given: str, words: str
) -> None:
    assert run(["start", "m", "--input", given]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.startswith("phaseline: ")
    assert "Traceback" not in captured.err
    assert client.started == []


def test_an_unknown_machine_is_the_users_mistake(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["start", "nope"]) == 2
    assert "deployed are: m" in capsys.readouterr().err


def test_a_failed_execution_that_is_watched_exits_with_1(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["watch", "good"]) == 0
    assert run(["watch", "bad"]) == 1
    assert "E: broken" in capsys.readouterr().out
    assert run(["start", "m", "--id", "bad", "--watch", "--json"]) == 1


def test_an_unreachable_database_exits_with_3(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    client.broken = DatabaseUnavailable("MongoDB cannot be reached: connection refused")
    for command in ("show", "watch", "statuses", "start"):
        assert run([command, "good"]) == 3
    assert capsys.readouterr().err.count("MongoDB cannot be reached") == 4


def test_ctrl_c_leaves_the_execution_running_and_says_so(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client.broken = KeyboardInterrupt()  # type: ignore[assignment]
    assert run(["watch", "good"]) == 130
    assert "execution good goes on" in capsys.readouterr().err
    assert run(["show", "good"]) == 130
    assert capsys.readouterr().err == "phaseline: interrupted\n"


def test_ctrl_c_while_starting_says_where_to_look(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    client.broken = KeyboardInterrupt()  # type: ignore[assignment]
    assert run(["start", "m", "--id", "mine"]) == 130
    said = "interrupted: execution mine is there whole or not at all: `phaseline show mine` tells"
    assert capsys.readouterr().err == f"phaseline: {said}\n"
    assert run(["start", "m"]) == 130
    words = capsys.readouterr().err.split()
    assert words[words.index("execution") + 1] == words[-2].rstrip("`")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_file_that_cannot_be_written_is_one_message(
    client: FakeClient, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    client.broken = OSError(number, os.strerror(number), "/somewhere/file")
    assert run(["show", "good"]) == 2
    assert capsys.readouterr().err == f"phaseline: /somewhere/file: {os.strerror(number)}: mend that, then try again\n"


def test_a_fault_of_our_own_keeps_its_traceback(client: FakeClient) -> None:
    client.broken = OSError(errno.EBADF, "odd")
    with pytest.raises(OSError, match="odd"):
        run(["show", "good"])


def test_an_unknown_execution_is_the_users_mistake(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "x"]) == run(["statuses", "x"]) == 2
    assert capsys.readouterr().err.count("there is no execution 'x'") == 2


def test_an_execution_whose_statuses_are_deleted_is_said_to_be_there(
    client: FakeClient, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "statuses", lambda _: [])
    assert run(["show", "good"]) == run(["statuses", "good"]) == 2
    assert capsys.readouterr().err.count("execution 'good' has no statuses any more") == 2


def test_everything_that_prints_data_prints_json(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["list"], ["show", "good"], ["watch", "good"], ["statuses", "good"], ["rebuild", "good"]):
        assert run([*arguments, "--json"]) == 0
        json.loads(capsys.readouterr().out)
    run(["show", "good", "--json"])
    assert json.loads(capsys.readouterr().out)["input"] == {"at": "2026-01-01T12:00:00.000Z"}


def test_list_asks_for_what_was_chosen(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--machine", "m", "--status", "failed", "--status", "running", "--since", "2026-01-01"]) == 0
    assert client.query["stateMachine"] == "m"
    assert client.query["status"] == {"$in": ["failed", "running"]}
    assert client.query["startedAt"]["$gte"] == datetime(2026, 1, 1).astimezone(UTC)
    assert "good" in capsys.readouterr().out
    assert run(["list", "--since", "99999999999999w"]) == 0
    assert run(["list", "--since", "soon"]) == run(["list", "--status", "odd"]) == 2


def test_rebuild_says_what_differs(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    client.differences = [("results.a", 1, None)]
    assert run(["rebuild", "good"]) == 1
    assert capsys.readouterr() == ("results.a: stored 1, rebuilt null\n", "")


def test_rebuild_puts_right_what_differs(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    client.differences = [("results.a", 1, None)]
    assert run(["rebuild", "good", "--write"]) == 0
    said = capsys.readouterr()
    assert said.out == "results.a: stored 1, rebuilt null\n"
    assert "the document is now what its statuses say" in said.err
    assert client.written == ["good"]
    client.differences = []
    assert run(["rebuild", "good", "--write"]) == 0
    assert capsys.readouterr() == ("execution good equals the fold of its statuses\n", "")


def test_of_what_is_not_settled_a_difference_may_be_a_matter_of_time(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client.settled = False
    assert run(["rebuild", "good"]) == 0
    assert "settled" not in capsys.readouterr().err
    client.differences = [("results.a", None, 1)]
    assert run(["rebuild", "good"]) == 1
    assert "it is not settled: what has only just happened may not have reached" in capsys.readouterr().err


def test_what_is_no_number_is_json_all_the_same(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    client.differences = [("results.a", {"x": [float("nan"), 1.5]}, float("-inf"))]
    assert run(["rebuild", "good", "--json"]) == 1
    assert strict_json.loads(capsys.readouterr().out) == [
        {
            "path": "results.a",
            "stored": {"x": [{"$numberDouble": "NaN"}, 1.5]},
            "rebuilt": {"$numberDouble": "-Infinity"},
        }
    ]


def test_migrate_says_what_had_to_be_left(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["migrate"]) == run(["migrate", "--json"]) == 0
    up_to_date = capsys.readouterr().out
    assert "of database db are up to date" in up_to_date
    assert up_to_date.endswith('"migrated": true\n}\n')
    client.left = ["its validator was left as it is"]
    assert run(["migrate"]) == 1
    assert capsys.readouterr() == ("", "its validator was left as it is\n")
    assert run(["migrate", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"database": "db", "migrated": False}


@pytest.mark.parametrize(
    "arguments", [["nope"], ["start"], ["list", "--limit", "-1"], ["list", "--odd"], ["local", "x"]]
)
def test_wrong_usage_is_one_message(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("phaseline: ")
    assert "--help`" in error


def test_a_value_that_is_none_of_a_choice_is_told_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["graph", "--format", "svg"]) == 2
    said = capsys.readouterr().err.splitlines()[0]
    assert said == "phaseline: Invalid value for '--format': 'svg' is not one of 'text', 'mermaid'."


@pytest.mark.parametrize("command", ["validate", "graph"])
def test_a_connection_string_in_the_place_of_a_file_is_not_quoted(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "mongodb+srv://anna:s3cr3t@host/db"]) == 2
    said = capsys.readouterr()
    assert "s3cr3t" not in said.out + said.err


@pytest.mark.parametrize("arguments", [[], ["dlq"], ["local"], ["atlas"]])
def test_a_command_that_is_missing_gets_the_help_and_no_empty_message(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert "Usage: phaseline" in told.out + told.err
    assert "phaseline: " not in told.err


def test_the_command_line_starts_without_what_a_command_does_not_need() -> None:
    """An import of a database driver or of AWS's libraries would make `--help` slow."""
    code = (
        "import sys; from phaseline.cli.entry import run; run(['--version']);"
        "print([m for m in ('pymongo', 'boto3', 'aws_cdk', 'pydantic', 'ministack') if m in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment()
    )
    assert output.stdout.splitlines()[-1] == "[]"


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


def test_columns_are_those_of_the_terminal_where_a_character_takes_two(capsys: pytest.CaptureFixture[str]) -> None:
    print_columns(("ID", "STATUS"), [("日本語の注文", "success"), ("order 4711", "failed")], {})
    lines = capsys.readouterr().out.splitlines()
    words = ("STATUS", "success", "failed")
    assert [cell_len(line[: line.index(word)]) for line, word in zip(lines, words, strict=True)] == [14, 14, 14]
