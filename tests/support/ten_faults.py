"""Files with ten faults of varied kinds each, as users make them, and what is to be said of each."""

# ruff: noqa: E501 (what is said stands on one line)

from __future__ import annotations

JOBS_AND_GRAPHS = """\
jobs:
  fetch: {code: job, memory: "512", retry: {max_attempts: -1}}
  pack: {code: jobs}
  pack: {code: job}
  ship:
    code: job
    timeout: 20m
state_machines:
  order:
    phases:
      one:
        jobs:
          fetch: {wait: 5 min}
          shipp: {after: fetch, inptu: 3}
      two:
        jobs:
          again: {job: fetch, after: third}
          third: {job: fetch, after: again}
          racer: {job: ship, input: {x: "$results.runner.y"}}
          runner: {job: ship}
"""

JOBS_AND_GRAPHS_SAID = """\
2:30  jobs.fetch.memory  must be a whole number (got "512"; allowed 128 to 10240 MB)
2:59  jobs.fetch.retry.max_attempts  must be a whole number (got -1; allowed 0 to 99999999 retries)
3:16  jobs.pack.code  there is no such folder (got "jobs"; did you mean job?)
4:3  jobs.pack  the key occurs twice (first on line 3)
7:14  jobs.ship.timeout  is too long (got "20m"; allowed 1s to 890s: Lambda ends a function after 900s, and 10s are kept to record the timeout)
13:25  state_machines.order.phases.one.jobs.fetch.wait  must say how long to wait (got "5 min"; allowed 30s, 10m, 1h, 90d or whole seconds, {until: …})
14:11  state_machines.order.phases.one.jobs.shipp  unknown job (got "shipp"; allowed fetch, pack, ship; did you mean ship?)
14:33  state_machines.order.phases.one.jobs.shipp.inptu  unknown key (got "inptu"; allowed job, after, run_if, when, input, wait, compensate, timeout, retry, start_timeout, heartbeat, on_failure; did you mean input?)
17:38  state_machines.order.phases.two.jobs.again.after  is a cycle: again after third after again
19:41  state_machines.order.phases.two.jobs.racer.input.x  is a race: runner runs in the same phase, and racer does not follow it (got "runner"; allowed itself, jobs that it follows (none), jobs of other phases)
"""

EXPRESSIONS = """\
jobs:
  a: {code: job}
  b: {code: job, compensate: a}
state_machines:
  m:
    deadline: soon
    phases:
      p:
        when: {$where: "true"}
        jobs:
          a:
          b: {after: a, input: {$function: {body: f, args: [], lang: js}}}
          c: {job: a, input: {$lookup: {from: others}}}
          d: {job: a, when: {results.b.kilos: 1}}
          e: {job: a, when: {input.age: {$gtee: 18}}}
          f: {job: a, after: a, run_if: all_skipped}
        next: [{when: {visits.q: {$lt: 3}}, to: p}, {to: end}]
      lost:
        jobs: {g: {job: a, input: "$currentPhase"}}
"""

EXPRESSIONS_SAID = """\
3:18  jobs.b.compensate  not supported yet
6:15  state_machines.m.deadline  must be a duration (got "soon"; allowed 30s, 10m, 1h, 90d or whole seconds)
9:16  state_machines.m.phases.p.when.$where  $where runs JavaScript, which is refused (got "$where"; allowed $and, $or, $nor, $expr, $jsonSchema, $comment, $sampleRate)
12:33  state_machines.m.phases.p.jobs.b.input.$function  $function runs JavaScript, which is refused (got "$function"; allowed expression operators)
13:31  state_machines.m.phases.p.jobs.c.input.$lookup  $lookup reads or writes other collections, which is refused (got "$lookup"; allowed expression operators)
14:47  state_machines.m.phases.p.jobs.d.when.results.b.kilos  is a race: b runs in the same phase, and d does not follow it (got "b"; allowed itself, jobs that it follows (none), jobs of other phases)
15:42  state_machines.m.phases.p.jobs.e.when.input.age.$gtee  unknown operator (got "$gtee"; did you mean $gte?)
16:41  state_machines.m.phases.p.jobs.f.run_if  can never run: no outcome of a meets its rule (got "all_skipped")
17:24  state_machines.m.phases.p.next[0].when.visits.q  unknown phase (got "q"; allowed p, lost)
19:35  state_machines.m.phases.lost.jobs.g.input  reads a field that conditions cannot see (got "currentPhase"; allowed input, results, errors, visits)
"""

WRONG_TYPES = """\
defaults: [256]
jobs:
  9a: {code: job}
  b: {code: 5}
  d: {code: job, timeout: 1 hour}
state_machines:
  m:
    start: [{schedule: "rate(1 hours)"}, {schedule: "cron(* * *)"}]
    phases:
      p: {jobs: [b]}
      q: {jobs: {b: {after: 1}}}
notifications: [{to: pigeon, events: [job.lost]}]
"""

WRONG_TYPES_SAID = """\
1:11  defaults  must be the defaults of all jobs, a mapping (got [256]; allowed runtime, memory, architecture, tracing, timeout, retry, start_timeout, heartbeat, on_failure)
3:3  jobs.9a  is no name for a job (got "9a"; allowed a letter, then letters, digits, `_` and `-`, 64 characters at most)
4:13  jobs.b.code  must be text (got 5)
5:27  jobs.d.timeout  must be a duration (got "1 hour"; allowed 30s, 10m, 1h, 90d or whole seconds)
8:24  state_machines.m.start[0].schedule  EventBridge wants the singular for 1 and the plural else (got "rate(1 hours)"; allowed hour)
8:53  state_machines.m.start[1].schedule  a cron has six fields: minutes, hours, day of month, month, day of week, year (got 3 in "cron(* * *)")
10:17  state_machines.m.phases.p.jobs  must be a mapping of job names (got ["b"])
11:29  state_machines.m.phases.q.jobs.b.after  must be a name (got 1)
12:22  notifications[0].to  unknown channel (got "pigeon"; allowed log, webhook, slack)
12:39  notifications[0].events[0]  unknown event (got "job.lost"; allowed job.waiting, job.triggered, job.started, job.heartbeat, job.success, job.failed, job.skipped, job.cancelled, job.late, job.*; did you mean job.late?)
"""

FILES = {
    "jobs and graphs": (JOBS_AND_GRAPHS, JOBS_AND_GRAPHS_SAID),
    "expressions": (EXPRESSIONS, EXPRESSIONS_SAID),
    "wrong types": (WRONG_TYPES, WRONG_TYPES_SAID),
}
"""The files by what is wrong in them: the text, and what is said, a line each, without the file's name."""
