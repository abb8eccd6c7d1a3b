"""With policies enforced: everything works with what the roles allow, and each thing that they allow is needed.

The emulator evaluates what a function asks for under its own role. What AWS does itself with a role (it writes the log,
takes messages for a function, sends what failed, starts by a schedule), the emulator does without asking: for those,
each statement is tried with the role's own credentials.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from phaseline_runtime.client import Execution
from tests.support.deployment import APP, BUS, DATABASE, Deployment
from tests.support.waiting import until

MONGO, CHANNEL = "phaseline/local/mongo", "phaseline/local/channel"
TIMEOUT = 60

CONFIG: dict[str, Any] = {
    "jobs": {"work": {"code": "jobs/work"}},
    "state_machines": {
        "trip": {
            "start": [{"schedule": "cron(0 6 1 1 ? 2099)", "timezone": "Europe/Berlin"}],
            "phases": {
                "first": {"jobs": {"work": None}},
                "second": {"wait": "2s", "jobs": {"again": {"job": "work"}}},
            },
        },
        "patient": {"phases": {"only": {"wait": "10m", "jobs": {"later": {"job": "work"}}}}},
    },
    "notifications": [{"to": "webhook", "url_secret": CHANNEL, "events": ["execution.success"]}],
}
WORK = """
import phaseline_runtime


def handler(event, context):
    attempt = phaseline_runtime.current()
    with open(RUNS, "a") as runs:
        runs.write(f"{attempt.execution} {attempt.name} {attempt.attempt}\\n")
