"""What an attempt has to say after it has been given up: people see it, and nothing else changes."""

from __future__ import annotations

from typing import Any

from phaseline_runtime.bundled.watchdog_job import sweep
from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Use
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus
from tests.support.faults import Clock


def test_what_ends_after_its_timeout_is_recorded_and_changes_nothing(client: Client, store: Store) -> None:
    clock = Clock()

    def slow(given: Any, context: Any) -> str:
        sweep(store, clock=clock.later(minutes=2))
        return "a fish after all"

    client.migrate({"m": Definition("m", (Phase("p", (Use("a", "job", timeout=60),)),))})
    execution = client.start("m").id
    document = Bus(store, {"a": slow}, clock=clock).run(execution)
    assert document["status"] == "failed"
    assert document["errors"]["a"]["type"] == "Phaseline.Timeout"
    assert document["results"] == {}
    late = store.status(f"{execution}/1/a/1/late")
    assert late is not None
    assert (late.status, late.reason, late.output) == ("late", "success", "a fish after all")
    assert client.rebuild(execution) == []
