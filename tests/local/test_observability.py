"""What functions say of themselves, through a real deploy: metrics counted once, log lines with request and attempt."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from typing import Any

from phaseline.local.logs import read
from phaseline.local.platform import Platform
from phaseline_runtime.metrics import METRICS
from tests.support.deployment import Deployment

TIMEOUT = 60


def lines(platform: Platform, execution: str) -> list[dict[str, Any]]:
    """The JSON lines of all functions that are about this execution."""
    found = []
    for entry in read(platform, None):
        with contextlib.suppress(ValueError):
            line = json.loads(entry.message)
            if isinstance(line, dict) and line.get("execution") == execution:
                found.append(line)
    return found


def test_each_fact_of_an_execution_is_counted_once(deployed: Deployment) -> None:
    client = deployed.client
    execution = client.wait(client.start("chain").id, TIMEOUT)
    expected = Counter(ExecutionsStarted=1, ExecutionsSucceeded=1, TimeToStart=12, JobDuration=12)
    counted = Counter[str]()
    deadline = time.monotonic() + TIMEOUT
    while counted != expected and time.monotonic() < deadline:
        time.sleep(0.5)
        said = lines(deployed.platform, execution.id)
        counted = Counter(name for line in said for name in METRICS if name in line)
    assert counted == expected
    started = {(line["job"], line["function_request_id"]) for line in said if line.get("message") == "started"}
    claims = {(status.name, status.request) for status in client.statuses(execution.id) if status.slot == "start"}
    assert started == claims
