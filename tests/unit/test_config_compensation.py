"""`compensate`, and the collections that transactional jobs write, as the file says it."""

# ruff: noqa: E501 (what is said stands on one line)

from __future__ import annotations

from pathlib import Path

import pytest

from phaseline.config import Config, load
from phaseline.config.checks.ending_checks import is_kept_for_compensations
from phaseline_runtime.definition import DEFAULT_RETRIES, Definition, Phase, Retry, Use
from phaseline_runtime.engine.compensation import plan
from tests.support.config_files import loaded, rows, said, whole, write

FAULTS = r"""
=== phases: an unknown job, in both forms
p: {jobs: {a: {compensate: bb}, b: {compensate: {job: x}}, c: , d: }}
--> 5:34  state_machines.m.phases.p.jobs.a.compensate  unknown job (got "bb"; allowed a, b, c, d; did you mean b?)
--> 5:61  state_machines.m.phases.p.jobs.b.compensate.job  unknown job (got "x"; allowed a, b, c, d)

=== phases: what is no job
p: {jobs: {a: {compensate: 5}, b: {compensate: [a]}, c: {compensate: }, d: {compensate: '${X}'}}}
--> 5:34  state_machines.m.phases.p.jobs.a.compensate  must be a job that undoes (got 5; allowed JOB, {job: JOB, input: …})
--> 5:54  state_machines.m.phases.p.jobs.b.compensate  must be a job that undoes (got ["a"]; allowed JOB, {job: JOB, input: …})
--> 5:64  state_machines.m.phases.p.jobs.c.compensate  the key has no value
--> 5:95  state_machines.m.phases.p.jobs.d.compensate  a name cannot come from the environment (got "${X}")

=== phases: a mapping without a job, and with a key that it does not have
p: {jobs: {a: {compensate: {input: 1}}, b: {compensate: {job: a, retry: {}}}, c: , d: }}
--> 5:22  state_machines.m.phases.p.jobs.a.compensate  the key `job` is missing
--> 5:72  state_machines.m.phases.p.jobs.b.compensate.retry  unknown key (got "retry"; allowed job, input)

=== phases: its input is an expression
p: {jobs: {a: {compensate: {job: b, input: {$lookup: {}}}}, b: {compensate: {job: a, input: $results.x}}, c: , d: }}
--> 5:51  state_machines.m.phases.p.jobs.a.compensate.input.$lookup  $lookup reads or writes other collections, which is refused (got "$lookup"; allowed expression operators)
--> 5:99  state_machines.m.phases.p.jobs.b.compensate.input  no job of this state machine has this name (got "x"; allowed a, b, c, d)

=== phases: names that compensations have
p: {jobs: {a: , b: , c: , d: , undo-a-1: {job: a}, undo-a: {job: a}}}
--> 5:38  state_machines.m.phases.p.jobs.undo-a-1  is a name that compensations have (got "undo-a-1"; allowed any but undo-…-NUMBER)

=== phases: the name of their rounds
p: {jobs: {a: , b: , c: , d: }}
compensation: {jobs: {e: {job: a}}}
--> 6:7  state_machines.m.phases.compensation  the name `compensation` is kept for the rounds in which executions undo what they have done (got "compensation")

=== jobs: what is no collection
a: {code: job, mongo: [orders, shop., .orders, 5]}
--> 2:26  jobs.a.mongo[0]  must be a collection (got "orders"; allowed database.collection)
--> 2:34  jobs.a.mongo[1]  must be a collection (got "shop."; allowed database.collection)
--> 2:41  jobs.a.mongo[2]  must be a collection (got ".orders"; allowed database.collection)
--> 2:50  jobs.a.mongo[3]  must be text (got 5)

=== jobs: names that MongoDB does not take
a: {code: job, mongo: ['my shop.orders', shop.system.users, 'shop.a$b', shop.orders.]}
--> 2:26  jobs.a.mongo[0]  is no name of a database (got "my shop"; allowed 63 bytes at most, without spaces and any of " $ * / : < > ? \ |)
--> 2:44  jobs.a.mongo[1]  is no name of a collection (got "system.users"; allowed no `$`, no null character, no dot at its ends, not system.…)
--> 2:63  jobs.a.mongo[2]  is no name of a collection (got "a$b"; allowed no `$`, no null character, no dot at its ends, not system.…)
--> 2:75  jobs.a.mongo[3]  is no name of a collection (got "orders."; allowed no `$`, no null character, no dot at its ends, not system.…)

=== jobs: no collections at all
a: {code: job, mongo: []}
--> 2:25  jobs.a.mongo  must be a list of collections (got an empty one)
"""


