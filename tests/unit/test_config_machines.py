"""State machines as tables: graphs, expressions in their place, starts; faults, and warnings of what is doubtful."""

# ruff: noqa: E501 (what is said stands on one line)

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.config_files import rows, said, whole, write

GRAPH = r"""
=== phases: after a job of another phase
p: {jobs: {a: , b: }}
q: {jobs: {c: {after: b}, d: }}
--> 6:29  state_machines.m.phases.q.jobs.c.after  is a job of phase p, and `after` takes jobs of the same phase (got "b"; allowed d)

=== phases: after nobody
p: {jobs: {a: , b: {after: [a, x]}, c: , d: }}
--> 5:38  state_machines.m.phases.p.jobs.b.after[1]  no job of this phase has this name (got "x"; allowed a, c, d)

=== phases: after itself
p: {jobs: {a: {after: a}, b: , c: , d: }}
--> 5:29  state_machines.m.phases.p.jobs.a.after  a job cannot follow itself (got "a"; allowed b, c, d)

=== phases: after the same twice
p: {jobs: {a: , b: {after: [a, a]}, c: , d: }}
--> 5:38  state_machines.m.phases.p.jobs.b.after[1]  is named twice (got "a")

=== phases: a cycle of two
p: {jobs: {a: {after: b}, b: {after: a}, c: , d: }}
--> 5:29  state_machines.m.phases.p.jobs.a.after  is a cycle: a after b after a

=== phases: a cycle of three
p: {jobs: {a: , b: {after: [a, d]}, c: {after: b}, d: {after: c}}}
--> 5:34  state_machines.m.phases.p.jobs.b.after  is a cycle: b after d after c after b

=== phases: an unknown rule
p: {jobs: {a: , b: {after: a, run_if: all_sucess}, c: , d: }}
--> 5:45  state_machines.m.phases.p.jobs.b.run_if  unknown rule (got "all_sucess"; allowed all_success, all_failed, all_done, all_skipped, all_done_min_one_success, one_success, one_failed, one_done, none_failed, none_failed_min_one_success, none_skipped, always; did you mean all_success?)

=== phases: a rule of setup and teardown
p: {jobs: {a: , b: {after: a, run_if: all_done_setup_success}, c: , d: }}
--> 5:45  state_machines.m.phases.p.jobs.b.run_if  `all_done_setup_success` has no meaning here: there are no setup and teardown jobs (got "all_done_setup_success"; allowed all_success, all_failed, all_done, all_skipped, all_done_min_one_success, one_success, one_failed, one_done, none_failed, none_failed_min_one_success, none_skipped, always)

=== phases: a removed rule
p: {jobs: {a: , b: {after: a, run_if: none_failed_or_skipped}, c: {after: a, run_if: dummy}, d: }}
--> 5:45  state_machines.m.phases.p.jobs.b.run_if  `none_failed_or_skipped` is the old name of `none_failed_min_one_success` (got "none_failed_or_skipped"; allowed all_success, all_failed, all_done, all_skipped, all_done_min_one_success, one_success, one_failed, one_done, none_failed, none_failed_min_one_success, none_skipped, always)
--> 5:92  state_machines.m.phases.p.jobs.c.run_if  `dummy` is the old name of `always`, which Airflow has removed (got "dummy"; allowed all_success, all_failed, all_done, all_skipped, all_done_min_one_success, one_success, one_failed, one_done, none_failed, none_failed_min_one_success, none_skipped, always)

=== phases: a rule that is never met
p: {jobs: {a: , b: {after: a, run_if: all_skipped}, c: , d: }}
--> 5:45  state_machines.m.phases.p.jobs.b.run_if  can never run: no outcome of a meets its rule (got "all_skipped")

=== phases: waiting for too many
p: {jobs: {a: , b: , c: , d: }, wait_for: 5}
--> 5:49  state_machines.m.phases.p.wait_for  waits for more successes than the phase has jobs (got 5; allowed any, or 1 to 4)

=== phases: waiting for none
p: {jobs: {a: , b: , c: , d: }, wait_for: 0}
--> 5:49  state_machines.m.phases.p.wait_for  must say what to wait for (got 0; allowed any, a number from 1, job names)

=== phases: waiting for a stranger
p: {jobs: {a: , b: , c: , d: }, wait_for: [a, bb]}
--> 5:53  state_machines.m.phases.p.wait_for[1]  no job of this phase has this name (got "bb"; allowed a, b, c, d; did you mean b?)

=== phases: waiting for one stranger
p: {jobs: {a: , b: , c: , d: }, wait_for: all}
--> 5:49  state_machines.m.phases.p.wait_for  no job of this phase has this name (got "all"; allowed a, b, c, d, any)

=== phases: waiting for any in a list
p: {jobs: {a: , b: , c: , d: }, wait_for: [a, any]}
--> 5:53  state_machines.m.phases.p.wait_for[1]  stands alone, in no list (got "any"; allowed `wait_for: any`, or names)

=== phases: waiting for an empty list
p: {jobs: {a: , b: , c: , d: }, wait_for: []}
--> 5:49  state_machines.m.phases.p.wait_for  must be a list of job names (got an empty one)

=== phases: an unknown target
p: {jobs: {a: , b: }, next: qq}
q: {jobs: {c: , d: }}
--> 5:35  state_machines.m.phases.p.next  unknown phase (got "qq"; allowed p, q, end; did you mean q?)

=== phases: an unknown target of a failure
p: {jobs: {a: {on_failure: {to: qq}}, b: }}
q: {jobs: {c: , d: }}
--> 5:39  state_machines.m.phases.p.jobs.a.on_failure.to  unknown phase (got "qq"; allowed p, q, end; did you mean q?)

=== phases: a phase that is never reached
p: {jobs: {a: , b: }, next: end}
q: {jobs: {c: , d: }}
--> 6:7  state_machines.m.phases.q  is never reached: no phase leads to it by order, next or on_failure

=== phases: two phases that reach only each other
p: {jobs: {a: , b: }, next: end}
q: {jobs: {c: }, next: r}
r: {jobs: {d: }, next: q}
--> 6:7  state_machines.m.phases.q  is never reached: no phase leads to it by order, next or on_failure
--> 7:7  state_machines.m.phases.r  is never reached: no phase leads to it by order, next or on_failure

=== whole: a failure target of a job that one machine lacks
jobs: {a: {code: job, on_failure: {to: q}}}
state_machines:
  m: {phases: {p: {jobs: {a: }}}}
  n: {phases: {p: {jobs: {a: }}, q: {jobs: {b: {job: a}}}}}
--> 1:40  jobs.a.on_failure.to  state machine m, where job a uses this, has no such phase (got "q"; allowed p, end)
"""

