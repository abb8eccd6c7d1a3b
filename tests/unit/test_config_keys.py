"""Keys, names and values as tables: a file each, and every line that is said of it."""

# ruff: noqa: E501 (what is said stands on one line)

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.config_files import rows, said, whole, write

KEYS = r"""
=== file: unknown key of the file
notification: []
--> 5:1  notification  unknown key (got "notification"; allowed defaults, jobs, state_machines, notifications; did you mean notifications?)

=== jobs: unknown key of a job
a: {code: job, retires: 3}
--> 2:18  jobs.a.retires  unknown key (got "retires"; allowed code, image, function_arn, function, handler, runtime, memory, architecture, layers, filter, environment, secrets, policy, reserved_concurrency, provisioned_concurrency, tracing, …; did you mean retry?)

=== machine: unknown key of a machine
strat: []
--> 4:5  state_machines.m.strat  unknown key (got "strat"; allowed phases, start, input_schema, description, deadline, retention, timeout, retry, start_timeout, heartbeat, on_failure; did you mean start?)

=== phases: unknown key of a phase
p: {jbos: {a: }, jobs: {a: , b: , c: , d: }}
--> 5:11  state_machines.m.phases.p.jbos  unknown key (got "jbos"; allowed jobs, when, next, wait_for, description, deadline, wait, fail, succeed, timeout, retry, start_timeout, heartbeat, on_failure; did you mean jobs?)

=== phases: unknown key of a use
p: {jobs: {a: , b: {afer: a}, c: , d: }}
--> 5:27  state_machines.m.phases.p.jobs.b.afer  unknown key (got "afer"; allowed job, after, run_if, when, input, wait, compensate, timeout, retry, start_timeout, heartbeat, on_failure; did you mean after?)

=== phases: unknown key of a transition
p: {jobs: {a: , b: , c: , d: }, next: [{if: {}, to: end}]}
--> 5:47  state_machines.m.phases.p.next[0].if  unknown key (got "if"; allowed when, to)

=== file: unknown key of defaults
defaults: {memroy: 256}
--> 5:12  defaults.memroy  unknown key (got "memroy"; allowed runtime, memory, architecture, tracing, timeout, retry, start_timeout, heartbeat, on_failure; did you mean memory?)

=== whole: missing sections
defaults: {memory: 256}
--> 1:1  the key `jobs` is missing
--> 1:1  the key `state_machines` is missing

=== jobs: missing code
a: {memory: 256}
--> 2:3  jobs.a  the key `code` is missing, or `image`, or `function_arn`, or `function`

=== whole: missing phases
jobs: {a: {code: job}, b: {code: job}, c: {code: job}, d: {code: job}}
state_machines:
  m:
    description: x
--> 3:3  state_machines.m  the key `phases` is missing

=== phases: missing jobs of a phase
p: {jobs: {a: , b: , c: , d: }}
q: {next: end}
--> 6:7  state_machines.m.phases.q  the key `jobs` is missing, or `wait`, or `fail`, or `succeed`

=== phases: missing target
p: {jobs: {a: , b: , c: , d: }, next: [{when: {input.x: 1}}]}
--> 5:46  state_machines.m.phases.p.next[0]  the key `to` is missing

=== jobs: a key without a value
a: {code: }
--> 2:7  jobs.a.code  the key has no value

=== whole: a section without entries
jobs: {}
state_machines:
--> 1:7  jobs  must be a mapping of job names (got an empty one)
--> 2:1  state_machines  must be a mapping of state machine names (got null)

=== jobs: a job that is no mapping
a: job
--> 2:6  jobs.a  must be a job, a mapping (got "job"; allowed code, image, function_arn, function, handler, runtime, memory, architecture, layers, filter, environment, secrets, policy, reserved_concurrency, provisioned_concurrency, tracing, …)

=== jobs: a key twice
a: {code: job, code: job}
--> 2:18  jobs.a.code  the key occurs twice (first on line 2)
"""

