"""Waiting, signs of life, and phases that end the execution, as the file says it."""

# ruff: noqa: E501 (what is said stands on one line)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from phaseline.config import Config, json_schema, load
from phaseline_runtime.definition import Definition, Fail, Phase, Wait
from tests.support.config_files import loaded, rows, said, whole, write

FAULTS = r"""
=== phases: waits that are none
p: {jobs: {a: {wait: -1}, b: {wait: soon}, c: {wait: [1m]}, d: {wait: 366d}}, wait: true}
--> 5:28  state_machines.m.phases.p.jobs.a.wait  must say how long to wait (got -1; allowed 30s, 10m, 1h, 90d or whole seconds, {until: …})
--> 5:43  state_machines.m.phases.p.jobs.b.wait  must say how long to wait (got "soon"; allowed 30s, 10m, 1h, 90d or whole seconds, {until: …})
--> 5:60  state_machines.m.phases.p.jobs.c.wait  must say how long to wait (got ["1m"]; allowed 30s, 10m, 1h, 90d or whole seconds, {until: …})
--> 5:77  state_machines.m.phases.p.jobs.d.wait  is too long (got "366d"; allowed 0s to 365d: a year)
--> 5:91  state_machines.m.phases.p.wait  must say how long to wait (got true; allowed 30s, 10m, 1h, 90d or whole seconds, {until: …})

=== phases: a wait without its time, with another key, without a value
p: {jobs: {a: {wait: {}}, b: {wait: {untill: $input.at}}, c: {wait: }, d: {wait: {until: }}}}
--> 5:22  state_machines.m.phases.p.jobs.a.wait  the key `until` is missing
--> 5:37  state_machines.m.phases.p.jobs.b.wait  the key `until` is missing
--> 5:44  state_machines.m.phases.p.jobs.b.wait.untill  unknown key (got "untill"; allowed until; did you mean until?)
--> 5:69  state_machines.m.phases.p.jobs.c.wait  the key has no value
--> 5:89  state_machines.m.phases.p.jobs.d.wait.until  the key has no value

=== phases: what stands there as a time is none
p: {jobs: {a: {wait: {until: tomorrow}}, b: {wait: {until: 7}}, c: {wait: {until: null}}, d: {wait: {until: 2026-02-30}}}}
--> 5:36  state_machines.m.phases.p.jobs.a.wait.until  is no date and time (got "tomorrow"; allowed 2026-05-31T12:00:00Z, or an expression such as $input.at)
--> 5:66  state_machines.m.phases.p.jobs.b.wait.until  is no date and time (got 7; allowed 2026-05-31T12:00:00Z, or an expression such as $input.at)
--> 5:89  state_machines.m.phases.p.jobs.c.wait.until  is no date and time (got null; allowed 2026-05-31T12:00:00Z, or an expression such as $input.at)
--> 5:115  state_machines.m.phases.p.jobs.d.wait.until  is no date and time (got "2026-02-30"; allowed 2026-05-31T12:00:00Z, or an expression such as $input.at)

=== phases: a wait reads as an input does
p: {jobs: {a: {wait: {until: $results.b.at}}, b: {wait: {until: {$dateAd: {}}}}, c: {wait: {until: $resluts.a}}, d: {after: c, wait: {until: $results.c.at}}}}
--> 5:36  state_machines.m.phases.p.jobs.a.wait.until  is a race: b runs in the same phase, and a does not follow it (got "b"; allowed itself, jobs that it follows (none), jobs of other phases)
--> 5:72  state_machines.m.phases.p.jobs.b.wait.until.$dateAd  unknown operator (got "$dateAd"; did you mean $dateAdd?)
--> 5:106  state_machines.m.phases.p.jobs.c.wait.until  reads a field that conditions cannot see (got "resluts.a"; allowed input, results, errors, visits; did you mean results.a?)

=== phases: a phase's wait names a job that there is not
p: {jobs: {a: , b: , c: , d: }, wait: {until: $results.x.at}}
--> 5:53  state_machines.m.phases.p.wait.until  no job of this state machine has this name (got "x"; allowed a, b, c, d)

=== phases: heartbeats that are none
p: {jobs: {a: {heartbeat: 0}, b: {heartbeat: 15m}, c: {heartbeat: often}, d: {heartbeat: true}}}
--> 5:33  state_machines.m.phases.p.jobs.a.heartbeat  is too short (got 0; allowed 1s to 890s: no attempt runs longer)
--> 5:52  state_machines.m.phases.p.jobs.b.heartbeat  is too long (got "15m"; allowed 1s to 890s: no attempt runs longer)
--> 5:73  state_machines.m.phases.p.jobs.c.heartbeat  must be a duration (got "often"; allowed 30s, 10m, 1h, 90d or whole seconds)
--> 5:96  state_machines.m.phases.p.jobs.d.heartbeat  must be a duration (got true; allowed 30s, 10m, 1h, 90d or whole seconds)

=== phases: a phase cannot end the execution in two ways, and nothing follows it
p: {jobs: {a: , b: , c: , d: }, next: [{when: {input.x: 1}, to: q}, {to: r}]}
q: {fail: {error: NoFish}, succeed: true}
r: {succeed: true, next: end}
--> 6:7  state_machines.m.phases.q  has two ends (got fail and succeed; allowed one of them)
--> 7:26  state_machines.m.phases.r.next  has no meaning beside `succeed`: nothing follows

=== phases: no error to fail with
p: {jobs: {a: , b: , c: , d: }, next: [{when: {input.x: 1}, to: q}, {when: {input.x: 2}, to: r}, {when: {input.x: 3}, to: s}, {to: t}]}
q: {fail: NoFish}
r: {fail: {cause: the sea is empty}}
s: {fail: {error: phaseline.Timeout, cause: 5}}
t: {fail: {error: no fish, reason: x}}
--> 6:17  state_machines.m.phases.q.fail  must be an error to fail with, a mapping (got "NoFish"; allowed error, cause)
--> 7:11  state_machines.m.phases.r.fail  the key `error` is missing
--> 8:25  state_machines.m.phases.s.fail.error  is kept for errors of Phaseline's own (got "phaseline.Timeout"; allowed a name of yours, such as NoFish)
--> 8:51  state_machines.m.phases.s.fail.cause  must be text (got 5)
--> 9:25  state_machines.m.phases.t.fail.error  must be the name of an error (got "no fish"; allowed such as NoFish)
--> 9:34  state_machines.m.phases.t.fail.reason  unknown key (got "reason"; allowed error, cause)

=== phases: `succeed` is true or not there
p: {jobs: {a: , b: , c: , d: }, next: [{when: {input.x: 1}, to: q}, {to: r}]}
q: {succeed: false}
r: {succeed: yes}
--> 6:20  state_machines.m.phases.q.succeed  must be true, or not be there at all (got false; allowed true)
--> 7:20  state_machines.m.phases.r.succeed  must be true, or not be there at all (got "yes"; allowed true)

=== phases: nothing falls through behind an end
p: {jobs: {a: , b: , c: , d: }, succeed: true}
q: {jobs: {e: {job: a}}}
--> 6:7  state_machines.m.phases.q  is never reached: no phase leads to it by order, next or on_failure

=== phases: to wait for jobs there have to be some
p: {jobs: {a: , b: , c: , d: }}
q: {wait: 1m, wait_for: any}
--> 6:21  state_machines.m.phases.q.wait_for  has no meaning without `jobs`

=== phases: no jobs are not the same as an empty mapping of them
p: {jobs: {a: , b: , c: , d: }}
q: {wait: 1m, jobs: {}}
--> 6:27  state_machines.m.phases.q.jobs  must be a mapping of job names (got an empty one)
"""


