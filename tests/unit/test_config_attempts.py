"""How attempts are made, as the file says it: `retry`, `timeout`, `start_timeout`, `deadline`, and the nearest place."""

# ruff: noqa: E501 (what is said stands on one line)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phaseline.config import Config, load
from phaseline.config.reading.error_names import Covers, check_error, never_reached
from phaseline_runtime.definition import DEFAULT_RETRIES, Retry, Use
from phaseline_runtime.errors import ALL, RECORDED
from tests.support.config_files import loaded, rows, said, whole, write

OURS = ", ".join((ALL, *RECORDED))

FAULTS = rf"""
=== jobs: a retry that is a number
a: {{code: job, retry: 3}}
--> 2:25  jobs.a.retry  must be a retry policy or a list of them (got 3; allowed {{max_attempts: 3, …}}, [{{errors: […], max_attempts: 3}}, …])

=== jobs: fewer attempts than none, and half of one
a: {{code: job, retry: [{{errors: Storm, max_attempts: -1}}, {{max_attempts: 1.5}}]}}
--> 2:56  jobs.a.retry[0].max_attempts  must be a whole number (got -1; allowed 0 to 99999999 retries)
--> 2:76  jobs.a.retry[1].max_attempts  must be a whole number (got 1.5; allowed 0 to 99999999 retries)

=== jobs: delays that are none
a: {{code: job, retry: {{interval: 2 s, max_delay: 0, backoff_rate: 0.5}}}}
--> 2:36  jobs.a.retry.interval  must be a duration (got "2 s"; allowed 30s, 10m, 1h, 90d or whole seconds)
--> 2:52  jobs.a.retry.max_delay  is too short (got 0; allowed 1s to 365d: longer than that is no retry)
--> 2:69  jobs.a.retry.backoff_rate  must be a number (got 0.5; allowed 1 to 100)

=== jobs: delays that are too long
a: {{code: job, retry: {{interval: 366d, backoff_rate: 101}}}}
--> 2:36  jobs.a.retry.interval  is too long (got "366d"; allowed 0s to 365d: longer than that is no retry)
--> 2:56  jobs.a.retry.backoff_rate  must be a number (got 101; allowed 1 to 100)

=== jobs: a jitter that there is not
a: {{code: job, retry: {{jitter: ful}}}}
--> 2:34  jobs.a.retry.jitter  unknown jitter (got "ful"; allowed none, full; did you mean full?)

=== jobs: a jitter that is a boolean
a: {{code: job, retry: {{jitter: true}}}}
--> 2:34  jobs.a.retry.jitter  must be a jitter (got true; allowed none, full)

=== jobs: an unknown key of a policy
a: {{code: job, retry: {{attempts: 3}}}}
--> 2:26  jobs.a.retry.attempts  unknown key (got "attempts"; allowed max_attempts, interval, backoff_rate, max_delay, jitter, errors, never; did you mean max_attempts?)

=== jobs: an unknown error of ours
a: {{code: job, retry: {{errors: [Storm, Phaseline.Timout], never: phaseline.crashed}}}}
--> 2:42  jobs.a.retry.errors[1]  unknown error (got "Phaseline.Timout"; allowed {OURS}; did you mean Phaseline.Timeout?)
--> 2:68  jobs.a.retry.never  unknown error (got "phaseline.crashed"; allowed {OURS}; did you mean Phaseline.Crashed?)

=== jobs: errors as Step Functions has them
a: {{code: job, retry: [{{errors: States.ALL}}, {{errors: [States.TaskFailed, States.Timeout]}}, {{errors: ALL}}]}}
--> 2:35  jobs.a.retry[0].errors  unknown error (got "States.ALL"; allowed {OURS}; did you mean Phaseline.ALL?)
--> 2:58  jobs.a.retry[1].errors[0]  unknown error (got "States.TaskFailed"; allowed {OURS})
--> 2:77  jobs.a.retry[1].errors[1]  unknown error (got "States.Timeout"; allowed {OURS}; did you mean Phaseline.Timeout?)
--> 2:104  jobs.a.retry[2].errors  unknown error (got "ALL"; allowed {OURS}; did you mean Phaseline.ALL?)

=== jobs: no errors, and what is no name of one
a: {{code: job, retry: [{{errors: []}}, {{errors: [no boat, 5]}}]}}
--> 2:35  jobs.a.retry[0].errors  must be a list of errors (got an empty one)
--> 2:50  jobs.a.retry[1].errors[0]  must be the name of an error (got "no boat"; allowed a class name such as BoatTaken, Phaseline.ALL)
--> 2:59  jobs.a.retry[1].errors[1]  must be text (got 5)

=== jobs: a policy for no error at all
a: {{code: job, retry: {{never: [Storm, Phaseline.ALL]}}}}
--> 2:41  jobs.a.retry.never[1]  a policy that no error is for means nothing (got Phaseline.ALL; allowed names of errors; `max_attempts: 0` for no retry)

=== jobs: a time to start that Lambda does not keep an event for
a: {{code: job, start_timeout: 7h}}
--> 2:33  jobs.a.start_timeout  is too long (got "7h"; allowed 1s to 6h: Lambda keeps an event for 6 hours at most)

=== jobs: a job has no deadline
a: {{code: job, deadline: 1h}}
--> 2:18  jobs.a.deadline  unknown key (got "deadline"; allowed code, image, function_arn, function, handler, runtime, memory, architecture, layers, filter, environment, secrets, policy, reserved_concurrency, provisioned_concurrency, tracing, …)

=== machine: deadlines that are none
deadline: 0
timeout: 900s
--> 4:15  state_machines.m.deadline  is too short (got 0; allowed 1s to 365d: a year)
--> 5:14  state_machines.m.timeout  is too long (got "900s"; allowed 1s to 890s: Lambda ends a function after 900s, and 10s are kept to record the timeout)

=== machine: a retention that is shorter than what may still arrive
retention: 12h
--> 4:16  state_machines.m.retention  is too short (got "12h"; allowed 1d to 3660d: ten years)

=== machine: a retention in words
retention: forever
--> 4:16  state_machines.m.retention  must be a duration (got "forever"; allowed 30s, 10m, 1h, 90d or whole seconds)

=== phases: deadlines that are none, of a phase
p: {{jobs: {{a: {{timeout: 0, start_timeout: soon}}, b: , c: , d: }}, deadline: 366d}}
--> 5:31  state_machines.m.phases.p.jobs.a.timeout  is too short (got 0; allowed 1s to 890s: Lambda ends a function after 900s, and 10s are kept to record the timeout)
--> 5:49  state_machines.m.phases.p.jobs.a.start_timeout  must be a duration (got "soon"; allowed 30s, 10m, 1h, 90d or whole seconds)
--> 5:82  state_machines.m.phases.p.deadline  is too long (got "366d"; allowed 1s to 365d: a year)
"""


