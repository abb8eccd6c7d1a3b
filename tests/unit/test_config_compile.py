"""From the file to definitions: defaults, nearest places, orders, hashes; and the JSON Schema of the same file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from phaseline.config import Config, compile_definitions, json_schema, load
from phaseline_runtime.definition import DEFAULT_RETRIES, Action, Definition, OnFailure, Phase, Transition, Use
from tests.support.config_files import JOBS, loaded, write

FULL = """\
defaults: {memory: 512, timeout: 45s, runtime: python3.12, on_failure: fail}
jobs:
  buy: {code: job, memory: 1024, timeout: 2m, description: buys, environment: {SHOP: here, COUNT: 3, OPEN: true}}
  boat: {code: job, runtime: python3.13, handler: handler.handler, filter: {region: [{prefix: eu-}]}}
  cast: {code: job, on_failure: continue}
state_machines:
  fishing:
    description: a day
    on_failure: {to: home}
    input_schema: {type: object, properties: {age: {type: integer}}}
    start:
      - {schedule: rate(1 hour), timezone: Europe/Oslo, input: {age: 3}}
      - {event: {bus: sea, pattern: {source: [tide], detail: {high: [true]}}}}
    phases:
      thinking:
        when: {input.age: {$gte: 18}}
        jobs:
          late: {job: boat, after: [buy, early], run_if: all_done}
          early: {job: cast, after: buy, on_failure: fail}
          buy:
        next:
          - {when: {results.buy.ok: false}, to: home}
          - {when: {visits.thinking: {$lt: 3}}, to: thinking}
      fishing:
        on_failure: continue
        wait_for: any
        jobs:
          cast: {when: {input.a: {$exists: true}}, input: {z: $results.buy.x, a: [1, 2.0, "é"]}}
          again: {job: cast}
      home:
        jobs: {rest: {job: buy}, tidy: {job: buy}}
        wait_for: [rest, tidy]
        next: end
notifications:
  - {to: log, events: ["*"]}
  - {to: slack, url_secret: phaseline/slack, events: [execution.failed, job.*]}
