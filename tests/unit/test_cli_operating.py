"""cancel, pause, resume, redrive, rerun: of one execution or of all that a query finds, by a client in memory."""

from __future__ import annotations

import getpass
import io
import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from phaseline.cli import connection
from phaseline.cli.entry import run
from phaseline.config import load
from phaseline_runtime.errors import DatabaseUnavailable
from tests.support.config_files import whole, write
from tests.support.fake_client import FakeClient

Capture = pytest.CaptureFixture[str]
FAILED = '{"status": "failed"}'
COMMANDS = ["cancel", "pause", "resume", "redrive", "rerun"]
SAID = {
    "cancel": "cancel requested, now running",
    "pause": "paused, now running",
    "resume": "goes on, now running",
    "redrive": "redriven, now running",
    "rerun": "rerun, now running",
}
"""What is said of each, where the execution runs when it is looked at."""


def command(name: str, *arguments: str) -> list[str]:
    """A command line of this group; `rerun` needs to know from where."""
    return [name, *(["--from", "p"] if name == "rerun" else []), *arguments]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    fake = FakeClient()
    monkeypatch.setattr(connection.Connection, "client", lambda _: nullcontext(fake))
    monkeypatch.setenv("PHASELINE_MONGO_URI", "mongodb://fake/db")
    monkeypatch.setattr(getpass, "getuser", lambda: "anna")
    return fake


def answering(monkeypatch: pytest.MonkeyPatch, answer: bool) -> list[str]:
    """Somebody at the terminal who answers every question so; the questions that they were asked."""
    asked: list[str] = []

    def confirm(question: str, **_: Any) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr("typer.confirm", confirm)
    return asked


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_done_to_one_execution_with_who_did_it_and_why(client: FakeClient, capsys: Capture, name: str) -> None:
    assert run(command(name, "bad", "--reason", "a storm")) == 0
    [(what, id, given)] = client.done
    assert (what, id) == (name, "bad")
    assert {"by": "cli:anna", "reason": "a storm"}.items() <= given.items()
    assert capsys.readouterr().out == f"bad {SAID[name]}\n"


def test_what_ends_at_once_is_not_taken_for_what_was_not_done(client: FakeClient, capsys: Capture) -> None:
    client.then = "failed"
    assert run(["redrive", "bad"]) == run(["resume", "bad"]) == 0
    assert capsys.readouterr().out == "bad redriven, now failed\nbad goes on, now failed\n"


def test_a_paused_execution_is_said_to_be_paused_once(client: FakeClient, capsys: Capture) -> None:
    client.then = "paused"
    assert run(["pause", "bad"]) == 0
    assert capsys.readouterr().out == "bad paused\n"


@pytest.mark.parametrize(
    ("name", "then", "said"),
    [
        ("pause", "paused", "was paused already"),
        ("cancel", "running", "cancel was requested already, now running"),
        ("resume", "running", "was not paused, now running"),
    ],
)
def test_what_was_so_already_is_said_to_be(
    client: FakeClient, capsys: Capture, name: str, then: str, said: str
) -> None:
    client.then, client.changed = then, False
    assert run([name, "bad"]) == run([name, "bad", "--json"]) == 0
    assert capsys.readouterr().out.startswith(f"bad {said}\n{{")


@pytest.mark.parametrize("name", COMMANDS)
def test_an_id_or_a_query_is_needed_and_not_both(client: FakeClient, capsys: Capture, name: str) -> None:
    assert run(command(name)) == run(command(name, "bad", "--where", FAILED)) == 2
    assert capsys.readouterr().err.count("give the id of an execution, or --where with a query, and not both") == 2
    assert client.done == []


