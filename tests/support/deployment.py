"""A project of a test's own, deployed for real: config, plain handlers, an app, and a local platform around it."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

from pymongo.database import Database

from phaseline.local import Platform, services
from phaseline.local.deploy import client as aws_client
from phaseline.local.processes import stop
from phaseline.local.state import Folder, State
from phaseline.testing.deployed import Deployed, deployed
from phaseline_runtime.bundled import watchdog_job
from phaseline_runtime.client import Client, Execution
from phaseline_runtime.clock import now
from phaseline_runtime.relay import Put, Relay
from phaseline_runtime.store.connection import connect, database
from phaseline_runtime.store.store import Store
from tests.support import tools
from tests.support.faults import Clock

DATABASE = "phaseline_local"
BUS = "phaseline-local"

AUTH = "PHASELINE_TEST_AUTH"
"""A variable: where it is set, every deployment of the tests runs with policies enforced."""

APP = """
import os
import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from phaseline.cdk import Bundling, EventSource, JobStacks, MongoConnection, Orchestration
from phaseline.config import load
from phaseline.config.reading.job_kinds import JobKind

app = cdk.App()
stack = cdk.Stack(app, "phaseline-local")
count = int(os.environ.get("PHASELINE_TEST_JOB_STACKS", 0))
config = load("phaseline.yaml", values=os.environ)


def plain(name, **more):
    # A function that knows nothing of Phaseline.
    code, runtime = lambda_.Code.from_asset(f"jobs/{name}"), lambda_.Runtime.PYTHON_3_13
    return lambda_.Function(
        stack, name, code=code, runtime=runtime, handler="handler.handler", timeout=cdk.Duration.seconds(2), **more
    )


for job in config.jobs.values():
    if job.kind is JobKind.EXISTING and job.name != "nobody":
        plain(job.name, function_name=job.name, reserved_concurrent_executions=1)
