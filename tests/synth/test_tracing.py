"""X-Ray: one switch for all functions of an orchestration, and what single jobs say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stacks import Made, actions, make

CONFIG = """
jobs:
  silent: {code: jobs/boat}
  off: {code: jobs/boat, tracing: pass_through}
  on: {code: jobs/boat, tracing: active}
  invoked: {image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/boat:1"}
state_machines: {trip: {phases: {thinking: {jobs: {silent: , off: , on: , invoked: }}}}}
"""


def traced(made: Made) -> set[str]:
    """The functions that X-Ray records, by a name of each; each has the right to tell it, and no other has."""
    found = set()
    for id, function in made.resources.items():
        if function["Type"] != "AWS::Lambda::Function":
            continue
        role = made.resources[function["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
        active = function["Properties"].get("TracingConfig") == {"Mode": "Active"}
        assert ("xray:PutTraceSegments" in actions(role)) == active, id
        if active:
            found.add(id.removeprefix("Orchestration").partition("Function")[0].removeprefix("Bundled"))
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("traced"), CONFIG, traced=True)


def test_the_switch_is_for_bundled_lambdas_and_for_jobs_that_do_not_say_otherwise(made: Made) -> None:
    bundled = {name.replace("_", "") for name in made.orchestration.functions}
    assert traced(made) == bundled | {"Jobssilent", "Jobson", "Jobsinvoked", "Jobsinvokedfunction"}


def test_without_it_only_those_that_ask_for_it_are_recorded(tmp_path: Path) -> None:
    assert traced(make(tmp_path, CONFIG)) == {"Jobson"}