EXPRESSIONS = r"""
=== phases: an unknown operator
p: {jobs: {a: , b: {when: {input.x: {$gtt: 1}}}, c: , d: }}
--> 5:44  state_machines.m.phases.p.jobs.b.when.input.x.$gtt  unknown operator (got "$gtt"; did you mean $gt?)

=== phases: JavaScript
p: {jobs: {a: , b: {when: {$where: x}}, c: {input: {$function: {}}}, d: }}
--> 5:34  state_machines.m.phases.p.jobs.b.when.$where  $where runs JavaScript, which is refused (got "$where"; allowed $and, $or, $nor, $expr, $jsonSchema, $comment, $sampleRate)
--> 5:59  state_machines.m.phases.p.jobs.c.input.$function  $function runs JavaScript, which is refused (got "$function"; allowed expression operators)

=== phases: other collections
p: {jobs: {a: , b: {input: {$lookup: {}}}, c: , d: }}
--> 5:35  state_machines.m.phases.p.jobs.b.input.$lookup  $lookup reads or writes other collections, which is refused (got "$lookup"; allowed expression operators)

=== phases: the whole document
p: {jobs: {a: , b: {input: $$ROOT}, c: , d: }}
--> 5:34  state_machines.m.phases.p.jobs.b.input  reads the whole document: name the fields (got "$$ROOT"; allowed $input, $results, $errors, $visits)

=== phases: a field that is not seen
p: {jobs: {a: , b: {when: {status: running}, input: $result.a}, c: , d: }}
--> 5:34  state_machines.m.phases.p.jobs.b.when.status  reads a field that conditions cannot see (got "status"; allowed input, results, errors, visits)
--> 5:59  state_machines.m.phases.p.jobs.b.input  reads a field that conditions cannot see (got "result.a"; allowed input, results, errors, visits; did you mean results.a?)

=== phases: the result of nobody
p: {jobs: {a: , b: , c: , d: }}
q: {jobs: {x: {job: a, input: $results.aa.kg, when: {errors.bb: 1}}}}
--> 6:37  state_machines.m.phases.q.jobs.x.input  no job of this state machine has this name (got "aa"; allowed a, b, c, d, x; did you mean a?)
--> 6:60  state_machines.m.phases.q.jobs.x.when.errors.bb  no job of this state machine has this name (got "bb"; allowed a, b, c, d, x; did you mean b?)

=== phases: the visits of nothing
p: {jobs: {a: , b: , c: , d: }, next: [{when: {visits.pp: 1}, to: p}]}
--> 5:54  state_machines.m.phases.p.next[0].when.visits.pp  unknown phase (got "pp"; allowed p; did you mean p?)

=== phases: a condition that is no mapping
p: {when: true, jobs: {a: , b: {when: x}, c: , d: }}
--> 5:17  state_machines.m.phases.p.when  must be a MongoDB query (got true)
--> 5:45  state_machines.m.phases.p.jobs.b.when  must be a MongoDB query (got "x")

=== phases: a number that is no JSON
p: {jobs: {a: {input: {x: .nan}}, b: , c: , d: }}
--> 5:33  state_machines.m.phases.p.jobs.a.input.x  must be a number that JSON knows (got .nan)

=== phases: a race
p: {jobs: {a: , b: {input: $results.a.x}, c: , d: }}
--> 5:34  state_machines.m.phases.p.jobs.b.input  is a race: a runs in the same phase, and b does not follow it (got "a"; allowed itself, jobs that it follows (none), jobs of other phases)

=== phases: a race beside a cycle, and one within it
p: {jobs: {a: {after: b, when: {results.d.x: 1}}, b: {after: a}, c: {input: $results.d}, d: }}
--> 5:29  state_machines.m.phases.p.jobs.a.after  is a cycle: a after b after a
--> 5:52  state_machines.m.phases.p.jobs.a.when.results.d.x  is a race: d runs in the same phase, and a does not follow it (got "d"; allowed itself, jobs that it follows (b), jobs of other phases)
--> 5:83  state_machines.m.phases.p.jobs.c.input  is a race: d runs in the same phase, and c does not follow it (got "d"; allowed itself, jobs that it follows (none), jobs of other phases)

=== phases: a result of a misspelt predecessor is no race
p: {jobs: {weigh: {job: a}, b: {after: wiegh, input: $results.weigh}, c: , d: }}
--> 5:46  state_machines.m.phases.p.jobs.b.after  no job of this phase has this name (got "wiegh"; allowed weigh, c, d; did you mean weigh?)

=== phases: what follows nobody knows what is no race, but its neighbours are judged
p: {jobs: {a: , b: {after: zzz, input: $results.a}, c: {after: b, input: $results.a}, d: {input: $results.a}}}
--> 5:34  state_machines.m.phases.p.jobs.b.after  no job of this phase has this name (got "zzz"; allowed a, c, d)
--> 5:104  state_machines.m.phases.p.jobs.d.input  is a race: a runs in the same phase, and d does not follow it (got "a"; allowed itself, jobs that it follows (none), jobs of other phases)

=== phases: a rule that is never met beside a cycle
p: {jobs: {a: , b: {after: a, run_if: all_skipped}, c: {after: d}, d: {after: c}}}
--> 5:45  state_machines.m.phases.p.jobs.b.run_if  can never run: no outcome of a meets its rule (got "all_skipped")
--> 5:70  state_machines.m.phases.p.jobs.c.after  is a cycle: c after d after c

=== phases: a race against a follower
p: {jobs: {a: {when: {results.b.x: 1}}, b: {after: a}, c: , d: }}
--> 5:42  state_machines.m.phases.p.jobs.a.when.results.b.x  is a race: b runs in the same phase, and a does not follow it (got "b"; allowed itself, jobs that it follows (none), jobs of other phases)
"""