@pytest.mark.parametrize(("name", "kind", "text", "expected"), rows(FAULTS))
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(tmp_path, whole(kind, text))) == (expected, []), name


WARNINGS = r"""
=== jobs: a policy behind one for every error
a: {code: job, retry: [{max_attempts: 1}, {errors: Storm}, {errors: Phaseline.ALL}]}
--> 2:45  jobs.a.retry[1]  is never reached: those before it take all of its errors
--> 2:62  jobs.a.retry[2]  is never reached: those before it take all of its errors

=== jobs: a policy whose errors others take one by one
a: {code: job, retry: [{errors: Storm}, {errors: Flood}, {errors: [Flood, Storm]}, {}]}
--> 2:60  jobs.a.retry[2]  is never reached: those before it take all of its errors

=== jobs: what a policy never takes gets to the next
a: {code: job, retry: [{never: [Storm, Flood]}, {errors: Storm}, {errors: Other}, {}, {}]}
--> 2:68  jobs.a.retry[2]  is never reached: those before it take all of its errors
--> 2:89  jobs.a.retry[4]  is never reached: those before it take all of its errors

=== jobs: a policy for no error
a: {code: job, retry: {errors: [Storm], never: [Flood, Storm]}}
--> 2:25  jobs.a.retry  is for no error: `never` names all of its `errors`

=== jobs: errors that no attempt ends with
a: {code: job, retry: {errors: [Storm, Phaseline.ExpressionFailed, Phaseline.WaitForNotMet]}}
--> 2:42  jobs.a.retry.errors[1]  has no effect in a retry: no attempt ends with it (got Phaseline.ExpressionFailed)
--> 2:70  jobs.a.retry.errors[2]  has no effect in a retry: no attempt ends with it (got Phaseline.WaitForNotMet)

=== jobs: delays that are all the same
a: {code: job, retry: [{errors: A, interval: 10s, max_delay: 5s}, {interval: 5s, max_delay: 5s}]}
--> 2:64  jobs.a.retry[0].max_delay  is shorter than the interval of 10s: every delay is cut to it
"""


