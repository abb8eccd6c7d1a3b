"""One way to synthesize an orchestration from a config's text, for the tests of the constructs.

Nothing is bundled unless a test asks for it: the templates need neither pip nor a network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk.assertions import Template

from phaseline.cdk import EventSource, MongoConnection, Network, Orchestration
from phaseline.cdk.jobs.job_target import Functions
from phaseline.config import Config, load
from stacks.environments import environment
from stacks.phaseline_stack import PhaselineStack

ROOT = Path(__file__).parents[2]

Resource = dict[str, Any]

CONFIG = """
jobs:
  rent_a_boat: {code: jobs/boat}
state_machines:
  trip:
    phases:
      thinking: {jobs: {rent_a_boat: }}
"""
"""The smallest config."""

EVERYTHING = """
jobs:
  rent_a_boat: {code: jobs/boat}
  row: {code: jobs/boat, runtime: python3.12, filter: {crew: [{exists: true}]}, environment: {BOAT: Orca}}
state_machines:
  trip:
    retention: 90d
    start:
      - {schedule: rate(1 hour)}
      - {schedule: "cron(0 6 * * ? *)", timezone: Europe/Berlin}
      - {event: {bus: shop, pattern: {source: [shop]}}}
    phases:
      thinking: {jobs: {rent_a_boat: , row: }}
notifications:
  - {to: slack, url_secret: phaseline/slack, events: [execution.failed]}
"""
"""A config that makes every kind of resource."""


@dataclass(frozen=True)
class Made:
    """An orchestration and the template of its stack."""

    stack: cdk.Stack
    orchestration: Orchestration

    @cached_property
    def template(self) -> Template:
        """The template, for aws_cdk.assertions."""
        return Template.from_stack(self.stack)

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """All resources by logical id."""
        found: Mapping[str, Resource] = self.template.to_json()["Resources"]
        return found

    def of_type(self, kind: str, containing: str = "") -> list[Resource]:
        """The resources of a type, in whose logical id this text occurs."""
        return [item for id, item in self.resources.items() if item["Type"] == kind and containing in id]

    def one(self, kind: str, containing: str = "") -> Resource:
        """The properties of the only such resource."""
        (found,) = self.of_type(kind, containing)
        properties: Resource = found["Properties"]
        return properties


def make(
    folder: Path,
    text: str = CONFIG,
    *,
    bundled: bool = False,
    change: Callable[[Config], Config] = lambda config: config,
    functions: Callable[[cdk.Stack], Functions] = lambda stack: {},
    network: Callable[[cdk.Stack], Network | None] = lambda stack: None,
    in_stack: Callable[[cdk.Stack], Mapping[str, Any]] = lambda stack: {},
    of_stack: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Made:
    """Write the config and a handler for `jobs/boat` into the folder, and synthesize it, changed once it was read.

    `functions` makes those that the app gives, in the stack, which has the properties of `of_stack`, and `network` says
    where they run. `in_stack` makes other arguments of it.
    """
    (folder / "jobs/boat").mkdir(parents=True, exist_ok=True)
    (folder / "jobs/boat/handler.py").write_text("def handler(event, context):\n    return {}\n")
    (folder / "phaseline.yaml").write_text(text)
    context: dict[str, Any] = {} if bundled else {"aws:cdk:bundling-stacks": []}
    app = cdk.App(context=context, outdir=str(folder / "cdk.out"), analytics_reporting=False)
    stack = cdk.Stack(app, "test", **(of_stack or {}))
    given = {
        "mongo": MongoConnection.secret("phaseline/test/mongo"),
        "event_source": EventSource.relay("phaseline-test"),
        "database": "phaseline_test",
        "functions": functions(stack),
        "network": network(stack),
        **in_stack(stack),
        **arguments,
    }
    config = change(load(folder / "phaseline.yaml", values={}))
    return Made(stack, Orchestration(stack, "Orchestration", config=config, **given))


def statements(role: Resource) -> list[Resource]:
    """All statements of a role's inline policies."""
    return [item for policy in role["Policies"] for item in policy["PolicyDocument"]["Statement"]]


def actions(role: Resource) -> set[str]:
    """All actions that a role's inline policies allow."""
    found: set[str] = set()
    for statement in statements(role):
        given = statement["Action"]
        found |= {given} if isinstance(given, str) else set(given)
    return found


def example(name: str, folder: Path) -> Resource:
    """The template of this project's own app in the environment of this name."""
    chosen = environment(name, mongo_uri="mongodb://localhost/")
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    context = {**flags, "aws:cdk:bundling-stacks": []}
    app = cdk.App(context=context, outdir=str(folder / name), analytics_reporting=False)
    config = load(ROOT / "phaseline.yaml", values=chosen.values)
    stack = PhaselineStack(app, f"phaseline-{name}", environment=chosen, config=config)
    return dict(Template.from_stack(stack).to_json())