NAMES = r"""
=== phases: a name with a dot
p: {jobs: {a: , b: , c: , d: , 'a.b': {job: a}}}
--> 5:38  state_machines.m.phases.p.jobs.a.b  is no name for a job (got "a.b"; allowed a letter, then letters, digits, `_` and `-`, 64 characters at most)

=== phases: a name that is too long
p: {jobs: {a: , b: , c: , d: , xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: {job: a}}}
--> 5:38  state_machines.m.phases.p.jobs.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx  is no name for a job (got "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…; allowed a letter, then letters, digits, `_` and `-`, 64 characters at most)

=== phases: a phase called end
p: {jobs: {a: , b: , c: , d: }}
end: {jobs: {x: {job: a}}}
--> 6:7  state_machines.m.phases.end  the name `end` is kept for the end of the execution (got "end")

=== phases: a name from the environment
p: {jobs: {a: , b: {after: "${X}"}, c: , d: }}
--> 5:34  state_machines.m.phases.p.jobs.b.after  a name cannot come from the environment (got "${X}")

=== phases: a name twice in a machine
p: {jobs: {a: , b: , c: , d: }}
q: {jobs: {a: }}
--> 6:18  state_machines.m.phases.q.jobs.a  occurs twice in this state machine (first on line 5, in phase p); give it a name of its own: `another_name: {job: a}`

=== phases: an unknown job
p: {jobs: {a: , b: , c: , d: , bb: }}
--> 5:38  state_machines.m.phases.p.jobs.bb  unknown job (got "bb"; allowed a, b, c, d; did you mean b?)

=== phases: an unknown job by its key
p: {jobs: {a: , b: , c: , d: , x: {job: bb}}}
--> 5:47  state_machines.m.phases.p.jobs.x.job  unknown job (got "bb"; allowed a, b, c, d; did you mean b?)
"""

VALUES = r"""
=== jobs: memory too small
a: {code: job, memory: 64}
--> 2:26  jobs.a.memory  must be a whole number (got 64; allowed 128 to 10240 MB)

=== jobs: memory as text
a: {code: job, memory: 256MB}
--> 2:26  jobs.a.memory  must be a whole number (got "256MB"; allowed 128 to 10240 MB)

=== jobs: memory true
a: {code: job, memory: true}
--> 2:26  jobs.a.memory  must be a whole number (got true; allowed 128 to 10240 MB)

=== jobs: a bad duration
a: {code: job, timeout: 30 sec}
--> 2:27  jobs.a.timeout  must be a duration (got "30 sec"; allowed 30s, 10m, 1h, 90d or whole seconds)

=== jobs: a timeout of nothing
a: {code: job, timeout: 0}
--> 2:27  jobs.a.timeout  is too short (got 0; allowed 1s to 890s: Lambda ends a function after 900s, and 10s are kept to record the timeout)

=== jobs: a timeout above Lambda's
a: {code: job, timeout: 15m}
--> 2:27  jobs.a.timeout  is too long (got "15m"; allowed 1s to 890s: Lambda ends a function after 900s, and 10s are kept to record the timeout)

=== jobs: a runtime that there is not
a: {code: job, runtime: python3.9}
--> 2:27  jobs.a.runtime  unknown runtime (got "python3.9"; allowed python3.11, python3.12, python3.13, python3.14, nodejs22.x, nodejs24.x, java11, java17, java21, java25, dotnet8, dotnet10, ruby3.3, ruby3.4, ruby4.0, provided.al2, …; did you mean python3.14?)

=== jobs: a handler without a module
a: {code: job, handler: handler}
--> 2:27  jobs.a.handler  must be a handler (got "handler"; allowed module.function)

=== jobs: an environment that is no mapping
a: {code: job, environment: [x]}
--> 2:31  jobs.a.environment  must be a mapping of texts (got ["x"])

=== jobs: a variable of Lambda's
a: {code: job, environment: {AWS_REGION: x, PHASELINE_X: y, 1x: z, AWS_LAMBDA_RUNTIME_API: x, AWS_LAMBDA_EXEC_WRAPPER: /opt/otel}}
--> 2:32  jobs.a.environment.AWS_REGION  is a variable that Lambda sets itself (got "AWS_REGION")
--> 2:47  jobs.a.environment.PHASELINE_X  begins with PHASELINE_, which is kept for Phaseline's own variables (got "PHASELINE_X")
--> 2:63  jobs.a.environment.1x  is no name of a variable in Lambda (got "1x"; allowed a letter, then letters, digits and `_`, two characters at least)
--> 2:70  jobs.a.environment.AWS_LAMBDA_RUNTIME_API  is a variable that Lambda sets itself (got "AWS_LAMBDA_RUNTIME_API")

=== jobs: a variable that a template takes for a reference
a: {code: job, environment: {Ref: boat, REF: boat}}
--> 2:32  jobs.a.environment.Ref  is a word of CloudFormation's (got "Ref"; allowed another name)

=== jobs: a variable that is a list
a: {code: job, environment: {LIST: [1]}}
--> 2:38  jobs.a.environment.LIST  must be text (got [1])

=== jobs: an unknown action
a: {code: job, on_failure: fial}
--> 2:30  jobs.a.on_failure  must be an action (got "fial"; allowed fail, continue, {to: PHASE}, [{errors: […], to: PHASE}, …]; did you mean fail?)

=== jobs: a description that is too long
a: {code: job, description: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}
--> 2:31  jobs.a.description  is longer than Lambda allows (got 257 characters; allowed 256)

=== jobs: a description that is a number
a: {code: job, description: 5}
--> 2:31  jobs.a.description  must be text (got 5)
"""

