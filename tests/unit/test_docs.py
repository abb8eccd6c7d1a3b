"""What the docs say, held against what there is: keys, rules, links, files, functions, tests, commands, examples."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from phaseline.atlas.api import VARIABLES
from phaseline.cli.entry import app
from phaseline.config import load
from phaseline.config.checks.handlers import check_handler_of
from phaseline.config.reading import keys
from phaseline.config.reading.job_kinds import JobKind
from phaseline.config.reading.records import Key, Record
from phaseline.testing import run
from phaseline_runtime.definition import DEFAULT_RETRIES
from phaseline_runtime.engine import wake
from phaseline_runtime.engine.fold import NUMBERED, new_execution
from phaseline_runtime.engine.rules import ACCEPTS_FAILURE, RULES
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.grants import GRANTS, Purpose
from tests.support import config_reference

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CHANGELOG.md", "constructs/README.md", "lambdas/jobs/README.md")
EXAMPLES = sorted((ROOT / "examples").glob("*/README.md"))
DOCS = [*(ROOT / page for page in PAGES), *EXAMPLES, *sorted((ROOT / "docs").rglob("*.md"))]
BASES = ("", "lambdas/phaseline_runtime", "constructs/phaseline", "tests")
COLUMNS: Mapping[str, Record[Any]] = {
    "file": keys.FILE,
    "`defaults`": keys.DEFAULTS,
    "job": keys.JOB,
    "machine": keys.MACHINE,
    "phase": keys.PHASE,
    "use of a job": keys.USE,
}
"""The columns of the table of key x place."""

SECTIONS: Mapping[str, Record[Any]] = {
    "Jobs": keys.JOB,
    "State machines": keys.MACHINE,
    "Phases": keys.PHASE,
    "Uses of a job": keys.USE,
    "Notifications": keys.NOTIFICATION,
}
"""The sections of the reference, each of which explains the keys of one record in a table."""

docs = pytest.mark.parametrize("page", DOCS, ids=lambda path: str(path.relative_to(ROOT)))


def text(page: str) -> str:
    return (ROOT / page).read_text()


def section(page: str, title: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", text(page), re.MULTILINE | re.DOTALL)
    assert found is not None, f"{page} has no section {title}"
    return found[1]


def rows(markdown: str) -> list[list[str]]:
    """The cells of a table's rows, the heading first."""
    lines = [line for line in markdown.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def keys_of(record: Record[Any]) -> Mapping[str, Key]:
    return record._keys


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^[ ]*```{language}\n(.*?)^[ ]*```$", text(page), re.MULTILINE | re.DOTALL)


def test_the_table_of_key_and_place_says_what_the_key_table_says() -> None:
    head, *body = rows(section("docs/config.md", "Which key where"))
    assert head[1:] == list(COLUMNS)
    told = {
        (key, place): said
        for cells in body
        for key in names(cells[0])
        for place, said in zip(head[1:], cells[1:], strict=True)
    }
    true = {
        (key, place): "yes" if found.shape is not None else "later"
        for place, record in COLUMNS.items()
        for key, found in keys_of(record).items()
    }
    assert {place: said for place, said in told.items() if said} == true


@pytest.mark.parametrize(("title", "record"), SECTIONS.items())
def test_each_key_is_explained_where_it_belongs(title: str, record: Record[Any]) -> None:
    explained = {name for cells in rows(section("docs/config.md", title))[1:] for name in names(cells[0])}
    assert explained == {name for name, key in keys_of(record).items() if key.shape is not None}


def test_each_key_of_a_retry_policy_and_each_error_is_explained() -> None:
    from phaseline.config.reading.failures import _CASE
    from phaseline.config.reading.retries import _POLICY
    from phaseline_runtime.errors import ALL, RECORDED

    policies = {name for cells in rows(section("docs/config.md", "Retries"))[1:] for name in names(cells[0])}
    assert policies == set(keys_of(_POLICY))
    failures = section("docs/config.md", "Failures")
    assert {name for cells in rows(failures)[1:] for name in names(cells[0])} == {*RECORDED, ALL}
    assert all(re.search(rf"[{{ ]{key}\b", failures.partition("- `fail`")[0]) for key in keys_of(_CASE))


def test_the_keys_of_defaults_starts_and_events_are_named() -> None:
    assert {key for key, found in keys_of(keys.DEFAULTS).items() if found.shape is not None} <= set(
        names(section("docs/config.md", "Jobs").split("`defaults` says")[1])
    )
    starts = section("docs/config.md", "State machines")
    for key in (*keys_of(keys.START), "bus", "pattern"):
        assert re.search(rf"[`{{ ]{key}\b", starts), key


def test_what_one_can_be_told_of_and_what_a_webhook_gets_is_all_named() -> None:
    from phaseline.config.reading.texts import EVENTS
    from phaseline_runtime.notify import channels

    page = section("docs/config.md", "Notifications")
    told = {kind: tuple(names(line)) for kind, line in re.findall(r"^- \*\*(\w+)\*\*: (.+)$", page, re.MULTILINE)}
    assert told == EVENTS
    status = Status(id="e/started", kind="execution", execution="e", state_machine="m", status="started")
    webhook = page.split("a POST of JSON:")[1].split("; no input")[0]
    assert set(names(webhook)) == set(channels._payload(status))
    assert f"has {channels.TIMEOUT} seconds to answer" in page


def test_limits_are_the_ones_that_hold() -> None:
    from phaseline.config.checks.job_checks import MAX_ENVIRONMENT
    from phaseline.config.compiler import MAX_DEFINITION
    from phaseline_runtime.starting import MAX_INPUT
    from phaseline_runtime.store.expressions import INPUT_IN_EVENT

    limits = {cells[0]: cells[1] for cells in rows(section("docs/config.md", "Limits"))}
    assert limits["the variables of a job"].startswith(f"{MAX_ENVIRONMENT:,} bytes")
    assert limits["an execution's input"] == f"{MAX_INPUT // 10**6} MB"
    assert limits["an input in an event"] == f"{INPUT_IN_EVENT // 1024} KB"
    assert limits["a compiled definition"].startswith(f"{MAX_DEFINITION // 10**6} MB")
    assert f"at most {keys.MAX_TIMEOUT} s" in section("docs/config.md", "Jobs")


def test_the_page_of_limits_says_the_ones_that_hold() -> None:
    from phaseline_runtime.definition import MAX_OUTPUT, MAX_OUTPUTS
    from phaseline_runtime.starting import MAX_INPUT
    from phaseline_runtime.store.expressions import INPUT_IN_EVENT
    from phaseline_runtime.store.storable import MAX_DEPTH
    from phaseline_runtime.transactions import LIFETIME
    from tests.wheel.check import LAYER

    limits = {what: f"{much} " for what, much, _ in rows(text("docs/limits.md"))[1:]}
    outputs = f"{MAX_OUTPUT // 10**6} MB, and {MAX_OUTPUTS // 10**6} MB divided by the names in the machine"
    for what, said in {
        "an execution's input": f"{MAX_INPUT // 10**6} MB ",
        "an output": f"{outputs} ",
        "an input in an event": f"{INPUT_IN_EVENT // 1024} KB;",
        "how deep a value is nested": f"{MAX_DEPTH} levels ",
        "one attempt": f"{keys.MAX_TIMEOUT} s ",
        "a transaction of a job": f"{LIFETIME:g} s ",
        "the layer": f"{LAYER // 10**6} MB unpacked;",
    }.items():
        assert limits[what].startswith(said), what
    assert {cells[0]: cells[1] for cells in rows(section("docs/config.md", "Limits"))}["an output"] == outputs


def test_the_limits_of_transactions_and_compensations_are_the_ones_that_hold() -> None:
    from phaseline_runtime.definition import COMPENSATION
    from phaseline_runtime.engine import giving_up
    from phaseline_runtime.errors import TRANSACTION_CONFLICT

    jobs = text("docs/jobs.md")
    conflicts = next(policy for policy in DEFAULT_RETRIES if TRANSACTION_CONFLICT in policy.errors)
    assert f"retried within a second, up to {conflicts.max_attempts} times" in jobs
    delays = [min(conflicts.interval * 2**count, conflicts.max_delay or 0) for count in range(conflicts.max_attempts)]
    assert delays[0] < 1
    assert 60 < sum(delays) < 90
    assert f"and {giving_up.SKEW.seconds} s more" in section("docs/config.md", "Time")
    assert f"whose phase is `{COMPENSATION}`" in section("docs/config.md", "Compensation")


def test_each_field_of_an_executions_document_is_explained() -> None:
    started = Status(id="e/started", kind="execution", execution="e", state_machine="m", status="started")
    fields = {*new_execution(started), *NUMBERED.values(), *wake.FIELDS, "end", "deleting"}
    table = section("docs/how-it-works.md", "The documents")
    assert {name.partition(".")[0] for cells in rows(table)[1:] for name in names(cells[0])} == fields


def test_what_a_job_may_ask_and_say_is_all_explained() -> None:
    import dataclasses

    import phaseline_runtime

    page = text("docs/jobs.md")
    explained = {name for cells in rows(page) for name in re.findall(r"`(\w+)\(", cells[0])}
    assert explained == set(phaseline_runtime.__all__) - {"Current"}
    shown = {field.name for field in dataclasses.fields(phaseline_runtime.Current) if field.repr}
    for name in (*shown, "idempotency_key", "cancelled"):
        assert re.search(rf"[`.]{name}`", page), name


def test_the_examples_of_jobs_are_handlers(tmp_path: Path) -> None:
    examples = blocks("docs/jobs.md", "python")
    assert len(examples) == 4
    for example in examples:
        (tmp_path / "handler.py").write_text(example)
        assert check_handler_of(tmp_path, "handler.handler") is None


def test_each_metric_is_explained_as_it_is_written() -> None:
    from phaseline_runtime.metrics import METRICS

    _, *body = rows(section("docs/operating.md", "Metrics"))
    told = {name: (cells[1], next(iter(names(cells[2])), None)) for cells in body for name in names(cells[0])}
    assert told == {name: (metric.unit, metric.by) for name, metric in METRICS.items()}


def test_each_key_of_a_log_line_is_explained() -> None:
    from phaseline_runtime import logs

    source = Path(logs.__file__).read_text()
    written = re.findall(r"^                (\w+)=|^            (\w+)=status", source, re.MULTILINE)
    explained = {name for cells in rows(section("docs/operating.md", "Logs"))[1:] for name in names(cells[0])}
    assert explained == {one or other for one, other in written}


def test_all_trigger_rules_are_explained_and_those_refused_are_named() -> None:
    page = text("docs/trigger-rules.md")
    explained = [names(cells[0])[0] for cells in rows(page)[1:]]
    assert sorted(explained) == sorted(RULES)
    accepting = page.split("are still triggered:")[1].split("\n\n")[0]
    assert set(names(accepting)) == ACCEPTS_FAILURE
    refused = re.findall(r"^- `(\w+)`:", page.split("Not accepted")[1], re.MULTILINE)
    assert set(refused) == set(keys.REFUSED_RULES)


@docs
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@docs
def test_what_is_in_a_list_is_so_on_the_site_too(page: Path) -> None:
    """Python-Markdown wants four spaces: with fewer, a list is the one around it, and a paragraph ends that."""
    prose = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^ {1,3}(?:-|\d+\.) .*|(?<=\n\n) {1,3}[^ \n].*", prose, re.MULTILINE) == []


@docs
def test_files_functions_and_tests_that_are_named_exist(page: Path) -> None:
    for name in names(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)):
        path, _, function = name.partition("::")
        if not re.fullmatch(r"[\w/.-]+(\.py|\.yaml|\.json|\.txt|/)", path) or path in NOT_OURS:
            continue
        folders = [*(ROOT / base for base in BASES), *((page.parent,) if page in EXAMPLES else ())]
        found = [folder / path for folder in folders if (folder / path).exists()]
        assert found, f"{page.name}: there is no {path}"
        if function:
            assert function in set(defined(found[0])), f"{page.name}: {path} defines no {function}"


