"""Jobs of every kind in the file: which keys go with which, what is checked of each, and what they become."""

# ruff: noqa: E501 (what is said stands on one line)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from phaseline.config import compile_definitions, json_schema, load
from phaseline.config.reading.job_kinds import JobKind
from phaseline.config.reading.runtimes import check_handler_in
from tests.support.config_files import loaded, rows, said, whole, write

CAPTAIN = "arn:aws:lambda:eu-west-1:111122223333:function:captain"
LAYER = "arn:aws:lambda:eu-west-1:111122223333:layer:boat"
ECR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/boats:1.2"

FAULTS = rf"""
=== jobs: none of the kinds
a: {{memory: 256}}
--> 2:3  jobs.a  the key `code` is missing, or `image`, or `function_arn`, or `function`

=== jobs: two kinds at once
a: {{code: job, image: job}}
--> 2:6  jobs.a  has two meanings (got code and image; allowed one of them)
--> 2:25  jobs.a.image  there is no Dockerfile in the folder (got "job")

=== jobs: what a function of somebody else's has of its own
a: {{function_arn: '{CAPTAIN}', memory: 512, environment: {{A1: b}}, runtime: python3.13}}
--> 2:79  jobs.a.memory  has no meaning beside `function_arn` (allowed beside code or image)
--> 2:92  jobs.a.environment  has no meaning beside `function_arn` (allowed beside code or image)
--> 2:114  jobs.a.runtime  has no meaning beside `function_arn` (allowed beside code)

=== jobs: what an image has in itself
a: {{image: boat, handler: index.handler, layers: []}}
--> 2:20  jobs.a.handler  has no meaning beside `image` (allowed beside code)
--> 2:44  jobs.a.layers  has no meaning beside `image` (allowed beside code)
--> 2:52  jobs.a.layers  must be a list of layers (got an empty one)

=== jobs: transactions and heartbeats without the runtime package
a: {{code: node, runtime: nodejs22.x, mongo: shop.orders, heartbeat: 10s}}
--> 2:40  jobs.a.mongo  has no meaning for code in another runtime: only Python has phaseline_runtime beside it
--> 2:60  jobs.a.heartbeat  has no meaning for code in another runtime: only Python has phaseline_runtime beside it

=== jobs: a heartbeat of a function of the app's
a: {{function: given, heartbeat: 10s}}
--> 2:24  jobs.a.heartbeat  has no meaning for a given function: only Python has phaseline_runtime beside it

=== jobs: one layer in two versions
a: {{code: job, layers: ['{LAYER}:1', 'arn:aws:lambda:eu-west-1:111122223333:layer:other:1', '{LAYER}:2']}}
--> 2:136  jobs.a.layers[2]  is another version of a layer that stands before, and a function takes one of each (got "{LAYER}:2")

=== jobs: one layer twice
a: {{code: job, layers: ['{LAYER}:1', '{LAYER}:1']}}
--> 2:81  jobs.a.layers[1]  is a layer that stands before, and a function takes one of each (got "{LAYER}:1")

=== jobs: what CloudFormation fills in, in templates alone
a: {{code: job, environment: {{QUEUE: 'of ${{AWS::AccountId}}'}}, policy: {{actions: 'sqs:*', resources: ['arn:aws:sqs:${{AWS::Region}}:111122223333:q', 'arn:aws:s3:::boats/${{aws:PrincipalTag/team}}']}}}}
--> 2:39  jobs.a.environment.QUEUE  has a name of CloudFormation's in it, which nobody fills in here (got "${{AWS::AccountId}}"; allowed `${{NAME}}`, with a value for NAME where the file is loaded)
--> 2:103  jobs.a.policy.resources[0]  has a name of CloudFormation's in it, which nobody fills in here (got "${{AWS::Region}}"; allowed `${{NAME}}`, with a value for NAME where the file is loaded)

=== jobs: conditions that IAM does not know
a: {{code: job, policy: {{actions: s3:GetObject, resources: '*', conditions: {{StringEqual: {{a: b}}, Bool: x, 'ForAnyValue:StringLikeIfExists': {{a: [b, {{}}], c: }}}}}}}}
--> 2:79  jobs.a.policy.conditions.StringEqual  unknown operator of IAM's (got "StringEqual"; allowed StringEquals, StringNotEquals, StringEqualsIgnoreCase, StringNotEqualsIgnoreCase, StringLike, StringNotLike, Bool, Null, BinaryEquals, IpAddress, NotIpAddress, ArnEquals, ArnNotEquals, ArnLike, ArnNotLike, NumericEquals, …; did you mean StringEquals?)
--> 2:106  jobs.a.policy.conditions.Bool  must be a mapping of condition keys (got "x"; allowed {{KEY: VALUE}}, such as {{aws:RequestedRegion: eu-west-1}})
--> 2:151  jobs.a.policy.conditions.ForAnyValue:StringLikeIfExists.a[1]  must be text, a number, true or false (got {{}})
--> 2:156  jobs.a.policy.conditions.ForAnyValue:StringLikeIfExists.c  must be text, a number, true or false (got null)

=== jobs: another word than given
a: {{function: captain}}
--> 2:17  jobs.a.function  unknown word (got "captain"; allowed given)

=== jobs: no ARN
a: {{function_arn: captain}}
--> 2:21  jobs.a.function_arn  is no ARN of a Lambda function (got "captain"; allowed arn:aws:lambda:REGION:ACCOUNT:function:NAME, with :ALIAS or :VERSION behind it)

=== jobs: the ARN of something else
a: {{function_arn: 'arn:aws:lambda:eu-west-1:111122223333:layer:boat:3'}}
--> 2:21  jobs.a.function_arn  is no ARN of a Lambda function (got "arn:aws:lambda:eu-west-1:111122223333:layer:boat:3"; allowed arn:aws:lambda:REGION:ACCOUNT:function:NAME, with :ALIAS or :VERSION behind it)

=== jobs: a timeout that no invoker outlives
a: {{function_arn: '{CAPTAIN}', timeout: 15m}}
--> 2:88  jobs.a.timeout  is too long (got "15m"; allowed 1s to 890s: Lambda ends a function after 900s, and 10s are kept to record the timeout)

=== jobs: an image without a Dockerfile
a: {{image: job}}
--> 2:14  jobs.a.image  there is no Dockerfile in the folder (got "job")

=== jobs: an image that is nowhere
a: {{image: bote}}
--> 2:14  jobs.a.image  there is no such folder (got "bote"; allowed a folder with a Dockerfile, ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG)

=== jobs: an image in ECR without a tag
a: {{image: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/boats}}
--> 2:14  jobs.a.image  is no image in Amazon ECR (got "111122223333.dkr.ecr.eu-west-1.amazonaws.com/boats"; allowed ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG, or @sha256:DIGEST)

=== jobs: a module of Node's that is not there
a: {{code: node, runtime: nodejs22.x, handler: main.run}}
--> 2:49  jobs.a.handler  there is no main.js in the folder, nor .mjs or .cjs (got "main.run")

=== jobs: handlers of Node that have no module or no function
a: {{code: node, runtime: nodejs22.x, handler: index}}
b: {{code: node, runtime: nodejs22.x, handler: ../node/index.handler}}
c: {{code: node, runtime: nodejs22.x, handler: lib/index.handler}}
d: {{code: node, runtime: nodejs22.x, handler: index.api.handler}}
e: {{code: node, runtime: nodejs22.x, handler: /opt/nodejs/node_modules/datadog-lambda-js/handler.handler}}
--> 2:49  jobs.a.handler  is no handler of Node's (got "index"; allowed module.function)
--> 3:49  jobs.b.handler  is no handler of Node's (got "../node/index.handler"; allowed module.function)
--> 4:49  jobs.c.handler  there is no lib/index.js in the folder, nor .mjs or .cjs (got "lib/index.handler")

=== jobs: a runtime without a usual handler
a: {{code: job, runtime: java21}}
--> 2:3  jobs.a  the key `handler` is missing: there is no usual one in java21

=== jobs: an archive of Python
a: {{code: boat.zip}}
--> 2:13  jobs.a.code  must be a folder, and is a file (got "boat.zip")

=== jobs: a layer without a version
a: {{code: job, layers: 'arn:aws:lambda:eu-west-1:111122223333:layer:boat'}}
--> 2:26  jobs.a.layers  is no ARN of a layer's version (got "arn:aws:lambda:eu-west-1:111122223333:layer:boat"; allowed arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION)

=== jobs: more layers than fit beside ours
a: {{code: job, layers: [&l 'arn:aws:lambda:eu-west-1:111122223333:layer:boat:1', *l, *l, *l, *l]}}
--> 2:18  jobs.a.layers  are more than Lambda takes (got 5 layers; allowed 4)

=== jobs: an architecture that there is not
a: {{code: job, architecture: arm}}
--> 2:32  jobs.a.architecture  unknown architecture (got "arm"; allowed arm64, x86_64; did you mean arm64?)

=== jobs: a variable twice
a: {{code: job, environment: {{KEY: x}}, secrets: {{KEY: phaseline/key}}}}
--> 2:51  jobs.a.secrets.KEY  is a variable of `environment`, too

=== jobs: a secret without a name
a: {{code: job, secrets: {{KEY: ''}}}}
--> 2:33  jobs.a.secrets.KEY  must be the name of a secret (got "")

=== jobs: a secret by half of its ARN
a: {{code: job, secrets: {{KEY: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:key'}}}}
--> 2:33  jobs.a.secrets.KEY  is no name of a secret, and not its whole ARN (got "arn:aws:secretsmanager:eu-west-1:111122223333:secret:key"; allowed letters, digits and / _ + = . @ -, or an ARN with the six characters that AWS has put at its end)

=== jobs: more kept warm than may run
a: {{code: job, reserved_concurrency: 2, provisioned_concurrency: 3}}
--> 2:68  jobs.a.provisioned_concurrency  is above the reserved_concurrency (got 3; allowed 1 to 2)

=== jobs: none at once
a: {{code: job, reserved_concurrency: 0}}
--> 2:40  jobs.a.reserved_concurrency  must be a whole number (got 0; allowed 1 to 100000 at once)

=== jobs: a statement that allows everything
a: {{code: job, policy: {{actions: '*', resources: '*'}}}}
--> 2:36  jobs.a.policy.actions  is no action of IAM's (got "*"; allowed service:Action, such as s3:GetObject or s3:Get*)

=== jobs: a statement on nothing
a: {{code: job, policy: [{{actions: s3:GetObject, resources: boats}}]}}
--> 2:62  jobs.a.policy[0].resources  is no resource of a policy (got "boats"; allowed an ARN, *)

=== jobs: a tag of AWS's own
a: {{code: job, tags: {{'aws:team': sea}}}}
--> 2:25  jobs.a.tags.aws:team  begins with aws:, which is kept for AWS's own tags (got "aws:team")

=== jobs: a tag's value
a: {{code: job, tags: {{team: 'sea!'}}}}
--> 2:31  jobs.a.tags.team  is no value of a tag (got "sea!"; allowed 256 letters, digits, spaces and . : / = + - @ _ at most)

=== jobs: a tag's value with a line break, and one with letters of another alphabet
a: {{code: job, tags: {{team: "sea\n", town: "Tromsø 北"}}}}
--> 2:31  jobs.a.tags.team  is no value of a tag (got "sea\n"; allowed 256 letters, digits, spaces and . : / = + - @ _ at most)

=== jobs: two tags that are one on a role
a: {{code: job, tags: {{Team: sea, owner: Quint, team: land}}}}
--> 2:50  jobs.a.tags.team  differs from `Team` in upper and lower case alone, which are one key on a role (got "team")

=== jobs: a mode of tracing
a: {{code: job, tracing: on}}
--> 2:27  jobs.a.tracing  unknown mode (got "on"; allowed active, pass_through)
"""