@pytest.mark.parametrize(("name", "kind", "text", "expected"), rows(WARNINGS))
def test_what_does_nothing_is_a_warning_and_no_fault(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(tmp_path, whole(kind, text))) == ([], expected), name


def test_a_fault_in_a_policy_makes_no_warning_of_another(tmp_path: Path) -> None:
    text = whole("jobs", "a: {code: job, retry: [{errors: Phaseline.Xyz}, {errors: Storm}]}")
    faults, warnings = said(write(tmp_path, text))
    assert (len(faults), warnings) == (1, [])


OPEN = [
    "{max_attempts: '${X}', interval: '${X}', max_delay: '${X}', backoff_rate: '${X}', jitter: '${X}'}",
    "[{errors: '${X}'}, {errors: Storm}]",
    "[{errors: [Storm, '${X}'], never: '${X}'}, {}]",
    "'${X}'",
]


@pytest.mark.parametrize("policy", OPEN)
def test_nothing_is_said_of_a_policy_that_is_not_known_yet(tmp_path: Path, policy: str) -> None:
    text = f"a: {{code: job, retry: {policy}, timeout: '${{X}}', start_timeout: '${{X}}'}}"
    assert said(write(tmp_path, whole("jobs", text))) == ([], [])


COMPILED: list[tuple[str, tuple[Retry, ...]]] = [
    ("{}", (Retry((ALL,), (), 3, 1.0, 2.0, None, False),)),
    ("{max_attempts: 0}", (Retry(max_attempts=0),)),
    ("{interval: 0}", (Retry(interval=0),)),
    ("{interval: 2m, backoff_rate: 1.5, max_delay: 1h}", (Retry(interval=120, backoff_rate=1.5, max_delay=3600),)),
    ("{jitter: full}", (Retry(jitter=True),)),
    ("{jitter: none}", (Retry(),)),
    ("{errors: Storm, never: [Flood, Flood]}", (Retry(("Storm",), ("Flood",)),)),
    ("{errors: [Storm, Phaseline.ALL]}", (Retry(),)),
    ("[{errors: A, max_attempts: 1}, {errors: [B, A]}]", (Retry(("A",), max_attempts=1), Retry(("B", "A")))),
    ("[{}, {errors: A}]", (Retry(),)),
    ("[]", ()),
]


@pytest.mark.parametrize(("text", "expected"), COMPILED)
def test_what_a_retry_compiles_to_with_the_default_policy_behind_it(
    tmp_path: Path, text: str, expected: tuple[Retry, ...]
) -> None:
    assert use_of(loaded(tmp_path, "jobs", f"a: {{code: job, retry: {text}}}")).retry == (*expected, *DEFAULT_RETRIES)


def test_who_never_wants_our_policy_does_not_get_it(tmp_path: Path) -> None:
    policy = Retry(never=("Phaseline.Unavailable", "Storm"))
    text = "a: {code: job, retry: {never: [Phaseline.Unavailable, Storm]}}"
    kept = [each for each in DEFAULT_RETRIES if each.errors != ("Phaseline.Unavailable",)]
    assert use_of(loaded(tmp_path, "jobs", text)).retry == (policy, *kept)


def test_without_a_retry_only_what_had_no_effect_is_tried_again(tmp_path: Path) -> None:
    policies = use_of(loaded(tmp_path, "jobs", "a: {code: job}")).retry
    assert [each.errors for each in policies] == [("Phaseline.Unavailable",), ("Phaseline.TransactionConflict",)]


def use_of(config: Config) -> Use:
    return config.state_machines["m"].definition.phases[0].jobs[0]