NOT_OURS = {"requirements.txt", "handler.py", "constructs/__init__.py"}
"""Files that a project of the user's has, and the one that must never be."""


def defined(path: Path) -> Iterator[str]:
    """The functions and classes of a module, methods as `Class.method`."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef))


def test_each_promise_and_each_fault_names_the_test_that_shows_it() -> None:
    shown = (ROOT / "docs" / "guarantees.md").read_text().partition("\n## When MongoDB is away")[0]
    rows = [line for line in shown.splitlines() if line.startswith("| ")]
    bodies = [row for row in rows if not row.startswith(("| promise |", "| fault |"))]
    assert len(bodies) > 50
    assert [row for row in bodies if "`tests/" not in row.rpartition(" | ")[2]] == []


@docs
def test_commands_that_are_named_exist(page: Path) -> None:
    import typer.main

    root = typer.main.get_command(app)
    known = set(root.commands)  # type: ignore[attr-defined]
    for command in re.findall(r"(?:^    |`|/)phaseline ([a-z]+)\b", page.read_text(), re.MULTILINE):
        assert command in known, f"{page.name}: phaseline {command}"
    targets = set(re.findall(r"^(\w+):", text("Makefile"), re.MULTILINE))
    for target in re.findall(r"(?:^    |`)make (\w+)", page.read_text(), re.MULTILINE):
        assert target in targets, f"{page.name}: make {target}"


def options_of_commands() -> dict[str, set[str]]:
    """The options of each command, by its name: `list`, `dlq list`."""
    import typer.main

    def options(command: Any, path: str) -> Iterator[tuple[str, set[str]]]:
        yield path, {name for parameter in command.params for name in parameter.opts if name.startswith("-")}
        for name, inner in getattr(command, "commands", {}).items():
            yield from options(inner, f"{path} {name}".strip())

    return {name: found | {"--help"} for name, found in options(typer.main.get_command(app), "")}


@docs
def test_options_that_are_named_with_a_command_exist(page: Path) -> None:
    known = options_of_commands()
    for command, rest in re.findall(r"phaseline ((?:dlq |atlas |local )?[a-z]+)( [^`\n|&]*)?", page.read_text()):
        given = re.findall(r"(?<![\w-])--[a-z][a-z-]*", re.sub(r"'[^']*'|\"[^\"]*\"", "", rest))
        assert set(given) <= known.get(command, set(given)), f"{page.name}: phaseline {command}{rest}"


def test_each_command_is_listed_with_each_of_its_options() -> None:
    page = text("docs/command-line.md")
    of_many = set(re.findall(r"--[a-z-]+", page.partition("\n| ")[0]))
    listed = {cells[0]: cells[1] for cells in rows(page.partition("## Exit codes")[0])[1:]}
    commands = {
        name: options for name, options in options_of_commands().items() if name not in ("", "dlq", "atlas", "local")
    }
    for command, options in commands.items():
        group, _, name = command.rpartition(" ")
        told = [row + said for row, said in listed.items() if group in row and re.search(rf"(?:`| ){name}\b", row)]
        assert told, f"no row has {command}"
        missing = {option for option in options - of_many if option.startswith("--") and option not in " ".join(told)}
        assert not missing, f"{command} has {missing}"


def test_the_examples_of_the_reference_are_valid(tmp_path: Path) -> None:
    example, kinds, failing, saga, anchors = blocks("docs/config.md", "yaml")
    for job in ("rent_a_boat", "drink_beer", "return_the_boat", "pay_for_it"):
        (tmp_path / "lambdas/jobs" / job).mkdir(parents=True)
        (tmp_path / "lambdas/jobs" / job / "handler.py").write_text("def handler(event, context): ...\n")
    file = tmp_path / "phaseline.yaml"
    file.write_text(example)
    assert load(file, values={}).warnings == ()
    file.write_text(kinds)
    found = load(file, values={})
    assert found.warnings == ()
    assert {job.kind for job in found.jobs.values()} == {JobKind.PYTHON, JobKind.EXISTING, JobKind.GIVEN}
    file.write_text(failing)
    config = load(file, values={})
    assert config.warnings == ()
    renting = config.state_machines["catch_the_fish"].definition.phases[0]
    assert [len(use.retry) - len(DEFAULT_RETRIES) for use in renting.jobs] == [3, 0]
    assert [renting.failure(error).to for error in ("Storm", "Phaseline.Timeout", "TooYoung", "Other")] == [
        *("staying", "staying", None, "panic")
    ]
    file.write_text(saga)
    config = load(file, values={})
    assert config.warnings == ()
    renting, waiting, fishing, resting, proud = config.state_machines["catch_the_fish"].definition.phases
    undoing = [use.compensate for use in renting.jobs]
    assert [use.job for use in undoing if use is not None] == ["return_the_boat", "pay_for_it"]
    assert [phase.wait is None for phase in (renting, waiting, fishing, resting)] == [True, False, True, False]
    assert (fishing.jobs[0].heartbeat, proud.succeed, config.jobs["drink_beer"].mongo) == (30, True, ("bar.tabs",))
    file.write_text(
        re.sub(r"jobs:\n.*?(?=state_machines)", re.sub(r"^  ", "", anchors, flags=re.M), example, flags=re.S)
    )
    jobs = load(file, values={}).jobs
    assert [(job.memory, job.code and job.code.name) for job in jobs.values()] == [
        (128, "rent_a_boat"),
        (128, "drink_beer"),
    ]


def test_the_example_of_the_trigger_rules_is_valid(tmp_path: Path) -> None:
    (example,) = blocks("docs/trigger-rules.md", "yaml")
    (tmp_path / "handler.py").write_text("def handler(event, context): ...\n")
    uses = YAML(typ="safe", pure=True).load(example)["jobs"]
    lines = [
        "jobs:",
        *(f"  {name}: {{code: .}}" for name in uses),
        "state_machines:",
        "  m:",
        "    phases:",
        "      p:",
    ]
    file = tmp_path / "phaseline.yaml"
    file.write_text("\n".join(lines) + "\n" + re.sub("^", "        ", example, flags=re.MULTILINE).rstrip(" "))
    assert load(file, values={}).warnings == ()


def test_each_example_for_those_who_come_from_step_functions_is_valid(tmp_path: Path) -> None:
    titles = re.findall(r"^## (.+)$", text("docs/from-step-functions.md"), re.MULTILINE)[:-1]
    for title in titles:
        (asl,) = re.findall(r"^```json\n(.*?)^```$", section("docs/from-step-functions.md", title), re.M | re.S)
        json.loads(asl)
        assert load(_example(title, tmp_path), values={}).warnings == (), title


def test_examples_side_by_side_are_as_narrow_as_their_columns() -> None:
    """On a laptop's screen, 1,280 pixels wide."""
    page = text("docs/from-step-functions.md")
    pairs = re.findall(r'^<div class="grid" markdown>\n(.*?)^</div>$', page, re.MULTILINE | re.DOTALL)
    codes = [code for pair in pairs for code in re.findall(r"^```\w+\n(.*?)^```$", pair, re.MULTILINE | re.DOTALL)]
    lines = [line for code in codes for line in code.splitlines()]
    assert len(lines) > 200
    assert [line for line in lines if len(line) > 62] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_are_as_narrow_as_their_page(page: Path) -> None:
    """On a laptop's screen, 780 pixels between the menus; a letter has some 6.6, and hyphens break a word."""
    for table in re.findall(r"(?:^\|.*\n)+", page.read_text(), re.MULTILINE):
        columns = list(zip(*rows(re.sub(r"\]\([^)]*\)", "", table)), strict=True))
        longest = [
            max((word for cell in column for word in re.split(r"\s+|(?<=-)(?=\w)", cell)), key=len, default="")
            for column in columns
        ]
        if longest[-1].strip("`").startswith("tests/"):
            longest[-1] = "broken where it is too long"
        around = 26 if len(columns) > 3 else 40
        assert sum(6.6 * len(word.strip("`,;.:")) + around for word in longest) <= 780, longest