"""

HOME = (OnFailure(Action.TO, "home"),)
TIMEOUTS = {"buy": 120, "boat": 45, "cast": 45}


def used(name: str, job: str, **values: Any) -> Use:
    """A use that says nothing of its attempts: its job and the defaults say all. The boat has a filter."""
    return Use(
        name, job, **values, timeout=TIMEOUTS[job], start_timeout=900, retry=DEFAULT_RETRIES, filtered=job == "boat"
    )


def full(folder: Path) -> Config:
    return load(write(folder, FULL))


def test_a_state_machine_is_compiled_as_it_is_meant(tmp_path: Path) -> None:
    config = full(tmp_path)
    assert compile_definitions(config)["fishing"] == Definition(
        "fishing",
        (
            Phase(
                "thinking",
                (
                    used("buy", "buy", on_failure=HOME),
                    used("early", "cast", after=("buy",)),
                    used("late", "boat", after=("buy", "early"), run_if="all_done", on_failure=HOME),
                ),
                when='{"input.age":{"$gte":18}}',
                next=(
                    Transition("home", '{"results.buy.ok":false}'),
                    Transition("thinking", '{"visits.thinking":{"$lt":3}}'),
                ),
                on_failure=HOME,
            ),
            Phase(
                "fishing",
                (
                    used(
                        "cast",
                        "cast",
                        when='{"input.a":{"$exists":true}}',
                        input='{"z":"$results.buy.x","a":[1,2.0,"é"]}',
                        on_failure=(OnFailure(Action.CONTINUE),),
                    ),
                    used("again", "cast", on_failure=(OnFailure(Action.CONTINUE),)),
                ),
                wait_for_count=1,
                on_failure=(OnFailure(Action.CONTINUE),),
            ),
            Phase(
                "home",
                (used("rest", "buy", on_failure=HOME), used("tidy", "buy", on_failure=HOME)),
                next=(Transition("end"),),
                wait_for_jobs=("rest", "tidy"),
                on_failure=HOME,
            ),
        ),
        '{"type":"object","properties":{"age":{"type":"integer"}}}',
    )


def test_jobs_have_what_they_say_or_the_defaults(tmp_path: Path) -> None:
    jobs = full(tmp_path).jobs
    assert [(job.name, job.memory, job.timeout, job.runtime) for job in jobs.values()] == [
        ("buy", 1024, 120, "python3.12"),
        ("boat", 512, 45, "python3.13"),
        ("cast", 512, 45, "python3.12"),
    ]
    assert jobs["buy"].environment == {"SHOP": "here", "COUNT": "3", "OPEN": "true"}
    assert jobs["buy"].description == "buys"
    assert jobs["boat"].filter == {"region": [{"prefix": "eu-"}]}
    assert jobs["cast"].code == (tmp_path / "job").resolve()
    assert jobs["cast"].handler == "handler.handler"


def test_without_defaults_there_are_ours(tmp_path: Path) -> None:
    config = loaded(tmp_path, "jobs", "a: {code: job}")
    assert (config.defaults.memory, config.defaults.timeout, config.defaults.runtime) == (256, 30, "python3.13")
    assert config.path == tmp_path / "phaseline.yaml"
    assert config.jobs["a"].filter is None


def test_starts_and_notifications(tmp_path: Path) -> None:
    config = full(tmp_path)
    hourly, tide = config.state_machines["fishing"].starts
    assert (hourly.kind, hourly.expression, hourly.timezone) == ("schedule", "rate(1 hour)", "Europe/Oslo")
    assert (hourly.has_input, hourly.input) == (True, {"age": 3})
    assert (tide.kind, tide.bus, tide.has_input) == ("event", "sea", False)
    assert tide.pattern == {"source": ["tide"], "detail": {"high": [True]}}
    assert [(each.to, each.url_secret, each.events) for each in config.notifications] == [
        ("log", None, ("*",)),
        ("slack", "phaseline/slack", ("execution.failed", "job.*")),
    ]


def test_the_key_of_a_start_is_its_own_and_stays(tmp_path: Path) -> None:
    keys = {}
    for name, start in {
        "alone": "[{schedule: rate(1 hour)}]",
        "second": "[{schedule: rate(2 hours)}, {schedule: rate(1 hour)}]",
        "input": "[{schedule: rate(1 hour), input: {}}]",
        "zone": "[{schedule: rate(1 hour), timezone: UTC}]",
    }.items():
        keys[name] = loaded(tmp_path, "machine", f"start: {start}").state_machines["m"].starts[-1].key
    assert keys["alone"] == keys["second"]
    assert len(set(keys.values())) == 3
    assert all(re.fullmatch("[0-9a-f]{10}", key) for key in keys.values())


def test_two_machines_with_the_same_start_have_keys_of_their_own(tmp_path: Path) -> None:
    machine = "{start: [{schedule: rate(1 hour)}], phases: {p: {jobs: {a: , b: , c: , d: }}}}"
    machines = load(write(tmp_path, f"{JOBS}state_machines: {{m: {machine}, n: {machine}}}")).state_machines
    assert machines["m"].starts[0].key != machines["n"].starts[0].key


NEAREST = ["defaults", "job", "machine", "phase", "use"]


@pytest.mark.parametrize("given_at", [NEAREST[:count] for count in range(len(NEAREST) + 1)])
def test_of_several_on_failure_the_nearest_to_the_use_wins(tmp_path: Path, given_at: list[str]) -> None:
    def at(place: str) -> str:
        return f"on_failure: {{to: {place}}}" if place in given_at else ""

    phases = "".join(f"\n      {place}: {{jobs: {{x-{place}: {{job: b}}}}}}" for place in NEAREST)
    text = (
        f"defaults: {{{at('defaults')}}}\n"
        f"jobs:\n  a: {{code: job, {at('job')}}}\n  b: {{code: job}}\n"
        f"state_machines:\n  m:\n    {at('machine') or 'description: x'}\n    phases:\n"
        f"      first: {{jobs: {{a: {{{at('use')}}}}}, {at('phase')}}}{phases}\n"
    )
    first = load(write(tmp_path, text)).state_machines["m"].definition.phases[0]
    expected = (OnFailure(Action.TO, given_at[-1]),) if given_at else ()
    assert first.jobs[0].on_failure == expected
    of_phase = [place for place in given_at if place not in ("job", "use")]
    assert first.on_failure == ((OnFailure(Action.TO, of_phase[-1]),) if of_phase else ())


def hash_of(folder: Path, text: str) -> str:
    [definition] = compile_definitions(load(write(folder, text))).values()
    return str(definition.to_document()["_id"])


SAME = [
    ("    description: a day\n", ""),
    ("memory: 512, timeout: 45s", "timeout: 45, memory: 300"),
    ("after: buy, on_failure: fail", "on_failure: fail, after: [buy]"),
    ("wait_for: any", "wait_for: 1"),
    ("next: end", "next: [{to: end}]"),
    ("on_failure: {to: home}", "on_failure: [{to: home}]"),
    ("on_failure: {to: home}", "on_failure: [{errors: [Storm, Phaseline.ALL], to: home}, {action: continue}]"),
    ("on_failure: {to: home}", "on_failure: [{to: home, errors: Phaseline.ALL}]"),
    ("on_failure: fail}\njobs", "on_failure: [{errors: Storm, action: fail}], start_timeout: 15m}\njobs"),
    ("cast: {code: job,", "cast: {code: job, retry: [],"),
    ("cast: {code: job,", "cast: {code: job, timeout: 45,"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_the_hash_stays_while_the_meaning_does(tmp_path: Path, old: str, new: str) -> None:
    assert old in FULL
    assert hash_of(tmp_path, FULL.replace(old, new)) == hash_of(tmp_path, FULL)


def test_a_default_that_is_written_out_does_not_change_the_hash(tmp_path: Path) -> None:
    short = FULL.replace("{code: job, on_failure", "{code: job, retry: {}, on_failure")
    long = "{max_attempts: 3, interval: 1s, backoff_rate: 2, jitter: none, errors: Phaseline.ALL}"
    assert hash_of(tmp_path, short) == hash_of(tmp_path, short.replace("retry: {}", f"retry: {long}"))
    assert hash_of(tmp_path, short) != hash_of(tmp_path, FULL)


DIFFERENT = [
    ("{$gte: 18}", "{$gte: 19}"),
    ("2.0", "2"),
    ("run_if: all_done", "run_if: none_failed"),
    ("wait_for: any", "wait_for: 2"),
    ("after: [buy, early]", "after: early"),
    ("on_failure: {to: home}", "on_failure: {to: fishing}"),
    ("on_failure: continue\n        wait_for", "wait_for"),
    ("again: {job: cast}", "again: {job: boat}"),
    ("again: {job: cast}", "once_more: {job: cast}"),
    ("type: integer", "type: number"),
    ("next: end", "next: home"),
    ("on_failure: {to: home}", "on_failure: [{errors: Storm, to: home}]"),
    ("on_failure: {to: home}", "on_failure: [{errors: Storm, action: fail}, {to: home}]"),
    ("early: {job: cast,", "early: {job: cast, timeout: 44s,"),
    ("early: {job: cast,", "early: {job: cast, start_timeout: 14m,"),
    ("early: {job: cast,", "early: {job: cast, retry: {},"),
    ("description: a day", "deadline: 1d"),
    ("on_failure: continue\n        wait_for", "on_failure: continue\n        deadline: 1h\n        wait_for"),
]


@pytest.mark.parametrize(("old", "new"), DIFFERENT)
def test_the_hash_changes_when_the_meaning_does(tmp_path: Path, old: str, new: str) -> None:
    assert old in FULL
    assert hash_of(tmp_path, FULL.replace(old, new)) != hash_of(tmp_path, FULL)


@given(st.data())
@settings(max_examples=60)
def test_compiling_is_deterministic_and_follows_the_graph(tmp_path: Path, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 7))
    order = data.draw(st.permutations(range(size)))
    uses = {}
    for number in range(size):
        before = data.draw(st.lists(st.sampled_from(range(number)), unique=True)) if number else []
        uses[number] = f"j{number}: {{job: a, after: [{', '.join(f'j{each}' for each in before)}]}}"
    jobs = ", ".join(uses[number] for number in order)
    text = f"jobs: {{a: {{code: job}}}}\nstate_machines: {{m: {{phases: {{p: {{jobs: {{{jobs}}}}}}}}}}}\n"
    first = load(write(tmp_path, text))
    [phase] = first.state_machines["m"].definition.phases
    assert compile_definitions(first) == compile_definitions(load(write(tmp_path, text)))
    seen: set[str] = set()
    for use in phase.jobs:
        assert set(use.after) <= seen
        seen.add(use.name)
    assert len(seen) == size
    document = compile_definitions(first)["m"].to_document()
    assert Definition.from_document(json.loads(json.dumps(document))) == compile_definitions(first)["m"]


def test_a_definition_that_mongodb_cannot_store_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from phaseline.config import ConfigError, compiler

    monkeypatch.setattr(compiler, "MAX_DEFINITION", 100)
    with pytest.raises(ConfigError, match=r"state_machines\.m  is too large a definition \(got \d+ bytes; allowed 100"):
        loaded(tmp_path, "jobs", "a: {code: job}")


def plain(text: str) -> object:
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text)))


def test_the_schema_is_one_and_accepts_what_loads() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    example = Path(__file__).parents[2] / "phaseline.yaml"
    for text in (FULL, example.read_text(encoding="utf-8")):
        assert [error.message for error in validator.iter_errors(plain(text))] == []


@pytest.mark.parametrize(
    "values",
    [
        "on_failure: {errors: Storm, action: continue}",
        "on_failure: [{errors: [Storm, Phaseline.Timeout], to: home}, {action: fail}]",
        "retry: {}",
        "retry: [{errors: Storm, never: [Flood], max_attempts: 0, interval: 0, jitter: full}, {max_delay: 1h}]",
        "timeout: 1m, start_timeout: 6h, on_failure: continue",
        "heartbeat: 10s, wait: 10m",
        "wait: '${X}', heartbeat: '${X}'",
        "wait: 0",
        "wait: {until: {$dateAdd: {startDate: $$NOW, unit: day, amount: 1}}}",
        "wait: {until: '2026-05-31T12:00:00Z'}",
        "compensate: boat",
        "compensate: {job: boat, input: $results.buy}",
    ],
)
def test_the_schema_accepts_every_form(tmp_path: Path, values: str) -> None:
    text = FULL.replace("on_failure: fail}\n          buy", f"{values}}}\n          buy")
    assert text != FULL
    load(write(tmp_path, text))
    assert [error.message for error in jsonschema.Draft202012Validator(json_schema()).iter_errors(plain(text))] == []


def test_the_example_of_the_project_has_no_fault_and_no_warning() -> None:
    config = load(Path(__file__).parents[2] / "phaseline.yaml")
    assert list(config.warnings) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("memory: 512", "memory: 12"),
        ("timeout: 45s", "timeout: 45 s"),
        ("run_if: all_done", "run_if: al_done"),
        ("code: job,", "cood: job,"),
        ("on_failure: continue", "on_failure: ignore"),
        ("      home:", "      end:"),
        ("wait_for: any", "wait_for: 0"),
        ("to: slack", "to: mail"),
        ("after: buy", "retry: 3"),
        ("after: buy", "retry: {max_attempts: -1}"),
        ("after: buy", "retry: {jitter: half}"),
        ("after: buy", "retry: {errors: []}"),
        ("after: buy", "heartbeat: 10 s"),
        ("after: buy", "wait: {untill: $input.at}"),
        ("after: buy", "wait: soon"),
        ("after: buy", "compensate: {input: 1}"),
        ("after: buy", "compensate: 5"),
        ("next: end", "fail: NoFish"),
        ("next: end", "succeed: yes"),
        ("jobs: {rest: {job: buy}, tidy: {job: buy}}", "description: nothing to do"),
        ("code: job, memory: 1024", "code: job, mongo: []"),
        ("on_failure: fail}", "on_failure: [{errors: [Storm]}]}"),
        ("on_failure: fail}", "on_failure: [{to: home, action: fail}]}"),
        ("description: a day", "deadline: for ever"),
        ("schedule: rate", "shedule: rate"),
    ],
)
def test_the_schema_refuses_what_editors_can_see(old: str, new: str) -> None:
    assert old in FULL
    assert not jsonschema.Draft202012Validator(json_schema()).is_valid(plain(FULL.replace(old, new)))


def test_every_key_of_the_schema_is_described() -> None:
    def keys(schema: object) -> list[str]:
        found = []
        if isinstance(schema, dict):
            found = [name for name, key in schema.get("properties", {}).items() if not key.get("description")]
            return found + [name for inner in schema.values() for name in keys(inner)]
        return [name for inner in schema for name in keys(inner)] if isinstance(schema, list) else found

    assert keys(json_schema()) == []