orchestration = Orchestration(
    stack,
    "Orchestration",
    config=config,
    functions={job.name: plain(job.name) for job in config.jobs.values() if job.kind is JobKind.GIVEN},
    mongo=MongoConnection.uri(os.environ["PHASELINE_MONGO_URI"]),
    event_source=EventSource.relay("phaseline-local"),
    database="phaseline_local",
    bundling=Bundling.for_this_interpreter(),
    job_stacks=JobStacks.routed(count) if count else None,
)
orchestration.add_outputs()
app.synth()
"""


class _Among(Store):
    """A store in which only some executions are ever due."""

    def __init__(self, database: Database[dict[str, Any]], executions: Collection[str]) -> None:
        super().__init__(database)
        self._executions = set(executions)

    def due(self, at: datetime, limit: int) -> list[dict[str, Any]]:
        return [seen for seen in super().due(at, 0) if seen["_id"] in self._executions][:limit]


def _patience(execution: Execution) -> int:
    """At how many looks in a row nothing may have changed."""
    jobs = execution.document["round"]["jobs"].values()
    runs = any(job["status"] == "started" for job in jobs)
    return int((10 if runs else 3) * 2 ** max((job["number"] for job in jobs), default=0))


class Deployment:
    """A deployed project. `runs` are the lines that its jobs have written themselves."""

    def __init__(self, folder: Path, config: Mapping[str, Any], handlers: Mapping[str, str], *, app: str = APP) -> None:
        self.folder = folder
        self.runs_file = folder / "runs"
        self.runs_file.touch()
        (folder / "app.py").write_text(app)
        (folder / "cdk.json").write_text(json.dumps({"app": "python app.py"}))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(tools.ROOT / name, folder / name)
        tools.lend(folder)
        for name, source in handlers.items():
            place = folder / "jobs" / name
            place.mkdir(parents=True)
            file = "index.mjs" if "export" in source else "handler.py"
            (place / file).write_text(source.replace("RUNS", repr(str(self.runs_file))))
        # JSON is YAML.
        (folder / "phaseline.yaml").write_text(json.dumps(config, indent=2))
        self.platform = Platform(folder)
        self._closing = ExitStack()
        self._deployed: Deployed | None = None
        self._database: Database[dict[str, Any]] | None = None

    def up(self) -> None:
        """Start the platform and deploy, as the fixture `phaseline_platform` of the testing kit does."""
        self._deployed = self._closing.enter_context(deployed(self.folder))
        if os.environ.get(AUTH):
            self.enforce_permissions()

    def enforce_permissions(self) -> None:
        """Let the emulator evaluate policies from now on: it starts again on the state that the deploy has left.

        It has no TLS, so what denies requests without it would deny every one: that statement is taken away before.
        """
        queues = self.aws("sqs")
        for url in queues.list_queues()["QueueUrls"]:
            found = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
            policy = json.loads(found.get("Policy") or '{"Statement": []}')
            policy["Statement"] = [item for item in policy["Statement"] if item["Effect"] == "Allow"]
            queues.set_queue_attributes(
                QueueUrl=url, Attributes={"Policy": json.dumps(policy) if policy["Statement"] else ""}
            )
        self.stop_part("relay")
        self.stop_part("aws")
        unchanged = services.environment

        def enforcing(name: str, state: State, folder: Folder) -> dict[str, str]:
            return {**unchanged(name, state, folder), "AUTH": "true"}

        with mock.patch.object(services, "environment", enforcing):
            self.platform.up()

    def down(self) -> None:
        """Stop everything."""
        self._closing.close()
        self.platform.down(purge=True)

    def stop_part(self, name: str) -> None:
        """Ask a part to end, and wait until it has."""
        process = self.platform.state.part(name).process
        assert process is not None
        stop(process)

    @contextmanager
    def relaying(self, put: Put) -> Iterator[None]:
        """In place of the platform's relay, one that hands its events to `put`."""
        with connect(self.mongo_uri) as mongo:
            relay = Relay(database(mongo, DATABASE), BUS, put)
            thread = threading.Thread(target=relay.run)
            self.stop_part("relay")
            thread.start()
            try:
                yield
            finally:
                relay.stop()
                thread.join(30)
                self.platform.up()

    @property
    def mongo_uri(self) -> str:
        """Where the deployment's database is."""
        uri = self.platform.state.mongo_uri
        assert uri is not None
        return uri

    @property
    def client(self) -> Client:
        """A client of the deployment's database."""
        assert self._deployed is not None
        return self._deployed.client

    @property
    def database(self) -> Database[dict[str, Any]]:
        """The deployment's database, as its functions see it."""
        if self._database is None:
            self._database = database(self._closing.enter_context(connect(self.mongo_uri)), DATABASE)
        return self._database

    def sweep(self, executions: Collection[str], *, clock: Callable[[], datetime]) -> dict[str, int]:
        """What the watchdog does about these executions at a sweep at the time of this clock: nobody waits for it.

        It runs here, on the deployment's database. The deployed one, `invoke("watchdog_job")`, goes by the real time.
        """
        return watchdog_job.sweep(_Among(self.database, executions), clock=clock)

    def complete(self, executions: Collection[str], *, timeout: float = 300) -> list[Execution]:
        """These executions once all have ended. Whenever all stand still, time is let pass until the watchdog looks.

        Where an attempt runs, they may stand still for a few seconds. What has been sent again gets twice as long each
        time, as it does by the real time.
        """
        deadline = time.monotonic() + timeout
        unended = {"_id": {"$in": list(executions)}, "endedAt": None}
        before, still = list[Execution](), 0
        while waiting := list(self.client.find(unended, limit=0)):
            assert time.monotonic() < deadline, f"{len(waiting)} have not ended: {waiting[:3]}"
            still = still + 1 if waiting == before else 0
            before = waiting
            for execution in waiting:
                # What has begun to move since it was looked at is left alone: its time would be over at once.
                if still >= _patience(execution) and self.client.get(execution.id) == execution:
                    due = max(execution.document["wakeAt"], now())
                    self.sweep([execution.id], clock=Clock(ahead=due - now()))
            time.sleep(0.5)
        return [found for found in map(self.client.get, executions) if found is not None]

    def aws(self, service: str) -> Any:
        """A boto3 client of the emulator."""
        return aws_client(service, self.platform.state)

    def invoke(self, bundled: str) -> Any:
        """Call a bundled Lambda and return its answer; one that fails is an AssertionError."""
        answer = self.aws("lambda").invoke(FunctionName=self.bundled_function(bundled), Payload=b"{}")
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    def bundled_function(self, name: str) -> str:
        """The name of the function of a bundled Lambda."""
        handler = f"phaseline_runtime.bundled.{name}.handler"
        [found] = [each["FunctionName"] for each in self._functions() if each["Handler"] == handler]
        return str(found)

    def job_function(self, job: str) -> str:
        """The name of the function of a job."""
        [found] = [
            each["FunctionName"]
            for each in self._functions()
            if each.get("Environment", {}).get("Variables", {}).get("PHASELINE_JOB") == job
        ]
        return str(found)

    def job_rule(self, job: str) -> dict[str, str]:
        """Which rule is that of a job, as EventBridge is asked: on the status bus, or on that of the job's stack."""
        events = self.aws("events")
        buses = [each["Name"] for each in events.list_event_buses()["EventBuses"]]
        [found] = [
            {"Name": rule["Name"], "EventBusName": bus}
            for bus in buses
            for rule in events.list_rules(EventBusName=bus)["Rules"]
            if rule.get("Description") == f"Job {job} has been triggered"
        ]
        return found

    def queue(self, name: str) -> str:
        """The URL of a queue of dead letters: `Rules`, `Functions` or `Kept`."""
        [found] = [url for url in self.aws("sqs").list_queues()["QueueUrls"] if f"DeadLetters{name}" in url]
        return str(found)

    def waiting(self, name: str) -> int:
        """How many messages are in a queue of dead letters, those included that somebody works on."""
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.aws("sqs").get_queue_attributes(QueueUrl=self.queue(name), AttributeNames=counts)
        return sum(int(value) for value in answer["Attributes"].values())

    def forget_dead_letters(self) -> None:
        """Empty the queues of dead letters of what other tests have left in them."""
        for name in ("Rules", "Functions", "Kept"):
            self.aws("sqs").purge_queue(QueueUrl=self.queue(name))

    def _functions(self) -> list[dict[str, Any]]:
        pages = self.aws("lambda").get_paginator("list_functions").paginate()
        return [function for page in pages for function in page["Functions"]]

    def runs(self, execution: str) -> list[str]:
        """The names of the jobs that have run in an execution, in order, as the jobs themselves have written."""
        return [name for name, _ in self.attempts(execution)]

    def attempts(self, execution: str) -> list[tuple[str, int]]:
        """The same with the number of the attempt."""
        lines = (line.split() for line in self.runs_file.read_text().splitlines())
        return [(name, int(attempt)) for identifier, name, attempt in lines if identifier == execution]