def test_each_intrinsic_function_of_step_functions_has_an_expression_that_does_the_same(tmp_path: Path) -> None:
    table = rows(section("docs/from-step-functions.md", "Intrinsic functions"))[1:]
    told = {re.findall(r"States\.(\w+)", there)[0]: (there, here) for there, here in table}
    given = {
        "name": "Ada",
        "a": 1,
        "b": 2,
        "list": [3, 4, 3],
        "n": 5,
        "text": "x,y",
        "one": {"k": 1},
        "other": {"k": 2},
    }
    expected = {
        "Format": "Dear Ada",
        "Array": [1, 2],
        "ArrayPartition": [[3, 4], [3]],
        "ArrayContains": True,
        "ArrayRange": [1, 3, 5, 7, 9],
        "ArrayGetItem": 4,
        "ArrayLength": 3,
        "ArrayUnique": [3, 4],
        "JsonMerge": {"k": 2},
        "MathAdd": 6,
        "StringSplit": ["x", "y"],
    }
    random = names(told["MathRandom"][1])[0]
    uses = {name: names(told[name][1])[0] for name in expected}
    (tmp_path / "handler.py").write_text("def handler(event, context):\n    return event\n")
    file = tmp_path / "phaseline.yaml"
    file.write_text(
        "jobs:\n  echo: {code: .}\nstate_machines:\n  m:\n    phases:\n      p:\n        jobs:\n"
        + "".join(f"          {name}: {{job: echo, input: {here}}}\n" for name, here in uses.items())
        + f"          MathRandom: {{job: echo, input: {random}}}\n"
    )
    outputs = dict(run(file, "m", given).outputs)
    assert 1 <= outputs.pop("MathRandom") < 10
    outputs["ArrayUnique"].sort()
    assert outputs == expected
    in_python = {name for there, here in table if "in the job" in here for name in re.findall(r"States\.(\w+)", there)}
    assert {*expected, "MathRandom"} | in_python == INTRINSIC


