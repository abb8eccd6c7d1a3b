"""What is away for a while, and what loses events: the bus, the relay, the database, a rule, a function."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from phaseline.cli.entry import run
from phaseline.local import Platform
from phaseline_runtime.client import Client
from phaseline_runtime.relay import put_events
from tests.local.conftest import CHAIN
from tests.support.deployment import Deployment
from tests.support.waiting import until

TIMEOUT = 300


@pytest.fixture
def client(deployed: Deployment) -> Client:
    return deployed.client


def slots_of(client: Client, execution: str) -> Counter[str]:
    return Counter(str(status.slot) for status in client.statuses(execution))


def test_a_bus_that_drops_every_tenth_event_costs_time_and_nothing_else(client: Client, deployed: Deployment) -> None:
    put, numbers = put_events(deployed.aws("events")), itertools.count(1)
    dropped = list[dict[str, Any]]()

    def forgetful(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        kept = list[dict[str, Any]]()
        for entry in entries:
            (kept if next(numbers) % 10 else dropped).append(entry)
        return put(kept) if kept else []

    with deployed.relaying(forgetful):
        begun = {client.start(machine).id: machine for machine in ("chain", "diamond", "loop", "retried") * 3}
        ended = deployed.complete(begun)
    assert len(dropped) > len(begun)
    jobs = {"chain": CHAIN, "diamond": ["a", "b", "c", "d"], "loop": ["turn"] * 5, "retried": ["a", "b"]}
    for execution in ended:
        assert execution.status == "success", execution
        assert sorted(deployed.runs(execution.id)) == sorted(jobs[begun[execution.id]])
    # What was dropped was missed: some attempts ran only because they were triggered once more.
    assert sum(slots_of(client, execution)["redelivery"] for execution in begun) > 0


def test_what_happens_while_the_relay_is_away_is_relayed_when_it_is_back(client: Client, deployed: Deployment) -> None:
    deployed.stop_part("relay")
    begun = [client.start("diamond").id for _ in range(5)]
    time.sleep(1)
    assert [deployed.runs(execution) for execution in begun] == [[]] * 5
    deployed.platform.up()
    for execution in begun:
        assert client.wait(execution, TIMEOUT).status == "success"
        assert Counter(deployed.runs(execution)) == Counter("abcd")
        assert slots_of(client, execution)["redelivery"] == 0


def test_a_database_that_has_another_address_than_at_the_deploy_is_told_until_it_is_back(
    deployed: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its port was taken by another program while it was down: what is deployed looks for it at the old one."""
    monkeypatch.chdir(deployed.folder)
    said: list[str] = []
    platform = Platform(deployed.folder, said.append)
    port = platform.state.part("mongo").port
    assert port is not None
    deployed.stop_part("mongo")
    with socket.create_server(("127.0.0.1", port)):
        platform.up()
        assert sum("phaseline local deploy" in line for line in said) == 1
        said.clear()
        platform.up()
        assert sum("phaseline local deploy" in line for line in said) == 1
        assert run(["start", "diamond", "--id", "moved"]) == 0
        assert "warning: executions wait: what is deployed knows MongoDB" in capsys.readouterr().err
    deployed.stop_part("mongo")
    said.clear()
    platform.up(mongo_port=port)
    assert not any("phaseline local deploy" in line for line in said)
    assert run(["start", "diamond", "--watch"]) == 0
    assert "warning" not in capsys.readouterr().err
    assert [execution.status for execution in deployed.complete(["moved"])] == ["success"]


def test_what_a_disabled_rule_has_missed_goes_on_once_it_is_enabled_again(client: Client, deployed: Deployment) -> None:
    events, rule = deployed.aws("events"), deployed.job_rule("switched_off")
    begun = [client.start("switched_off", {"sleep": 0.5}).id for _ in range(3)]
    events.disable_rule(**rule)
    try:
        until(lambda: all("triggered" in _of_job(client, execution, "switched_off") for execution in begun))
        [impatient] = deployed.complete([client.start("impatient").id])
    finally:
        events.enable_rule(**rule)
    assert not any("started" in _of_job(client, execution, "switched_off") for execution in begun)
    for execution in deployed.complete(begun):
        assert execution.status == "success"
        assert deployed.runs(execution.id) == ["first", "switched_off"]
    assert (impatient.status, impatient.document["error"]["type"]) == ("failed", "Phaseline.NotStarted")
    assert deployed.runs(impatient.id) == []


def _of_job(client: Client, execution: str, name: str) -> list[str]:
    return [status.status for status in client.statuses(execution) if status.name == name]


def test_a_function_that_is_deleted_while_executions_run_fails_them_with_the_reason(
    client: Client, deployed: Deployment
) -> None:
    function = deployed.job_function("doomed")
    begun = [client.start("doomed", {"sleep": 0.5}).id for _ in range(3)]
    deployed.aws("lambda").delete_function(FunctionName=function)
    for execution in (client.wait(execution, TIMEOUT) for execution in begun):
        assert execution.status == "failed"
        assert execution.document["error"]["type"] == "Phaseline.Unavailable"
        assert "Function not found" in execution.document["error"]["message"]
        assert deployed.runs(execution.id) == ["first"]
        assert _of_job(client, execution.id, "doomed") == ["triggered", "failed"] * 4


@pytest.fixture
def one_try(deployed: Deployment) -> Iterator[None]:
    """The queue of failed invocations leaves a message to people after one try, instead of five in half an hour."""
    deployed.forget_dead_letters()
    sqs, url = deployed.aws("sqs"), deployed.queue("Functions")
    names = ["VisibilityTimeout", "RedrivePolicy"]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    policy = {**json.loads(before["RedrivePolicy"]), "maxReceiveCount": 1}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1", "RedrivePolicy": json.dumps(policy)})
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def test_a_database_that_is_away_for_longer_than_dead_letters_are_tried_costs_time_and_nothing_else(
    client: Client, deployed: Deployment, one_try: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(deployed.folder)
    monkeypatch.delenv("PHASELINE_ENV", raising=False)
    begun = [client.start("stormy", {"sleep": 0.3}).id for _ in range(10)]
    until(lambda: any(deployed.runs(execution) for execution in begun))
    deployed.stop_part("mongo")
    until(lambda: deployed.waiting("Kept") > 0)
    deployed.platform.up()
    for execution in deployed.complete(begun):
        assert execution.status == "success"
        attempts = Counter(deployed.attempts(execution.id))
        assert set(attempts.values()) == {1}
        assert {name for name, _ in attempts} == set("abcd")
        assert client.rebuild(execution.id) == []
    # By now there is nothing to complete any more: a retry of what was kept changes nothing.
    until(lambda: run(["dlq", "retry", "--all"]) == 0 and deployed.waiting("Kept") + deployed.waiting("Functions") == 0)