def prepared(folder: Path) -> Path:
    for place, file in (("node", "index.mjs"), ("boat", "Dockerfile")):
        (folder / place).mkdir()
        (folder / place / file).touch()
    for archive in ("boat.zip", "boat.jar"):
        (folder / archive).touch()
    return folder


@pytest.mark.parametrize(("name", "kind", "text", "expected"), rows(FAULTS))
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, kind: str, text: str, expected: list[str]
) -> None:
    assert said(write(prepared(tmp_path), whole(kind, text)))[0] == expected, name


JOBS = f"""\
jobs:
  plain: {{code: job}}
  node: {{code: node, runtime: nodejs22.x, memory: 512}}
  jar: {{code: boat.jar, runtime: java21, handler: "boats.Handler::handle"}}
  docker: {{image: boat, architecture: x86_64, environment: {{A1: b}}}}
  ecr: {{image: "{ECR}"}}
  alias: {{function_arn: "{CAPTAIN}:live", reserved_concurrency: 5}}
  app: {{function: given, tags: {{team: sea}}, timeout: 2m}}
state_machines:
  m: {{phases: {{p: {{jobs: {{plain: , node: , jar: , docker: , ecr: , alias: , app: }}}}}}}}
"""


def schema_accepts(text: str) -> bool:
    document: Any = json.loads(json.dumps(YAML(typ="safe", pure=True).load(text)))
    return bool(jsonschema.Draft202012Validator(json_schema()).is_valid(document))