@pytest.mark.parametrize(("name", "kind", "text", "expected"), rows(FAULTS))
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(tmp_path, whole(kind, text)))[0] == expected, name


WARNINGS = r"""
=== phases: a heartbeat that never comes to bear
p: {jobs: {a: {heartbeat: 30s}, b: {heartbeat: 29s}, c: {heartbeat: 2m, timeout: 5m}, d: {heartbeat: 5m, timeout: 2m}}}
--> 5:33  state_machines.m.phases.p.jobs.a.heartbeat  has no effect: it is not shorter than the timeout of job a, 30s (got "30s")
--> 5:108  state_machines.m.phases.p.jobs.d.heartbeat  has no effect: it is not shorter than the timeout of job d, 2m (got "5m")

=== machine: it is said once of a heartbeat that counts for many jobs
heartbeat: 1m
--> 4:16  state_machines.m.heartbeat  has no effect: it is not shorter than the timeout of job a, 30s (got "1m")

=== phases: a wait that a deadline ends
p: {jobs: {a: {wait: 59s}, b: {wait: 1m}, c: , d: }, wait: 2m, deadline: 1m}
--> 5:44  state_machines.m.phases.p.jobs.b.wait  is not over before the deadline of phase p, 1m (got "1m")
--> 5:66  state_machines.m.phases.p.wait  is not over before the phase's own deadline, 1m (got "2m")

=== phases: a phase waits before its own jobs have run, and so cannot know them
p: {jobs: {a: , b: , c: , d: }, wait: {until: $results.a.at}}
--> 5:53  state_machines.m.phases.p.wait.until  is never there when this is read: no way leads from phase p back to this place (got "a")
"""