STARTS = r"""
=== machine: two starts at fault are not the same
start: [{schedule: rate(1 hours)}, {schedule: every hour}, {event: {pattern: 5}}, {event: {pattern: [x]}}]
--> 4:24  state_machines.m.start[0].schedule  EventBridge wants the singular for 1 and the plural else (got "rate(1 hours)"; allowed hour)
--> 4:51  state_machines.m.start[1].schedule  is no schedule (got "every hour"; allowed rate(5 minutes), cron(0 8 ? * MON-FRI *))
--> 4:82  state_machines.m.start[2].event.pattern  must be an EventBridge pattern (got 5)
--> 4:105  state_machines.m.start[3].event.pattern  must be an EventBridge pattern (got ["x"])

=== machine: neither
start: [{input: 1}]
--> 4:13  state_machines.m.start[0]  needs either `schedule` or `event` (got neither)

=== machine: both
start: [{schedule: rate(1 hour), event: {pattern: {source: [x]}}}]
--> 4:13  state_machines.m.start[0]  needs either `schedule` or `event` (got schedule and event)

=== machine: a plural for one
start: [{schedule: rate(1 hours)}]
--> 4:24  state_machines.m.start[0].schedule  EventBridge wants the singular for 1 and the plural else (got "rate(1 hours)"; allowed hour)

=== machine: no schedule
start: [{schedule: every hour}]
--> 4:24  state_machines.m.start[0].schedule  is no schedule (got "every hour"; allowed rate(5 minutes), cron(0 8 ? * MON-FRI *))

=== machine: an unknown zone
start: [{schedule: rate(1 hour), timezone: Europe/Pari}]
--> 4:48  state_machines.m.start[0].timezone  unknown time zone (got "Europe/Pari"; allowed Europe/Paris and the like; did you mean Europe/Paris?)

=== machine: a zone of an event
start: [{event: {pattern: {source: [x]}}, timezone: Europe/Paris}]
--> 4:47  state_machines.m.start[0].timezone  belongs to a `schedule`

=== machine: an ARN for a bus
start: [{event: {bus: 'arn:aws:events:eu-west-1:1:event-bus/x', pattern: {source: [x]}}}]
--> 4:27  state_machines.m.start[0].event.bus  must be the name of a bus, not its ARN (got "arn:aws:events:eu-west-1:1:event-bus/x")

=== machine: no pattern
start: [{event: {bus: x}}]
--> 4:14  state_machines.m.start[0].event  the key `pattern` is missing

=== machine: a field that no event has
start: [{event: {pattern: {detail_type: [x]}}}]
--> 4:32  state_machines.m.start[0].event.pattern.detail_type  no event has this field (got "detail_type"; allowed source, detail-type, detail, account, region, resources, time, id, version; did you mean detail-type?)

=== machine: the same twice
start:
  - {schedule: rate(1 hour)}
  - {schedule: rate(1 hour)}
--> 6:9  state_machines.m.start[1]  is the same as the start on line 5

=== machine: a schema that is none
input_schema: {type: objct, properties: {x: {pattern: '('}}}
--> 4:26  state_machines.m.input_schema.type  is no valid JSON Schema: 'objct' is not valid under any of the given schemas (got "objct")
--> 4:59  state_machines.m.input_schema.properties.x.pattern  is no valid JSON Schema: '(' is not a 'regex' (got "(")

=== machine: a schema from elsewhere
input_schema: {$ref: 'https://example.com/x'}
--> 4:26  state_machines.m.input_schema.$ref  a schema is not fetched from elsewhere (got "https://example.com/x"; allowed #/$defs/…)

=== machine: a schema that refers to nothing
input_schema: {properties: {x: {$ref: '#/$defs/y'}, z: {$ref: '#/properties/x'}}}
--> 4:43  state_machines.m.input_schema.properties.x.$ref  there is no such place in this schema (got "#/$defs/y")

=== machine: an input that the schema refuses
input_schema: {required: [x]}
start: [{schedule: rate(1 hour), input: {y: 1}}, {schedule: rate(2 hours)}]
--> 5:45  state_machines.m.start[0].input  does not meet the input_schema: 'x' is a required property
--> 5:54  state_machines.m.start[1]  does not meet the input_schema: 'x' is a required property
"""