INTRINSIC = {
    *("Array", "ArrayContains", "ArrayGetItem", "ArrayLength", "ArrayPartition", "ArrayRange", "ArrayUnique"),
    *("Base64Decode", "Base64Encode", "Format", "Hash", "JsonMerge", "JsonToString", "MathAdd", "MathRandom"),
    *("StringSplit", "StringToJson", "UUID"),
}
"""All of "Intrinsics for JSONPath state machines in Step Functions" in AWS's guide."""


def test_a_wait_may_be_as_long_as_the_input_says(tmp_path: Path) -> None:
    (wait,) = re.findall(r"^`(.*\$dateAdd.*)`\.$", section("docs/from-step-functions.md", "Wait"), re.MULTILINE)
    file = _example("Wait", tmp_path)
    file.write_text(file.read_text().replace('{until: "$input.sunrise"}', wait))
    assert run(file, "m", {"seconds": 90}).waits[0] == ("resting", 90)


@pytest.mark.parametrize("caught", [["herring"], ["herring", "cod", "eel"], []])
def test_a_map_is_a_loop_over_the_items(caught: list[str], tmp_path: Path) -> None:
    result = run(_example("Map", tmp_path), "m", {"fish": caught})
    assert result.inputs("clean_fish") == caught
    assert result.order[-1] == "cook_fish"