def test_each_kind_is_known_by_its_key_and_its_runtime(tmp_path: Path) -> None:
    jobs = load(write(prepared(tmp_path), JOBS), values={}).jobs
    assert {name: job.kind for name, job in jobs.items()} == {
        "plain": JobKind.PYTHON,
        "node": JobKind.CODE,
        "jar": JobKind.CODE,
        "docker": JobKind.IMAGE,
        "ecr": JobKind.IMAGE,
        "alias": JobKind.EXISTING,
        "app": JobKind.GIVEN,
    }
    assert [name for name, job in jobs.items() if not job.kind.invoked] == ["plain"]
    assert {name: job.handler for name, job in jobs.items() if job.handler} == {
        "plain": "handler.handler",
        "node": "index.handler",
        "jar": "boats.Handler::handle",
    }
    assert (jobs["docker"].image, jobs["ecr"].image) == (str(tmp_path / "boat"), ECR)
    assert jobs["alias"].function_arn == f"{CAPTAIN}:live"
    assert (jobs["alias"].reserved_concurrency, jobs["app"].tags) == (5, {"team": "sea"})


def test_the_schema_knows_which_keys_go_together() -> None:
    assert schema_accepts(JOBS)
    for old, new in (
        ("{code: job}", "{}"),
        ("{code: job}", "{code: job, image: boat}"),
        ("{image: boat,", "{image: boat, handler: a.b,"),
        ("{function: given,", "{function: given, memory: 512,"),
        ("runtime: nodejs22.x", "runtime: nodejs6.10"),
        ("{code: job}", "{code: job, policy: {actions: s3:GetObject}}"),
    ):
        assert old in JOBS
        assert not schema_accepts(JOBS.replace(old, new)), new


