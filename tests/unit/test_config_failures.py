"""`on_failure` by error: its forms, what they compile to, where they lead, and what is probably not meant."""

# ruff: noqa: E501 (what is said stands on one line)

from __future__ import annotations

from pathlib import Path

import pytest

from phaseline.config import load
from phaseline_runtime.definition import Action, OnFailure, Phase
from tests.support.config_files import loaded, rows, said, whole, write

FAULTS = r"""
=== phases: a target that there is not
p: {jobs: {a: , b: , c: }, on_failure: [{errors: Storm, to: hom}, {to: home}]}
home: {jobs: {d: }}
--> 5:67  state_machines.m.phases.p.on_failure[0].to  unknown phase (got "hom"; allowed p, home, end; did you mean home?)

=== machine: a target of the machine that there is not, and one that no error gets to
on_failure: [{to: end}, {errors: Storm, to: nowhere}]
--> 4:49  state_machines.m.on_failure[1].to  unknown phase (got "nowhere"; allowed p, end)

=== whole: a target of a job that one machine lacks
jobs: {a: {code: job, on_failure: [{errors: Storm, to: q}, {errors: Flood, to: r}]}}
state_machines:
  m: {phases: {p: {jobs: {a: }}, r: {jobs: {b: {job: a, on_failure: fail}}}}}
--> 1:56  jobs.a.on_failure[0].to  state machine m, where job a uses this, has no such phase (got "q"; allowed p, r, end)

=== jobs: two meanings in one entry
a: {code: job, on_failure: [{errors: Storm, to: end, action: continue}]}
--> 2:31  jobs.a.on_failure[0]  has two meanings (got to and action; allowed one of them)

=== jobs: an entry without a meaning does not hide what else is wrong
a: {code: job, on_failure: [{errors: Storm}, {}, {errors: Phaseline.Crash, to: end}, {action: contine}]}
--> 2:31  jobs.a.on_failure[0]  the key `to` is missing, or `action`
--> 2:48  jobs.a.on_failure[1]  the key `to` is missing, or `action`
--> 2:61  jobs.a.on_failure[2].errors  unknown error (got "Phaseline.Crash"; allowed Phaseline.ALL, Phaseline.Timeout, Phaseline.Crashed, Phaseline.NotStarted, Phaseline.Unavailable, Phaseline.OutputTooLarge, Phaseline.InputTooLarge, Phaseline.ExpressionFailed, Phaseline.WaitForNotMet, Phaseline.TransactionConflict, Phaseline.TransactionTooLong; did you mean Phaseline.Crashed?)
--> 2:97  jobs.a.on_failure[3].action  unknown action (got "contine"; allowed fail, continue; did you mean continue?)

=== jobs: an unknown key, and an empty list
a: {code: job, on_failure: {too: end}}
b: {code: job, on_failure: []}
--> 2:18  jobs.a.on_failure  the key `to` is missing, or `action`
--> 2:31  jobs.a.on_failure.too  unknown key (got "too"; allowed errors, to, action; did you mean to?)
--> 3:30  jobs.b.on_failure  must be a list of cases (got an empty one)

=== jobs: words in a list
a: {code: job, on_failure: [continue]}
--> 2:31  jobs.a.on_failure[0]  must be an on_failure, a mapping (got "continue"; allowed errors, to, action)

=== phases: a phase to which no error leads any more
p: {jobs: {a: , b: , c: }, on_failure: [{action: continue}, {errors: Storm, to: home}], next: end}
home: {jobs: {d: }}
--> 6:7  state_machines.m.phases.home  is never reached: no phase leads to it by order, next or on_failure

=== phases: a phase for deadlines of a phase without one
p: {jobs: {a: {on_failure: fail}, b: {on_failure: fail}, c: {on_failure: fail}}, on_failure: {to: late}, next: end}
late: {jobs: {d: }}
--> 6:7  state_machines.m.phases.late  is never reached: no phase leads to it by order, next or on_failure

=== phases: no job fails because too few have succeeded
p: {jobs: {a: , b: , c: }, on_failure: [{errors: Phaseline.WaitForNotMet, to: few}], next: end}
few: {jobs: {d: }}
--> 6:7  state_machines.m.phases.few  is never reached: no phase leads to it by order, next or on_failure

=== phases: a deadline leads where its own error leads
p: {jobs: {a: {on_failure: fail}, b: {on_failure: fail}, c: {on_failure: fail}}, deadline: 1h, on_failure: [{errors: Storm, to: late}], next: end}
late: {jobs: {d: }}
--> 6:7  state_machines.m.phases.late  is never reached: no phase leads to it by order, next or on_failure
"""