@pytest.mark.parametrize(
    ("name", "kind", "text", "expected"), [row for table in (GRAPH, EXPRESSIONS, STARTS) for row in rows(table)]
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(tmp_path, whole(kind, text)))[0] == expected, name


WARNINGS = r"""
=== jobs: an unused job
a: {code: job}
b: {code: job}
--> 3:3  jobs.b  is used by no state machine

=== phases: a rule without after, which a wait gives a meaning
p: {jobs: {a: {run_if: all_done}, b: {run_if: all_done, wait: 1m}, c: , d: }}
--> 5:30  state_machines.m.phases.p.jobs.a.run_if  has no effect without `after` (got "all_done")

=== phases: falling into a handler of failures
p: {jobs: {a: {on_failure: {to: r}}}}
q: {jobs: {b: , c: }}
r: {jobs: {d: }}
--> 6:7  state_machines.m.phases.q  falls through into r, which p reaches by `to`: say which is meant by `next: r` or `next: end`

=== phases: falling into a branch
p: {jobs: {a: }, next: [{when: {input.x: 1}, to: r}]}
q: {jobs: {b: , c: }}
r: {jobs: {d: }}
--> 6:7  state_machines.m.phases.q  falls through into r, which p reaches by `to`: say which is meant by `next: r` or `next: end`

=== phases: a loop is no fall-through
p: {jobs: {a: }}
q: {jobs: {b: , c: }, next: [{when: {input.x: 1}, to: q}]}
r: {jobs: {d: }, next: [{when: {input.x: 1}, to: q}]}

=== phases: failures that differ
p: {jobs: {a: , b: {on_failure: {to: q}}, c: {on_failure: continue}}}
q: {jobs: {d: }}
--> 5:7  state_machines.m.phases.p  falls through into q, which p reaches by `to`: say which is meant by `next: q` or `next: end`
--> 5:23  state_machines.m.phases.p.jobs.b  may fail together with a, whose on_failure differs (to q and fail): `fail` beats `to`, and of two `to` the first written wins

=== phases: failures that differ one after another
p: {jobs: {a: , b: {after: a, on_failure: {to: end}}}}
q: {jobs: {c: , d: }}

=== phases: a transition that is never taken
p: {jobs: {a: , b: , c: , d: }, next: [{to: p}, {to: end}]}
--> 5:55  state_machines.m.phases.p.next[1]  is never taken: the transition on line 5 has no `when`

=== phases: a rule that does not wait
p: {jobs: {a: , b: , c: {after: [a, b], run_if: one_success, input: $results.a.x}, d: }}
--> 5:75  state_machines.m.phases.p.jobs.c.input  may still be running when c starts: not every rule on the way waits for it (got "a")

=== phases: an ancestor behind an early skip
p: {jobs: {a: , b: , c: {after: [a, b]}, d: {after: c, run_if: all_done, input: $results.a.x}}}
--> 5:87  state_machines.m.phases.p.jobs.d.input  may still be running when d starts: not every rule on the way waits for it (got "a")

=== phases: an ancestor behind a success
p: {jobs: {a: , b: , c: {after: [a, b]}, d: {after: c, input: $results.a.x}}}

=== phases: a clean-up after a chain
p: {jobs: {a: , b: {after: a}, c: {after: b, run_if: all_done, input: $results.a.x}, d: }}

=== phases: a job that is left behind
p: {jobs: {a: , b: }, wait_for: any, next: [{when: {results.a.x: 1}, to: end}]}
q: {jobs: {c: {input: $results.b}, d: }}
--> 5:72  state_machines.m.phases.p.next[0].when.results.a.x  may still be running when this is read: `wait_for` of phase p does not wait for it (got "a")
--> 6:29  state_machines.m.phases.q.jobs.c.input  may still be running when this is read: `wait_for` of phase p does not wait for it (got "b")

=== phases: a job that is waited for
p: {jobs: {a: , b: {after: a}}, wait_for: b}
q: {jobs: {c: {input: $results.a}, d: }}

=== phases: a result of a later phase
p: {jobs: {a: {when: {results.c.x: 1}}, b: }}
q: {jobs: {c: , d: }}
--> 5:42  state_machines.m.phases.p.jobs.a.when.results.c.x  is never there when this is read: no way leads from phase q back to this place (got "c")

=== phases: a result of a later phase in a loop
p: {jobs: {a: {when: {results.c.x: 1}}, b: }}
q: {jobs: {c: , d: }, next: [{when: {input.x: 1}, to: p}]}

=== phases: its own result without a loop
p: {jobs: {a: {input: $results.a.x}, b: , c: , d: }}
--> 5:29  state_machines.m.phases.p.jobs.a.input  is never there when this is read: no way leads from phase p back to this place (got "a")

=== phases: all results at once
p: {jobs: {a: {input: $results}, b: , c: {after: a}, d: }}
--> 5:29  state_machines.m.phases.p.jobs.a.input  reads results as a whole, and b, d may run at the same time: name the jobs that are meant
"""


@pytest.mark.parametrize(("name", "kind", "text", "expected"), rows(WARNINGS))
def test_what_is_doubtful_is_a_warning_and_no_fault(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(tmp_path, whole(kind, text))) == ([], expected), name