LATER = r"""
=== jobs: of a job
a: {code: job, callback: true, compensate: b}
--> 2:18  jobs.a.callback  not supported yet
--> 2:34  jobs.a.compensate  not supported yet

=== machine: of a machine
compensate: b
--> 4:5  state_machines.m.compensate  not supported yet

=== phases: of a phase
p: {jobs: {a: , b: , c: , d: }, for_each: $input.x}
--> 5:39  state_machines.m.phases.p.for_each  not supported yet

=== phases: of a use
p: {jobs: {a: {for_each: $input.x, callback: true}, b: , c: , d: }}
--> 5:22  state_machines.m.phases.p.jobs.a.for_each  not supported yet
--> 5:42  state_machines.m.phases.p.jobs.a.callback  not supported yet

=== file: of the file
retention: 90d
--> 5:1  retention  not supported yet
"""

CODE = r"""
=== jobs: a folder that there is not
a: {code: jbo}
--> 2:13  jobs.a.code  there is no such folder (got "jbo"; did you mean job?)

=== jobs: a file
a: {code: job/handler.py}
--> 2:13  jobs.a.code  must be a folder, and is a file (got "job/handler.py")

=== jobs: a module that there is not
a: {code: job, handler: main.handler}
--> 2:27  jobs.a.handler  there is no main.py in the folder (got "main.handler"; did you mean handler.handler?)

=== jobs: a function that there is not
a: {code: job, handler: handler.handel}
--> 2:27  jobs.a.handler  handler.py defines no `handel` (got "handler.handel"; allowed handler, one; did you mean handler?)

=== jobs: a function with one argument
a: {code: job, handler: handler.one}
--> 2:27  jobs.a.handler  `one` in handler.py cannot be called as a handler (got (input); allowed (input, context) or (input, context, session))
"""

FILTERS = r"""
=== jobs: a leaf that is no list
a: {code: job, filter: {region: eu}}
--> 2:35  jobs.a.filter.region  not a list of values (got "eu"; allowed a list of texts, numbers, true, false, null and operators, such as ["eu-west-1", {prefix: us-}])

=== jobs: an unknown operator
a: {code: job, filter: {region: [{prefx: eu-}]}}
--> 2:37  jobs.a.filter.region[0].prefx  unknown operator (got "prefx"; allowed anything-but, cidr, equals-ignore-case, exists, numeric, prefix, suffix, wildcard; did you mean prefix?)

=== jobs: a null
a: {code: job, filter: {region: [null]}}
--> 2:36  jobs.a.filter.region[0]  CloudFormation cannot carry a null (got null; allowed {exists: false}, or another value)

=== jobs: a number that a template would round
a: {code: job, filter: {id: [9007199254740991, -9007199254740992, {exists: true}]}}
--> 2:50  jobs.a.filter.id[1]  CloudFormation cannot carry such a number exactly (got -9007199254740992; allowed -9007199254740991 to 9007199254740991, or a text)

=== jobs: a name that a template takes for a reference
a: {code: job, filter: {Ref: [x], Refs: [x], boat: {"Fn::If": {x: [1]}}, __proto__: [1]}}
--> 2:27  jobs.a.filter.Ref  CloudFormation and CDK take this name for something of their own (got "Ref"; allowed another name for the field)
--> 2:55  jobs.a.filter.boat.Fn::If  CloudFormation and CDK take this name for something of their own (got "Fn::If"; allowed another name for the field)
--> 2:76  jobs.a.filter.__proto__  CloudFormation and CDK take this name for something of their own (got "__proto__"; allowed another name for the field)

=== jobs: names in a filter that are taken for something else where they stand alone, and in jsii
a: {code: job, filter: {boat: {Condition: [x]}, crew: {Condition: [x], size: [1]}, mate: {$jsii.map: [x]}}}
--> 2:34  jobs.a.filter.boat.Condition  CloudFormation and CDK take this name for something of their own (got "Condition"; allowed another name for the field)
--> 2:93  jobs.a.filter.mate.$jsii.map  CloudFormation and CDK take this name for something of their own (got "$jsii.map"; allowed another name for the field)

=== jobs: no mapping
a: {code: job, filter: [x]}
--> 2:26  jobs.a.filter  must be an EventBridge pattern (got ["x"])
"""