"""
SECRET_APP = APP.replace('MongoConnection.uri(os.environ["PHASELINE_MONGO_URI"])', f'MongoConnection.secret("{MONGO}")')


@dataclass
class Listener:
    """What has arrived at a webhook."""

    url: str
    received: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    """What migrations_job has answered to CloudFormation."""


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.put_into(heard.received)

        def do_PUT(self) -> None:
            self.put_into(heard.answers)

        def put_into(self, place: list[dict[str, Any]]) -> None:
            place.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    heard = Listener(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield heard
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def enforced(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Iterator[Deployment]:
    """A deployment that reads its secrets, on an emulator that evaluates policies."""
    deployment = Deployment(tmp_path_factory.mktemp("enforced"), CONFIG, {"work": WORK}, app=SECRET_APP)
    try:
        deployment.platform.up()
        secrets = deployment.aws("secretsmanager")
        secrets.create_secret(Name=MONGO, SecretString=deployment.platform.state.mongo_uri)
        secrets.create_secret(Name=CHANNEL, SecretString=listener.url)
        secrets.create_secret(Name="somebody-elses", SecretString="none of ours")
        deployment.up()
        deployment.enforce_permissions()
        yield deployment
    finally:
        deployment.down()


@dataclass(frozen=True)
class Role:
    """A role in the emulator."""

    deployment: Deployment
    name: str

    @property
    def statements(self) -> list[dict[str, Any]]:
        found = self.deployment.aws("iam").get_role_policy(RoleName=self.name, PolicyName="Least")
        return list(found["PolicyDocument"]["Statement"])

    @contextmanager
    def without(self, statement: dict[str, Any]) -> Iterator[None]:
        """The role without one of its statements, for a while."""
        whole = self.statements
        self._put([item for item in whole if item != statement])
        try:
            yield
        finally:
            self._put(whole)

    def _put(self, statements: list[dict[str, Any]]) -> None:
        document = {"Version": "2012-10-17", "Statement": statements or [NOTHING]}
        policy = json.dumps(document)
        self.deployment.aws("iam").put_role_policy(RoleName=self.name, PolicyName="Least", PolicyDocument=policy)

    def client(self, service: str) -> Any:
        """A client with the role's own credentials; the role lets the test's account take it."""
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.deployment.aws("iam").update_assume_role_policy(RoleName=self.name, PolicyDocument=document)
        arn = f"arn:aws:iam::000000000000:role/{self.name}"
        given = self.deployment.aws("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return boto3.client(
            service,
            endpoint_url=self.deployment.platform.state.endpoint,
            region_name="us-east-1",
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )


NOTHING = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
"""A policy has one statement at the least; this one is allowed to everybody anyway."""


def roles(deployment: Deployment) -> list[Role]:
    pages = deployment.aws("iam").get_paginator("list_roles").paginate()
    names = [item["RoleName"] for page in pages for item in page["Roles"]]
    return [Role(deployment, name) for name in names if name.startswith("phaseline-local-")]


def role_of(deployment: Deployment, part: str) -> Role:
    (found,) = [role for role in roles(deployment) if part in role.name]
    return found


def url(arn: str) -> str:
    *_, account, name = arn.split(":")
    return f"http://localhost/{account}/{name}"


PROBES: dict[str, Callable[[Any, str], Any]] = {
    "sqs:SendMessage": lambda sqs, arn: sqs.send_message(QueueUrl=url(arn), MessageBody="{}", DelaySeconds=900),
    "sqs:ReceiveMessage": lambda sqs, arn: sqs.receive_message(QueueUrl=url(arn)),
    "sqs:DeleteMessage": lambda sqs, arn: sqs.delete_message(QueueUrl=url(arn), ReceiptHandle="none"),
    "sqs:GetQueueAttributes": lambda sqs, arn: sqs.get_queue_attributes(QueueUrl=url(arn)),
    "secretsmanager:GetSecretValue": lambda secrets, arn: secrets.get_secret_value(
        SecretId=arn.split(":secret:")[1].removesuffix("-??????")
    ),
    "lambda:InvokeFunction": lambda functions, arn: functions.invoke(
        FunctionName=arn, Payload=b"{}", InvocationType="DryRun"
    ),
}
"""What is asked for each action. An action that is new needs one more."""

NOT_TRIED = {"logs:CreateLogStream", "logs:PutLogEvents"}
"""The emulator compares them with the ARN of a log group without the `:*` that CloudWatch Logs puts at its end."""


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(client: Any, action: str, resource: str) -> bool:
    """Whether the emulator lets the client do this; that it then finds nothing there is another matter."""
    try:
        PROBES[action](client, resource)
    except ClientError as error:
        return "AccessDenied" not in error.response["Error"]["Code"]
    return True


def call(deployment: Deployment, role: Role, event: Any) -> str:
    """Call the function that has this role, in a process that remembers nothing; what it answers, as text."""
    functions = deployment.aws("lambda")
    pages = functions.get_paginator("list_functions").paginate()
    (name,) = [f["FunctionName"] for page in pages for f in page["Functions"] if f["Role"].endswith(f"/{role.name}")]
    functions.update_function_configuration(FunctionName=name, MemorySize=256)
    return str(functions.invoke(FunctionName=name, Payload=json.dumps(event, default=str))["Payload"].read())


def event_of(deployment: Deployment, execution: str, kind: str, status: str) -> dict[str, Any]:
    """The event of an execution's status, once there is one."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        for found in deployment.client.statuses(execution):
            if (found.kind, found.status) == (kind, status):
                return {"detail": {"fullDocument": found.to_document()}}
        assert time.monotonic() < deadline
        time.sleep(0.1)


def told(listener: Listener) -> int:
    """How often the channel was told of the execution `allowed`."""
    return sum(message["execution"] == "allowed" for message in listener.received)


@pytest.fixture
def allowed_trip(enforced: Deployment, listener: Listener) -> Execution:
    """The execution `allowed`, once it has ended and was told of: the same for all tests, whichever asks first."""
    execution = enforced.client.wait(enforced.client.start("trip", id="allowed").id, TIMEOUT)
    until(lambda: told(listener), timeout=TIMEOUT)
    return execution


def test_everything_works_with_what_the_roles_allow(allowed_trip: Execution) -> None:
    assert allowed_trip.status == "success"


def test_each_statement_is_what_allows_it(enforced: Deployment) -> None:
    tried = set()
    for role in roles(enforced):
        for statement in role.statements:
            for action in set(listed(statement["Action"])) - NOT_TRIED:
                client = role.client(action.partition(":")[0])
                for resource in listed(statement["Resource"]):
                    assert allowed(client, action, resource), (role.name, statement)
                    with role.without(statement):
                        assert not allowed(client, action, resource), (role.name, statement)
                    tried.add(action)
    assert tried == PROBES.keys()