def test_an_example_of_jsonata_gives_what_jsonata_gives(tmp_path: Path) -> None:
    items = [{"price": 8}, {"price": 30}]
    result = run(_example("JSONata", tmp_path), "m", {"items": items, "guest": {"regular": True}})
    assert result.inputs("send_invoice") == [{"sum": 38, "dear": [{"price": 30}], "due": 30}]


def _example(title: str, folder: Path) -> Path:
    """The example of ours below a heading of the page for those who come from Step Functions, as a file."""
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", section("docs/from-step-functions.md", title), re.M | re.S)
    phases = YAML(typ="safe", pure=True).load(example)["phases"]
    uses = dict.fromkeys(name for phase in phases.values() for name in phase.get("jobs", {}))
    lines = ["jobs:", *(f"  {name}: {{code: .}}" for name in uses), "state_machines:", "  m:"]
    (folder / "handler.py").write_text("def handler(event, context): ...\n")
    file = folder / "phaseline.yaml"
    file.write_text("\n".join(lines) + "\n" + re.sub("^", "    ", example, flags=re.MULTILINE).rstrip(" "))
    return file


def test_a_broken_link_is_an_error_of_the_site(tmp_path: Path) -> None:
    """`make site`, of a page with a link that leads nowhere."""
    pages = tmp_path / "docs"
    pages.mkdir()
    (tmp_path / "mkdocs.yml").write_text("site_name: a site\n")
    environment = Path(sys.prefix)
    command = f"make -s -f {ROOT}/Makefile VENV={environment} -o {environment}/.installed site".split()
    for link, code in (("index.md", 0), ("nowhere.md", 2)):
        (pages / "index.md").write_text(f"[a link]({link})\n")
        made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert made.returncode == code, made.stderr
        assert ("'nowhere.md'" in made.stderr) == (code != 0)