@pytest.mark.parametrize(("name", "kind", "text", "expected"), rows(WARNINGS))
def test_what_makes_no_difference_is_a_warning_and_no_fault(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(tmp_path, whole(kind, text))) == ([], expected), name


def test_the_deadline_of_the_machine_ends_a_wait_too(tmp_path: Path) -> None:
    text = "jobs: {a: {code: job}}\nstate_machines: {m: {deadline: 1h, phases: {p: {wait: 1h, jobs: {a: }}}}}\n"
    assert said(write(tmp_path, text)) == (
        [],
        ['2:55  state_machines.m.phases.p.wait  is not over before the deadline of the state machine, 1h (got "1h")'],
    )


FINE = [
    "p: {jobs: {a: , b: , c: , d: }, wait: 0}",
    "p: {jobs: {a: , b: , c: , d: }, wait: '${X}', heartbeat: '${X}'}",
    "p: {jobs: {a: {wait: {until: '${X}'}, heartbeat: 40s, timeout: '${X}'}, b: , c: , d: }}",
    "p: {jobs: {a: , b: , c: , d: {after: a, wait: {until: {$toDate: $results.a.at}}}}}",
    "p: {jobs: {a: , b: , c: , d: }}\nq: {wait: {until: $results.a.at}}",
    "p: {jobs: {a: , b: , c: , d: }, wait: {until: $results.a.at}, next: [{when: {visits.p: {$lt: 3}}, to: p}]}",
    "p: {jobs: {a: , b: , c: , d: }}\nq: {wait: {until: 2026-05-31}}\nr: {wait: {until: '2026-05-31T12:00:00+02:00'}}",
    "p: {jobs: {a: , b: , c: , d: }, on_failure: {to: q}, succeed: true}\nq: {fail: {error: NoFish, cause: '${X}'}}",
    "p: {when: {input.x: 1}, fail: {error: '${X}'}}\nq: {jobs: {a: , b: , c: , d: }, succeed: '${X}'}",
]


@pytest.mark.parametrize("text", FINE)
def test_nothing_is_said_of_what_can_be_meant(tmp_path: Path, text: str) -> None:
    written = whole("phases", text)
    assert said(write(tmp_path, written)) == ([], [])
    plain = json.loads(json.dumps(YAML(typ="safe", pure=True).load(written), default=str))
    assert jsonschema.Draft202012Validator(json_schema()).is_valid(plain)


def phase_of(config: Config, number: int = 0) -> Phase:
    definition = config.state_machines["m"].definition
    assert Definition.from_document(definition.to_document()) == definition
    return definition.phases[number]