def test_no_role_reads_a_secret_or_a_queue_of_somebody_else(enforced: Deployment) -> None:
    (kept,) = [url for url in enforced.aws("sqs").list_queues()["QueueUrls"] if "Kept" in url]
    theirs = "arn:aws:secretsmanager:us-east-1:000000000000:secret:somebody-elses"
    for role in roles(enforced):
        assert not allowed(role.client("secretsmanager"), "secretsmanager:GetSecretValue", theirs)
        assert not allowed(role.client("sqs"), "sqs:ReceiveMessage", kept.replace("/", ":"))


def test_no_function_reaches_the_database_without_its_secret(enforced: Deployment, listener: Listener) -> None:
    anything = {
        "detail": {"fullDocument": {"_id": "nobody/1/start"}},
        "Records": [],
        "RequestType": "Create",
        "ResponseURL": listener.url,
        **dict.fromkeys(("StackId", "RequestId", "LogicalResourceId"), "test"),
    }
    tried = 0
    for role in roles(enforced):
        asked = {"machine": "trip", "id": "allowed"} if "starter" in role.name else anything
        for statement in [item for item in role.statements if MONGO in json.dumps(item["Resource"])]:
            with role.without(statement):
                said = call(enforced, role, asked) + json.dumps(listener.answers)
                assert "AccessDenied" in said, role.name
            listener.answers.clear()
            tried += 1
    assert tried == len(enforced.aws("lambda").list_functions()["Functions"])


def test_no_wake_up_is_sent_without_its_statement(enforced: Deployment) -> None:
    enforced.client.start("patient", id="patient")
    role, event = role_of(enforced, "orchestrator"), event_of(enforced, "patient", "phase", "waiting")
    (statement,) = [item for item in role.statements if "WakeUps" in json.dumps(item["Resource"])]
    with role.without(statement):
        assert "AccessDenied" in call(enforced, role, event)
    assert "AccessDenied" not in call(enforced, role, event)


@pytest.mark.usefixtures("allowed_trip")
def test_nobody_is_told_without_the_statement_for_the_channel(enforced: Deployment, listener: Listener) -> None:
    role, event = role_of(enforced, "notifications"), event_of(enforced, "allowed", "execution", "success")
    (statement,) = [item for item in role.statements if CHANNEL in json.dumps(item["Resource"])]
    before = told(listener)
    with role.without(statement):
        assert "webhook: ClientError" in call(enforced, role, event)
    assert told(listener) == before
    call(enforced, role, event)
    assert told(listener) == before + 1


@pytest.mark.usefixtures("allowed_trip")
def test_a_forged_event_on_the_bus_runs_nothing(enforced: Deployment) -> None:
    before = enforced.client.statuses("allowed")
    known = next(status for status in before if status.name == "work" and status.status == "triggered").to_document()
    forged = [
        {**known, "_id": "nobody/1/work/1/entry", "execution": "nobody"},
        {**known, "_id": "allowed/1/work/2/entry", "attempt": 2},
        {**known, "input": {"forged": True}},
        {**known, "_id": "allowed/1/work/1/end", "status": "failed"},
    ]
    entries = [
        {
            "Source": "forged",
            "DetailType": "MongoDB Database Trigger for phaseline_local.statuses",
            "EventBusName": BUS,
            "Detail": json.dumps(
                {"fullDocument": document, "ns": {"db": DATABASE, "coll": "statuses"}, "operationType": "insert"},
                default=str,
            ),
        }
        for document in forged
    ]
    assert enforced.aws("events").put_events(Entries=entries)["FailedEntryCount"] == 0
    # What comes after it has been delivered, so it has been too.
    assert enforced.client.wait(enforced.client.start("trip", id="after").id, TIMEOUT).status == "success"
    assert enforced.client.statuses("allowed") == before
    assert enforced.client.statuses("nobody") == []
    ran = {execution for execution, *_ in map(str.split, enforced.runs_file.read_text().splitlines())}
    assert "after" in ran
    assert "nobody" not in ran
    assert enforced.runs("allowed") == ["work", "again"]