@pytest.mark.parametrize(("name", "kind", "text", "expected"), rows(FAULTS))
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(tmp_path, whole(kind, text)))[0] == expected, name


WARNINGS = r"""
=== jobs: an entry that no error gets to
a: {code: job, on_failure: [{errors: Storm, to: end}, {errors: [Storm], action: continue}, {action: continue}, {to: end}]}
--> 2:57  jobs.a.on_failure[1]  is never reached: those before it take all of its errors
--> 2:114  jobs.a.on_failure[3]  is never reached: those before it take all of its errors

=== phases: parallel jobs that differ for one error
p: {jobs: {a: , b: {on_failure: [{errors: Storm, to: q}]}, c: {on_failure: [{errors: Storm, action: continue}]}}, next: q}
q: {jobs: {d: }}
--> 5:23  state_machines.m.phases.p.jobs.b  may fail together with a, whose on_failure differs (to q or fail and fail): `fail` beats `to`, and of two `to` the first written wins

=== phases: parallel jobs that lead to the same for other errors
p: {jobs: {a: {on_failure: [{errors: Storm, to: q}, {action: continue}]}, b: {on_failure: [{errors: Flood, to: q}, {action: continue}]}, c: {on_failure: [{action: continue}, {to: end}]}}, next: q}
q: {jobs: {d: }}
--> 5:181  state_machines.m.phases.p.jobs.c.on_failure[1]  is never reached: those before it take all of its errors

=== phases: phases that a list, a deadline or a missed wait_for leads to are reached
p: {jobs: {a: {on_failure: [{errors: Storm, to: q}]}}, next: end}
q: {jobs: {b: {on_failure: fail}}, deadline: 1h, on_failure: [{errors: Phaseline.Timeout, to: r}], next: end}
r: {jobs: {c: {on_failure: fail}}, wait_for: any, on_failure: {to: s}, next: end}
s: {jobs: {d: }}

=== phases: an error of the phase on a job
p: {jobs: {a: {on_failure: [{errors: Phaseline.WaitForNotMet, to: q}, {errors: [Phaseline.WaitForNotMet, Storm], to: q}]}, b: {after: a}}, next: q}
q: {jobs: {c: , d: }}
--> 5:35  state_machines.m.phases.p.jobs.a.on_failure[0]  has no effect on a job: a phase fails with it, whose on_failure decides (got Phaseline.WaitForNotMet)

=== phases: parallel jobs that differ for an error of the phase alone
p: {on_failure: [{errors: Phaseline.WaitForNotMet, to: q}], wait_for: any, jobs: {a: , b: {on_failure: fail}}, next: q}
q: {jobs: {c: , d: }}

=== phases: falling into what a deadline leads to
p: {jobs: {a: {on_failure: fail}}, deadline: 1h, on_failure: {errors: Phaseline.Timeout, to: r}, next: q}
q: {jobs: {b: , c: }}
r: {jobs: {d: }}
--> 6:7  state_machines.m.phases.q  falls through into r, which p reaches by `to`: say which is meant by `next: r` or `next: end`

=== whole: a failure of the phase for failures leads to itself
jobs: {a: {code: job}}
state_machines:
  m:
    on_failure: {to: home}
    phases: {p: {jobs: {a: }, next: home}, home: {jobs: {b: {job: a}}}}
--> 5:44  state_machines.m.phases.home  is visited again when b fails in it, and again: the on_failure on line 4 counts here too; give this phase one of its own

=== whole: a phase for failures with an on_failure of its own
jobs: {a: {code: job}}
state_machines:
  m:
    on_failure: {to: home}
    phases: {p: {jobs: {a: }, next: home}, home: {on_failure: fail, jobs: {b: {job: a}}}}

=== phases: a phase that is meant to be visited again
p: {jobs: {a: {on_failure: {to: p}}, b: {after: a}, c: {after: b}, d: {after: c}}}

=== phases: reading the error that led here, and one that cannot have
p: {jobs: {a: , b: }, on_failure: [{errors: Storm, to: q}], next: r}
q: {jobs: {c: {when: {errors.a.type: Storm}, input: {why: $errors.b.message, later: $errors.d.type}}}, next: r}
r: {jobs: {d: }}
--> 6:91  state_machines.m.phases.q.jobs.c.input.later  is never there when this is read: no way leads from phase r back to this place (got "d")

=== phases: a clean-up reads the error of what it follows
p: {jobs: {a: , b: {after: a, run_if: one_failed, when: {errors.a.type: Storm}, input: $errors.a.message}, c: , d: }}
"""