WAITS: list[tuple[str, Wait]] = [
    ("10m", Wait(600)),
    ("0", Wait(0)),
    ("{until: $input.at}", Wait(until='"$input.at"')),
    ("{until: 2026-05-31}", Wait(until='"2026-05-31"')),
    ("{until: {$add: [$$NOW, 1000]}}", Wait(until='{"$add":["$$NOW",1000]}')),
]


@pytest.mark.parametrize(("text", "expected"), WAITS)
def test_what_a_wait_compiles_to_on_a_phase_and_on_a_use(tmp_path: Path, text: str, expected: Wait) -> None:
    phase = phase_of(loaded(tmp_path, "phases", f"p: {{wait: {text}, jobs: {{a: {{wait: {text}}}, b: , c: , d: }}}}"))
    assert (phase.wait, phase.jobs[0].wait, phase.jobs[1].wait) == (expected, expected, None)


def test_phases_that_end_the_execution_are_compiled_with_their_error(tmp_path: Path) -> None:
    text = (
        "p: {jobs: {a: , b: , c: , d: }, succeed: true, on_failure: [{errors: Storm, to: q}, {to: r}]}\n"
        "q: {fail: {error: NoFish, cause: the sea is empty}}\nr: {fail: {error: NoBoat}}"
    )
    config = loaded(tmp_path, "phases", text)
    phases = [phase_of(config, number) for number in range(3)]
    assert [phase.succeed for phase in phases] == [True, False, False]
    assert [phase.fail for phase in phases] == [
        None,
        Fail("NoFish", "the sea is empty"),
        Fail("NoBoat", "phase r ends the execution"),
    ]
    assert phases[1].jobs == ()


PLACES = ("defaults", "job", "machine", "phase", "use")


@pytest.mark.parametrize("given_at", [PLACES[:count] for count in range(6)])
def test_of_several_heartbeats_the_nearest_to_the_use_wins(tmp_path: Path, given_at: tuple[str, ...]) -> None:
    def at(place: str) -> str:
        return f"heartbeat: {PLACES.index(place) + 1}s, " if place in given_at else ""

    text = (
        f"defaults: {{{at('defaults')}memory: 256}}\njobs: {{a: {{{at('job')}code: job}}}}\nstate_machines:\n"
        f"  m: {{{at('machine')}phases: {{p: {{{at('phase')}jobs: {{a: {{{at('use')}after: []}}}}}}}}}}\n"
    )
    assert phase_of(load(write(tmp_path, text))).jobs[0].heartbeat == (len(given_at) or None)


SAME = [("wait: 10m", "wait: 600"), ("heartbeat: 5s", "heartbeat: 5"), ("jobs: {d: }", "jobs: {d: {after: []}}")]
DIFFERENT = [
    *(("wait: 10m", "wait: 11m"), ("wait: 10m", "wait: {until: $input.at}"), ("heartbeat: 5s", "heartbeat: 6s")),
    *(("error: NoFish", "error: NoBoat"), ("cause: none", "cause: not one")),
    *(("fail: {error: NoFish, cause: none}", "succeed: true"), ("wait: 10m, ", "")),
]
TIMED = """\
p: {wait: 10m, heartbeat: 5s, jobs: {a: {wait: 10m}, b: , c: }}
q: {jobs: {d: }, fail: {error: NoFish, cause: none}}"""


def hash_of(folder: Path, text: str) -> Any:
    return loaded(folder, "phases", text).state_machines["m"].definition.to_document()["_id"]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_the_hash_stays_while_the_meaning_does(tmp_path: Path, old: str, new: str) -> None:
    assert old in TIMED
    assert hash_of(tmp_path, TIMED.replace(old, new)) == hash_of(tmp_path, TIMED)


@pytest.mark.parametrize(("old", "new"), DIFFERENT)
def test_the_hash_changes_when_the_meaning_does(tmp_path: Path, old: str, new: str) -> None:
    assert old in TIMED
    assert hash_of(tmp_path, TIMED.replace(old, new)) != hash_of(tmp_path, TIMED)
