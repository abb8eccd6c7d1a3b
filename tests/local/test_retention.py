"""Retention, by the deployed retention_job on executions that have run."""

from __future__ import annotations

from datetime import timedelta

from phaseline_runtime.clock import now
from phaseline_runtime.engine.wake import GRACE
from tests.support.deployment import Deployment
from tests.support.faults import Clock


def test_what_ended_long_ago_is_deleted_with_its_statuses_and_the_rest_is_spared(deployed: Deployment) -> None:
    client = deployed.client
    old, young, open_ = (client.start("forgotten", {"sleep": sleep}).id for sleep in (0, 0, 3))
    for execution in (old, young):
        assert client.wait(execution, 60).status == "success"
    deployed.sweep([old, young], clock=Clock(GRACE))
    deployed.database["state-machines"].update_one({"_id": old}, {"$set": {"endedAt": now() - timedelta(days=2)}})
    assert deployed.invoke("retention_job")["executions"] == 1
    assert client.get(old) is None
    assert client.statuses(old) == []
    assert client.get(young) is not None
    assert client.wait(open_, 60).status == "success"
    assert client.rebuild(young) == []
