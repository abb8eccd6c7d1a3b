"""A project of a test's own, deployed for real: config, plain handlers, an app, and a local platform around it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from phaseline.local import Platform, services
from phaseline.local.deploy import client as aws_client
from phaseline.local.processes import stop
from phaseline.local.state import Folder, State
from phaseline.testing.deployed import Deployed, deployed
from phaseline_runtime.client import Client

ROOT = Path(__file__).parents[2]
DATABASE = "phaseline_local"
BUS = "phaseline-local"

AUTH = "PHASELINE_TEST_AUTH"
"""A variable: where it is set, every deployment of the tests runs with policies enforced."""

APP = """
import os
import aws_cdk as cdk
from phaseline.cdk import Bundling, EventSource, MongoConnection, Orchestration
from phaseline.config import load

app = cdk.App()
stack = cdk.Stack(app, "phaseline-local")
orchestration = Orchestration(
    stack,
    "Orchestration",
    config=load("phaseline.yaml", values=os.environ),
    mongo=MongoConnection.uri(os.environ["PHASELINE_MONGO_URI"]),
    event_source=EventSource.relay("phaseline-local"),
    database="phaseline_local",
    bundling=Bundling.for_this_interpreter(),
)
orchestration.add_outputs()
app.synth()
"""


class Deployment:
    """A deployed project. `runs` are the lines that its jobs have written themselves."""

    def __init__(self, folder: Path, config: Mapping[str, Any], handlers: Mapping[str, str], *, app: str = APP) -> None:
        self.folder = folder
        self.runs_file = folder / "runs"
        self.runs_file.touch()
        (folder / "app.py").write_text(app)
        (folder / "cdk.json").write_text(json.dumps({"app": "python app.py"}))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / name, folder / name)
        if (ROOT / "node_modules" / "aws-cdk").exists():
            (folder / "node_modules").symlink_to(ROOT / "node_modules")
        for name, source in handlers.items():
            place = folder / "jobs" / name
            place.mkdir(parents=True)
            (place / "handler.py").write_text(source.replace("RUNS", repr(str(self.runs_file))))
        # JSON is YAML.
        (folder / "phaseline.yaml").write_text(json.dumps(config, indent=2))
        self.platform = Platform(folder)
        self._closing = ExitStack()
        self._deployed: Deployed | None = None

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

    def stop_relay(self) -> None:
        """Stop the relay alone; `platform.up()` starts it again."""
        self.stop_part("relay")

    def stop_part(self, name: str) -> None:
        """Ask a part to end, and wait until it has."""
        process = self.platform.state.part(name).process
        assert process is not None
        stop(process)

    @property
    def client(self) -> Client:
        """A client of the deployment's database."""
        assert self._deployed is not None
        return self._deployed.client

    def aws(self, service: str) -> Any:
        """A boto3 client of the emulator."""
        return aws_client(service, self.platform.state)

    def invoke(self, bundled: str) -> Any:
        """Call a bundled Lambda and return its answer; one that fails is an AssertionError."""
        functions = self.aws("lambda")
        pages = functions.get_paginator("list_functions").paginate()
        handler = f"phaseline_runtime.bundled.{bundled}.handler"
        [name] = [f["FunctionName"] for page in pages for f in page["Functions"] if f["Handler"] == handler]
        answer = functions.invoke(FunctionName=name, Payload=b"{}")
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    def runs(self, execution: str) -> list[str]:
        """The names of the jobs that have run in an execution, in order, as the jobs themselves have written."""
        return [name for name, _ in self.attempts(execution)]

    def attempts(self, execution: str) -> list[tuple[str, int]]:
        """The same with the number of the attempt."""
        lines = (line.split() for line in self.runs_file.read_text().splitlines())
        return [(name, int(attempt)) for identifier, name, attempt in lines if identifier == execution]