NOTIFICATIONS = r"""
=== file: an unknown channel
notifications: [{to: slak, events: ['*']}]
--> 5:22  notifications[0].to  unknown channel (got "slak"; allowed log, webhook, slack; did you mean slack?)

=== file: an unknown event
notifications: [{to: log, events: [job.faild, jobs.failed]}]
--> 5:36  notifications[0].events[0]  unknown event (got "job.faild"; allowed job.waiting, job.triggered, job.started, job.heartbeat, job.success, job.failed, job.skipped, job.cancelled, job.late, job.*; did you mean job.failed?)
--> 5:47  notifications[0].events[1]  unknown event (got "jobs.failed"; allowed execution.*, phase.*, job.*, * and single ones such as execution.failed; did you mean job.failed?)

=== file: no events
notifications: [{to: log}]
--> 5:17  notifications[0]  the key `events` is missing

=== file: a webhook without an address
notifications: [{to: webhook, events: ['*']}]
--> 5:17  notifications[0]  webhook needs either `url` or `url_secret` (got neither)

=== file: a log with an address
notifications: [{to: log, url: 'https://x.org', events: ['*']}]
--> 5:27  notifications[0].url  has no meaning for `to: log`

=== file: a secret without a name
notifications: [{to: webhook, url_secret: '', events: ['*']}]
--> 5:43  notifications[0].url_secret  must be the name of a secret (got "")

=== file: an address that is none
notifications: [{to: webhook, url: x.org, events: ['*']}]
--> 5:36  notifications[0].url  must be a URL (got "x.org"; allowed https://…, http://…)
"""


@pytest.mark.parametrize(
    ("name", "kind", "text", "expected"),
    [row for table in (KEYS, NAMES, VALUES, LATER, CODE, FILTERS, NOTIFICATIONS) for row in rows(table)],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(tmp_path, whole(kind, text)))[0] == expected, name


LONG = [
    (
        "a: {code: job, environment: {LONG: %s}}",
        "2:18  jobs.a.environment  is larger than Lambda allows: keep what is long in a secret or a parameter that the "
        "code reads (got 4004 bytes; allowed 3500 bytes)",
    ),
    (
        "a: {code: job, filter: {x: [%s]}}",
        "2:18  jobs.a.filter  makes the pattern of the job's rule too long: match by fewer values, or by a `prefix` "
        "(got 4144 characters; allowed 2048)",
    ),
    (
        "a: {code: job, description: %s}",
        "2:31  jobs.a.description  is longer than Lambda allows (got 4000 characters; allowed 256)",
    ),
]


@pytest.mark.parametrize(("text", "expected"), LONG)
def test_what_aws_has_no_room_for_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert said(write(tmp_path, whole("jobs", text % ("x" * 4000))))[0] == [expected]


def test_a_pattern_is_measured_in_characters_however_they_are_encoded(tmp_path: Path) -> None:
    assert said(write(tmp_path, whole("jobs", "a: {code: job, filter: {x: [%s]}}" % ("ü" * 1_800))))[0] == []