@pytest.mark.parametrize(("name", "kind", "text", "expected"), rows(WARNINGS))
def test_what_is_doubtful_is_a_warning_and_no_fault(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(tmp_path, whole(kind, text))) == ([], expected), name


def test_reading_the_error_of_a_parallel_job_is_a_race(tmp_path: Path) -> None:
    text = whole("phases", "p: {jobs: {a: , b: {when: {errors.a.type: Storm}, input: $errors.c}, c: {after: b}, d: }}")
    faults = said(write(tmp_path, text))[0]
    assert [fault.partition("  is a race")[0].split("  ")[1] for fault in faults] == [
        "state_machines.m.phases.p.jobs.b.when.errors.a.type",
        "state_machines.m.phases.p.jobs.b.input",
    ]


@pytest.mark.parametrize("action", ["{errors: '${X}', to: q}", "[{errors: ['${X}'], to: q}, {errors: Flood, to: q}]"])
def test_nothing_is_said_of_errors_that_are_not_known_yet(tmp_path: Path, action: str) -> None:
    text = whole("phases", f"p: {{jobs: {{a: {{on_failure: {action}}}, b: {{after: a}}}}}}\nq: {{jobs: {{c: , d: }}}}")
    assert said(write(tmp_path, text.replace("}\n      q", ", next: end}\n      q"))) == ([], [])


STORM = ("Storm",)
HOME = OnFailure(Action.TO, "home")

COMPILED: list[tuple[str, tuple[OnFailure, ...]]] = [
    ("fail", ()),
    ("[{action: fail}]", ()),
    ("[{errors: Storm, action: fail}]", ()),
    ("continue", (OnFailure(Action.CONTINUE),)),
    ("{action: continue}", (OnFailure(Action.CONTINUE),)),
    ("{to: home}", (HOME,)),
    ("[{to: home}, {errors: Storm, action: continue}]", (HOME,)),
    ("{errors: Storm, to: home}", (OnFailure(Action.TO, "home", STORM),)),
    ("[{errors: [Storm, Storm], action: fail}, {to: home}]", (OnFailure(Action.FAIL, None, STORM), HOME)),
    (
        "[{errors: [Storm, Phaseline.Crashed], to: home}, {errors: Flood, action: continue}, {to: end}]",
        (
            OnFailure(Action.TO, "home", ("Storm", "Phaseline.Crashed")),
            OnFailure(Action.CONTINUE, None, ("Flood",)),
            OnFailure(Action.TO, "end"),
        ),
    ),
]


@pytest.mark.parametrize(("text", "expected"), COMPILED)
def test_what_an_on_failure_compiles_to(tmp_path: Path, text: str, expected: tuple[OnFailure, ...]) -> None:
    first = phases(tmp_path, f"on_failure: {text}")[0]
    assert first.on_failure == expected
    assert [use.on_failure for use in first.jobs] == [expected, expected]


def test_a_list_is_taken_whole_from_the_nearest_place_and_not_mixed(tmp_path: Path) -> None:
    text = "on_failure: {to: home}\nphases: {p: {jobs: {a: {on_failure: [{errors: Storm, action: continue}]}, b: }}, home: {jobs: {c: , d: }}}"
    file = write(tmp_path, whole("machine", text).rpartition("    phases")[0])
    first = load(file).state_machines["m"].definition.phases[0]
    assert [use.failure("Flood").action for use in first.jobs] == [Action.FAIL, Action.TO]


def phases(folder: Path, values: str) -> tuple[Phase, ...]:
    text = f"p: {{jobs: {{a: , b: }}, {values}}}\nhome: {{jobs: {{c: , d: }}}}"
    return loaded(folder, "phases", text).state_machines["m"].definition.phases