def test_an_example_of_the_api_is_code_on_the_site() -> None:
    """Without a fence, its lines run into one another there."""
    sources = [*(ROOT / "constructs").rglob("*.py"), *(ROOT / "lambdas").rglob("*.py")]
    examples = [
        found for path in sources for found in re.findall(r"^ +Example:\n +(.*)", path.read_text(), re.MULTILINE)
    ]
    assert set(examples) == {"```python"}


def test_the_page_with_all_keys_is_the_one_that_the_key_table_yields() -> None:
    assert config_reference.FILE.read_text(encoding="utf-8") == config_reference.text(), (
        "docs/reference/config.md is old: run `python -m tests.support.config_reference`"
    )


def test_the_rights_of_database_users_are_the_ones_that_are_granted() -> None:
    page = (ROOT / "docs/atlas.md").read_text()
    spelled = {"create": "CREATE_COLLECTION", "collMod": "COLL_MOD", "index": "CREATE_INDEX"}
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    head = next(row for row in table if row[0] == "user")
    names = {"jobs and bundled Lambdas": Purpose.RUNTIME, "`migrations_job`": Purpose.MIGRATIONS}
    names["`retention_job`"] = Purpose.RETENTION
    found = {names[row[0]]: dict(zip(head[1:], row[1:], strict=True)) for row in table if row[0] in names}
    assert {
        purpose: {
            name.strip("`"): tuple(spelled.get(word, word.upper()) for word in cell.split(", "))
            for name, cell in row.items()
            if cell
        }
        for purpose, row in found.items()
    } == {purpose: dict(grants) for purpose, grants in GRANTS.items()}


def test_the_variables_with_the_key_of_atlas_are_named() -> None:
    assert all(name in (ROOT / "docs/atlas.md").read_text() for name in VARIABLES)