@pytest.mark.parametrize(("name", "kind", "text", "expected"), rows(FAULTS))
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(tmp_path, whole(kind, text)))[0] == expected, name


@pytest.mark.parametrize(("database", "fits"), [("d" * 63, True), ("d" * 64, False)])
def test_a_database_may_have_63_bytes_and_a_collection_255_with_it(tmp_path: Path, database: str, fits: bool) -> None:
    assert (said(write(tmp_path, whole("jobs", f"a: {{code: job, mongo: {database}.x}}"))) == ([], [])) is fits
    name = "c" * (191 if fits else 192)
    text = whole("jobs", f"a: {{code: job, mongo: {'d' * 63}.{name}}}")
    assert (said(write(tmp_path, text)) == ([], [])) is fits


WARNINGS = r"""
=== phases: what comes before, beside and behind
p: {jobs: {a: {compensate: {job: b, input: $results.d}}}, next: q}
q: {jobs: {b: {compensate: {job: a, input: $results.c}}}, next: end, on_failure: {to: r}}
r: {jobs: {c: }, next: end, when: {visits.s: 0}}
s: {jobs: {d: {compensate: {job: a, input: [$results.a, $errors.b, $results.c]}}}}

=== phases: a cause that looks like an expression
p: {jobs: {a: , b: , c: , d: }, fail: {error: NoFish, cause: $errors.a.message}}
--> 5:68  state_machines.m.phases.p.fail.cause  is no expression: people are told it as it stands here (got "$errors.a.message")

=== phases: a result of a phase that leads to an end, on the way beside this one
p: {jobs: {a: , d: }, next: [{when: {input.x: 1}, to: q}, {to: r}]}
q: {jobs: {b: {compensate: {job: a, input: $results.c}}}, next: end}
r: {jobs: {c: {compensate: {job: a, input: [$results.a, $results.c]}}}}
--> 6:50  state_machines.m.phases.q.jobs.b.compensate.input  is never there when this is read: no way leads from phase r back to this place (got "c")

=== phases: a job that wait_for has left behind
p: {jobs: {a: , b: {compensate: {job: a, input: $results.a}}}, wait_for: b}
q: {jobs: {c: , d: }}
--> 5:55  state_machines.m.phases.p.jobs.b.compensate.input  may still be running when this is read: `wait_for` of phase p does not wait for it (got "a")
"""


@pytest.mark.parametrize(("name", "kind", "text", "expected"), rows(WARNINGS))
def test_a_compensation_may_read_all_that_has_happened_before_the_end(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(tmp_path, whole(kind, text))) == ([], expected), name


def test_what_runs_in_parallel_is_no_race_for_a_compensation(tmp_path: Path) -> None:
    text = "p: {jobs: {a: {compensate: {job: b, input: {all: $results, b: $results.b}}}, b: , c: , d: }}"
    assert said(write(tmp_path, whole("phases", text))) == ([], [])


def test_a_job_that_only_compensates_is_used(tmp_path: Path) -> None:
    text = "jobs: {a: {code: job}, undo: {code: job}}\nstate_machines: {m: {phases: {p: {jobs: {a: %s}}}}}\n"
    assert said(write(tmp_path, text % "{compensate: undo}")) == ([], [])
    assert said(write(tmp_path, text % "{compensate: {job: undo}}")) == ([], [])
    assert said(write(tmp_path, text % "{}")) == ([], ["1:24  jobs.undo  is used by no state machine"])


def test_the_heartbeat_of_a_job_that_only_compensates_is_held_against_its_timeout(tmp_path: Path) -> None:
    text = (
        "jobs: {a: {code: job}, undo: {code: job, heartbeat: 1m}}\n"
        "state_machines: {m: {timeout: 5m, phases: {p: {jobs: {a: {compensate: undo}}}}}}\n"
    )
    warning = 'has no effect: it is not shorter than the timeout of job undo, 30s (got "1m")'
    assert said(write(tmp_path, text)) == ([], [f"1:53  jobs.undo.heartbeat  {warning}"])