def test_defaults_say_what_jobs_do_not(tmp_path: Path) -> None:
    text = f"defaults: {{runtime: nodejs24.x, architecture: x86_64, tracing: active}}\n{JOBS}"
    text = text.replace("{code: job}", "{code: node, tracing: pass_through, architecture: arm64}")
    jobs = load(write(prepared(tmp_path), text), values={}).jobs
    assert (jobs["plain"].kind, jobs["plain"].traced, jobs["plain"].architecture) == (JobKind.CODE, False, "arm64")
    assert (jobs["docker"].traced, jobs["node"].architecture) == (True, "x86_64")


def test_a_heartbeat_that_others_need_is_none_for_what_is_invoked(tmp_path: Path) -> None:
    text = f"defaults: {{heartbeat: 10s}}\n{JOBS}"
    definition = compile_definitions(load(write(prepared(tmp_path), text), values={}))["m"]
    beating = {use.name for phase in definition.phases for use in phase.jobs if use.heartbeat is not None}
    assert beating == {"plain"}


def test_a_heartbeat_that_is_asked_of_what_is_invoked_is_a_fault(tmp_path: Path) -> None:
    text = JOBS.replace("app: }", "app: {heartbeat: 10s}}")
    place = "state_machines.m.phases.p.jobs.app.heartbeat"
    assert said(write(prepared(tmp_path), text))[0] == [
        f"10:83  {place}  job app is invoked, and cannot say that it is alive: only Python can"
    ]