PLACES = ["defaults", "job", "machine", "phase", "use"]
KEYS = {"timeout": "timeout: {}s", "start_timeout": "start_timeout: {}s", "retry": "retry: {{max_attempts: {}}}"}


@given(st.fixed_dictionaries({place: st.sets(st.sampled_from(sorted(KEYS))) for place in PLACES}))
@settings(max_examples=60)
def test_of_each_key_the_nearest_to_the_use_wins_by_itself(tmp_path: Path, at: dict[str, set[str]]) -> None:
    written = {
        place: ", ".join(KEYS[key].format(PLACES.index(place) + 1) for key in sorted(keys))
        for place, keys in at.items()
    }
    text = (
        f"defaults: {{{written['defaults']}}}\n"
        f"jobs: {{a: {{code: job, {written['job']}}}}}\n"
        f"state_machines: {{m: {{{written['machine']}{', ' * bool(at['machine'])}"
        f"phases: {{p: {{{written['phase']}{', ' * bool(at['phase'])}jobs: {{a: {{{written['use']}}}}}}}}}}}}}\n"
    )
    use = use_of(load(write(tmp_path, text)))

    def nearest(key: str, otherwise: int) -> int:
        return next((PLACES.index(place) + 1 for place in reversed(PLACES) if key in at[place]), otherwise)

    assert use.timeout == nearest("timeout", 30)
    assert use.start_timeout == nearest("start_timeout", 900)
    said_so = any("retry" in keys for keys in at.values())
    own = (Retry(max_attempts=nearest("retry", 0)),) if said_so else ()
    assert use.retry == (*own, *DEFAULT_RETRIES)


def test_a_lambda_has_the_longest_timeouts_of_its_uses_and_keeps_its_own_without_one(tmp_path: Path) -> None:
    text = """\
defaults: {timeout: 7s, start_timeout: 2m}
jobs: {a: {code: job, timeout: 10m}, b: {code: job}, idle: {code: job, timeout: 9s, start_timeout: 3m}}
state_machines:
  m: {timeout: 20s, phases: {p: {jobs: {a: , b: {timeout: 40s, start_timeout: 1h}}}}}
  n: {phases: {q: {start_timeout: 30m, timeout: 3m, jobs: {a: , again: {job: b, timeout: 1s}}}}}
"""
    jobs = load(write(tmp_path, text)).jobs
    assert {name: (job.timeout, job.start_timeout) for name, job in jobs.items()} == {
        "a": (180, 1800),
        "b": (40, 3600),
        "idle": (9, 180),
    }


def test_deadlines_are_compiled_where_they_stand(tmp_path: Path) -> None:
    text = "deadline: 1d\nphases: {p: {deadline: 90s, jobs: {a: , b: }}, q: {jobs: {c: , d: }}}"
    file = write(tmp_path, whole("machine", text).rpartition("    phases")[0])
    definition = load(file).state_machines["m"].definition
    assert (definition.deadline, [phase.deadline for phase in definition.phases]) == (86_400, [90, None])


@pytest.mark.parametrize(("text", "seconds"), [("retention: 90d", 7_776_000), ("description: a trip", None)])
def test_executions_are_kept_for_ever_unless_the_machine_says_otherwise(
    tmp_path: Path, text: str, seconds: int | None
) -> None:
    assert load(write(tmp_path, whole("machine", text))).state_machines["m"].retention == seconds


@pytest.mark.parametrize("name", [ALL, *RECORDED, "BoatTaken", "_Private", "java.lang.Exception", "Überfahrt"])
def test_names_of_errors(name: str) -> None:
    assert check_error(name) is None


NAMES = st.sampled_from(["A", "B", "C", ALL])


@given(
    st.lists(
        st.builds(
            Covers, st.lists(NAMES, min_size=1, max_size=3).map(tuple), st.lists(NAMES.filter(ALL.__ne__)).map(tuple)
        ),
        max_size=5,
    )
)
def test_an_entry_is_never_reached_exactly_where_no_error_gets_to_it(entries: list[Covers]) -> None:
    first: list[Any] = [
        next((place for place, entry in enumerate(entries) if entry.covers(error)), None) for error in "ABCD"
    ]
    assert never_reached(entries) == [place for place in range(len(entries)) if place not in first]