def test_who_is_not_known_is_no_fault(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert run(["pause", "bad"]) == 0
    assert client.done[0][2]["by"] == "cli"


@pytest.mark.parametrize(("option", "wanted"), [([], False), (["--compensate"], True)])
def test_cancel_undoes_only_where_it_is_asked_to(client: FakeClient, option: list[str], wanted: bool) -> None:
    assert run(["cancel", "bad", *option]) == 0
    assert client.done[0][2]["compensate"] is wanted


@pytest.mark.parametrize("name", COMMANDS)
def test_all_that_a_query_finds_is_shown_and_confirmed_first(
    client: FakeClient, capsys: Capture, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked = answering(monkeypatch, True)
    assert run(command(name, "--where", FAILED)) == 0
    assert client.query == {"status": "failed"}
    assert asked == [f"{name} 2 executions?"]
    assert [(what, id) for what, id, _ in client.done] == [(name, "good"), (name, "bad")]
    captured = capsys.readouterr()
    assert captured.out == f"good {SAID[name]}\nbad {SAID[name]}\n"
    assert captured.err == f"  good  m  success\n  bad  m  failed\n{name}: 2 done, 0 refused\n"


def test_who_declines_changes_nothing(client: FakeClient, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, False)
    assert run(["cancel", "--where", FAILED]) == 2
    assert client.done == []
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("phaseline: nothing was done\n")


def test_one_is_not_many(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, True)
    client.many = 1
    assert run(["pause", "--where", FAILED]) == 0
    assert asked == ["pause 1 execution?"]


def test_with_yes_nobody_is_asked(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, False)
    assert run(["pause", "--where", FAILED, "--yes"]) == 0
    assert asked == []
    assert len(client.done) == 2


def test_the_preview_of_many_is_cut_and_says_so(
    client: FakeClient, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, False)
    client.many = 14
    assert run(["pause", "--where", FAILED]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert sum("  m  " in line for line in lines) == 10
    assert "  … and 4 more" in lines
    assert asked == ["pause 14 executions?"]


def test_what_is_refused_is_said_and_counted_and_the_rest_goes_on(client: FakeClient, capsys: Capture) -> None:
    client.refused = {"good"}
    assert run(["resume", "--where", FAILED, "--yes"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "bad goes on, now running\n"
    assert "phaseline: execution good has ended" in captured.err
    assert captured.err.endswith("resume: 1 done, 1 refused\n")


def test_one_that_is_refused_or_unknown_is_the_users_mistake(client: FakeClient, capsys: Capture) -> None:
    client.refused = {"good"}
    assert run(["cancel", "good"]) == run(["cancel", "nobody"]) == 2
    said = capsys.readouterr().err
    assert "cannot be touched" in said
    assert "there is no execution 'nobody'" in said


def test_json_is_one_value_whatever_is_done(client: FakeClient, capsys: Capture) -> None:
    assert run(["pause", "bad", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": "bad", "status": "running", "changed": True}
    client.refused = {"good"}
    assert run(["pause", "--where", FAILED, "--yes", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {"id": "good", "refused": "execution good has ended (success) and cannot be touched"},
        {"id": "bad", "status": "running", "changed": True},
    ]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{}", "--where takes a MongoDB query"),
        ("[1]", "--where takes a MongoDB query"),
        ('{"a":}', "--where is no JSON: line 1, column 6"),
        ("@no/such/file", "--where @no/such/file: No such file"),
        ('{"startedAt": {"$lt": {"$date": "yesterday"}}}', 'a date is {"$date": "2026-05-31T12:00:00Z"}'),
        ('{"status": "failed", "status": "success"}', "'status' occurs twice"),
        ('{"round.number": {"$gt": 1e400}}', "1e400 is larger than any number"),
        ('{"$where": "sleep(1000)"}', "--where: $where runs JavaScript"),
        ('{"$expr": {"$function": {"body": "f", "args": [], "lang": "js"}}}', "--where: $function runs JavaScript"),
        ('{"$or": [{"a": 1}, {"b": {"$not": {"$where": "1"}}}]}', "--where: $where runs JavaScript"),
    ],
)
def test_a_query_that_is_none_does_nothing(client: FakeClient, capsys: Capture, query: str, words: str) -> None:
    assert run(["cancel", "--where", query, "--yes"]) == 2
    assert words in capsys.readouterr().err
    assert client.done == []


def test_a_query_may_have_dates_as_extended_json_has_them(client: FakeClient) -> None:
    assert run(["cancel", "--where", '{"startedAt": {"$lt": {"$date": "2026-05-31T12:00:00Z"}}}', "--yes"]) == 0
    assert client.query == {"startedAt": {"$lt": datetime(2026, 5, 31, 12, tzinfo=UTC)}}


def test_where_nobody_can_answer_nothing_is_done(
    client: FakeClient, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(["cancel", "--where", FAILED]) == 2
    assert client.done == []
    assert capsys.readouterr().err.endswith("nothing was done: there is nobody to answer; --yes does not ask\n")


def test_an_interrupt_says_how_far_it_came_and_where_to_look(
    client: FakeClient, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = client.cancel

    def cancel(id: str, **given: Any) -> Any:
        if client.done:
            raise KeyboardInterrupt
        return done(id, **given)

    monkeypatch.setattr(client, "cancel", cancel)
    assert run(["cancel", "--where", FAILED, "--yes"]) == 130
    captured = capsys.readouterr()
    assert captured.out == "good cancel requested, now running\n"
    told = "whether it was done, `phaseline show bad` tells"
    assert captured.err.endswith(f"phaseline: interrupted after 1 of 2 executions: {told}\n")
    assert run(["cancel", "bad"]) == 130
    assert capsys.readouterr().err == f"phaseline: interrupted: {told}\n"


def test_what_is_no_text_is_the_users_mistake(client: FakeClient, capsys: Capture) -> None:
    client.broken = UnicodeEncodeError("utf-8", "a\udcff", 1, 2, "surrogates not allowed")
    assert run(["cancel", "a\udcff"]) == 2
    assert capsys.readouterr().err == "phaseline: what was given is no UTF-8 text: 'a\\udcff'\n"


def test_a_query_that_finds_nothing_says_so(client: FakeClient, capsys: Capture) -> None:
    client.many = 0
    assert run(["cancel", "--where", FAILED, "--yes"]) == 2
    assert "the query finds no execution" in capsys.readouterr().err


def test_an_unreachable_database_exits_with_3(client: FakeClient) -> None:
    client.broken = DatabaseUnavailable("MongoDB cannot be reached")
    assert [run(command(name, "bad")) for name in COMMANDS] == [3] * 5


def test_redrive_goes_on_with_the_corrected_state_machine_of_a_file(client: FakeClient, tmp_path: Path) -> None:
    file = write(tmp_path, whole("jobs", "a: {code: job}"))
    assert run(["redrive", "bad", "--definition", str(file)]) == run(["redrive", "bad"]) == 0
    assert [given["definition"] for _, _, given in client.done] == [load(file).state_machines["m"].definition, None]


def test_a_file_with_faults_redrives_nothing_and_says_all_of_them(
    client: FakeClient, capsys: Capture, tmp_path: Path
) -> None:
    file = write(tmp_path, whole("jobs", "a: {code: job, memory: 1, timeout: 0}"))
    assert run(["redrive", "bad", "--definition", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(f"{file}:2:" in line for line in lines)
    assert client.done == []


def test_a_file_without_that_state_machine_redrives_nothing(
    client: FakeClient, capsys: Capture, tmp_path: Path
) -> None:
    text = "jobs: {a: {code: job}}\nstate_machines: {other: {phases: {p: {jobs: {a: }}}}}\n"
    file = write(tmp_path, text)
    assert run(["redrive", "bad", "--definition", str(file)]) == 2
    assert "the file has no state machine 'm'; it has: other" in capsys.readouterr().err
    assert run(["redrive", "nobody", "--definition", str(file)]) == 2
    assert "there is no execution 'nobody'" in capsys.readouterr().err
    assert client.done == []


def test_rerun_says_from_where_and_perhaps_with_which_input(client: FakeClient, capsys: Capture) -> None:
    assert run(["rerun", "bad", "--from", "casting"]) == 0
    assert run(["rerun", "bad", "--from", "casting", "--input", '{"age": 3}']) == 0
    assert [(given["start"], given["input"]) for _, _, given in client.done] == [
        ("casting", None),
        ("casting", {"age": 3}),
    ]
    assert run(["rerun", "bad"]) == 2
    assert "--from" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["null", "0", '""', '{"$where": "1"}', '{"": {"a.b": ["$$ROOT"]}}'])
def test_an_input_for_a_rerun_is_what_it_says(client: FakeClient, given: str) -> None:
    assert run(["rerun", "bad", "--from", "casting", "--input", given]) == 0
    [(_, _, done)] = client.done
    assert done["input"] == ({} if given == "null" else json.loads(given))


@pytest.mark.parametrize("given", ["NaN", '{"a": 1, "a": 2}', "-1e999", "[" * 9_000, "@no/such/file"])
def test_an_input_that_is_no_json_reruns_nothing(client: FakeClient, capsys: Capture, given: str) -> None:
    assert run(["rerun", "bad", "--from", "casting", "--input", given]) == 2
    assert "--input" in capsys.readouterr().err
    assert client.done == []


def test_a_word_that_is_no_text_is_the_users_mistake(
    client: FakeClient, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "cancel", lambda id, **_: id.encode())
    assert run(["cancel", "caf\udce9"]) == 2
    assert "no UTF-8 text" in capsys.readouterr().err