@pytest.mark.parametrize("name", ["a", "pay-3", "x" * 64])
def test_a_name_that_the_engine_gives_to_a_compensation_is_none_that_a_file_may_have(name: str) -> None:
    definition = Definition("m", (Phase("p", (Use(name, "do", compensate=Use("", "undo")),)),))
    (planned,) = plan(definition, [[12, name, 1]])
    assert is_kept_for_compensations(planned["name"])
    assert not is_kept_for_compensations(name)


SAGA = """\
defaults: {timeout: 20s, start_timeout: 2m}
jobs:
  book: {code: job}
  cancel: {code: job, timeout: 3m, retry: {max_attempts: 9, interval: 0}, heartbeat: 10s, filter: {input: {x: [1]}}}
state_machines:
  m:
    timeout: 7m
    retry: {max_attempts: 5}
    heartbeat: 1m
    on_failure: {to: p}
    phases:
      p:
        jobs:
          plain: {job: book, compensate: cancel, timeout: 6m}
          other: {job: book, compensate: {job: book, input: {was: $results.other, id: "$input.id"}}}
"""


def uses_of(config: Config) -> tuple[Use, ...]:
    definition = config.state_machines["m"].definition
    assert Definition.from_document(definition.to_document()) == definition
    return definition.phases[0].jobs


def test_a_compensation_is_made_as_its_own_job_and_the_defaults_say(tmp_path: Path) -> None:
    plain, other = uses_of(load(write(tmp_path, SAGA)))
    assert plain.compensate == Use(
        "",
        "cancel",
        retry=(Retry(max_attempts=9, interval=0.0), *DEFAULT_RETRIES),
        timeout=180,
        start_timeout=120,
        heartbeat=10,
        filtered=True,
    )
    assert other.compensate == Use(
        "",
        "book",
        input='{"was":"$results.other","id":"$input.id"}',
        retry=DEFAULT_RETRIES,
        timeout=20,
        start_timeout=120,
    )


def test_the_long_form_without_an_input_means_the_short_one(tmp_path: Path) -> None:
    long = SAGA.replace("compensate: cancel,", "compensate: {job: cancel},")
    assert uses_of(load(write(tmp_path, long))) == uses_of(load(write(tmp_path, SAGA)))


def test_the_hash_changes_with_what_undoes_and_with_its_attempts(tmp_path: Path) -> None:
    texts = [
        SAGA,
        SAGA.replace(" compensate: cancel,", ""),
        SAGA.replace("compensate: cancel", "compensate: book"),
        SAGA.replace("timeout: 3m", "timeout: 4m"),
        SAGA.replace("max_attempts: 9", "max_attempts: 8"),
        SAGA.replace("$input.id", "$input.ids"),
    ]
    hashes = [load(write(tmp_path, text)).state_machines["m"].definition.to_document()["_id"] for text in texts]
    assert len(set(hashes)) == len(texts)


def test_a_lambda_has_the_longest_timeout_of_its_uses_and_of_what_it_undoes(tmp_path: Path) -> None:
    text = """\
jobs: {a: {code: job}, undo: {code: job, timeout: 3m, start_timeout: 1h}, both: {code: job, timeout: 9m}}
state_machines:
  m: {timeout: 1m, phases: {p: {jobs: {a: {compensate: undo}, both: {compensate: both}}}}}
"""
    jobs = load(write(tmp_path, text)).jobs
    assert {name: (job.timeout, job.start_timeout) for name, job in jobs.items()} == {
        "a": (60, 900),
        "undo": (180, 3600),
        "both": (540, 900),
    }


def test_the_collections_of_a_job_are_kept_once_each_in_their_order(tmp_path: Path) -> None:
    text = "a: {code: job, mongo: [shop.orders, shop.stock.v2, shop.orders]}\nb: {code: job, mongo: shop.orders}\nc: {code: job}"
    jobs = loaded(tmp_path, "jobs", text).jobs
    assert {name: job.mongo for name, job in jobs.items()} == {
        "a": ("shop.orders", "shop.stock.v2"),
        "b": ("shop.orders",),
        "c": (),
    }


def test_a_database_may_come_from_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path, whole("jobs", "a: {code: job, mongo: ['${SHOP}.orders']}"))
    assert load(file, values={"SHOP": "shop_dev"}).jobs["a"].mongo == ("shop_dev.orders",)
    assert said(file) == ([], [])
    assert said(file, {"SHOP": ""})[0] == [
        '2:26  jobs.a.mongo[0]  must be a collection (got ".orders"; allowed database.collection)'
    ]