def test_everything_that_a_function_can_have_of_its_own(tmp_path: Path) -> None:
    layer = "arn:aws:lambda:eu-west-1:111122223333:layer:boat:7"
    text = f"""
a:
  code: job
  architecture: x86_64
  layers: {layer}
  secrets: {{KEY: phaseline/key}}
  reserved_concurrency: 3
  provisioned_concurrency: 2
  tracing: active
  tags: {{team: sea, cost center: 42}}
  policy:
    - {{actions: [s3:GetObject, "s3:List*"], resources: "arn:aws:s3:::boats/*"}}
    - {{actions: xray:PutTraceSegments, resources: "*", conditions: {{Bool: {{"aws:SecureTransport": true}}}}}}
"""
    job = loaded(tmp_path, "jobs", text.strip()).jobs["a"]
    assert (job.architecture, job.layers, job.secrets) == ("x86_64", (layer,), {"KEY": "phaseline/key"})
    assert (job.reserved_concurrency, job.provisioned_concurrency, job.traced) == (3, 2, True)
    assert job.tags == {"team": "sea", "cost center": "42"}
    first, second = job.policy
    assert (first.actions, first.resources) == (("s3:GetObject", "s3:List*"), ("arn:aws:s3:::boats/*",))
    assert second.conditions == {"Bool": {"aws:SecureTransport": True}}


def test_more_secrets_than_a_role_takes_are_refused(tmp_path: Path) -> None:
    prepared(tmp_path)

    def faults(count: int, more: str = "") -> list[str]:
        secrets = ", ".join(f"TOKEN{number}: prod/service/name-{number}" for number in range(100, 100 + count))
        return said(write(tmp_path, whole("jobs", f"a: {{code: job, secrets: {{{secrets}}}{more}}}")))[0]

    assert faults(72) == []
    said_of_secrets = "jobs.a.secrets  need a longer policy than IAM allows: put some of them into one secret"
    assert faults(73) == [f"2:18  {said_of_secrets} (got 8103 characters; allowed 8000)"]
    policy = ", policy: {actions: [s3:GetObject, s3:PutObject], resources: 'arn:aws:s3:::a-bucket-of-boats-and-nets/*'}"
    assert faults(72, policy) == [f"2:18  {said_of_secrets} (got 8111 characters with `policy`; allowed 8000)"]


def test_an_arn_of_the_environment_is_checked_once_it_is_filled_in(tmp_path: Path) -> None:
    file = write(tmp_path, whole("jobs", 'a: {function_arn: "${CAPTAIN}"}'))
    assert said(file) == ([], [])
    assert load(file, values={"CAPTAIN": CAPTAIN}).jobs["a"].function_arn == CAPTAIN
    assert said(file, {"CAPTAIN": "captain"})[0][0].startswith("2:21  jobs.a.function_arn  is no ARN")


@pytest.mark.parametrize("file", ["src/boat.js", "src/boat.mjs", "src/boat.cjs", "src/boat/index.js"])
def test_a_handler_of_node_is_looked_for_where_node_does(tmp_path: Path, file: str) -> None:
    assert check_handler_in("nodejs22.x", tmp_path, "src/boat.rent.handler") is not None
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    assert check_handler_in("nodejs22.x", tmp_path, "src/boat.rent.handler") is None
    assert check_handler_in("nodejs22.x", tmp_path, "boat.rent.handler") is not None
