"""A storm: relay, functions and emulator are killed again and again, and the database is restarted, while many run.

How many run is PHASELINE_STORM, 40 by default: more says more and takes longer. Every eighth of them brings a blow.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from phaseline_runtime.client import Client
from phaseline_runtime.errors import DatabaseUnavailable
from tests.support.deployment import Deployment

EXECUTIONS = int(os.environ.get("PHASELINE_STORM", "40"))
BLOWS = max(8, EXECUTIONS // 8)
TIMEOUT = max(420, 4 * EXECUTIONS)
JOBS = ["a", "b", "c", "d"]


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def functions_of(deployed: Deployment) -> list[int]:
    """The processes in which functions run."""
    emulator = deployed.platform.state.part("aws").pid
    found = subprocess.run(["pgrep", "-P", str(emulator)], capture_output=True, text=True, check=False).stdout
    return [int(pid) for pid in found.split()]


def strike(deployed: Deployment, turn: int, dice: random.Random) -> str:
    """One blow: mostly at functions and the relay, once in a while at the emulator, and once at the database."""
    state = deployed.platform.state
    if turn % 8 == 2:
        kill(state.part("aws").pid or 0)
        return "emulator"
    if turn == 5:
        deployed.stop_part("mongo")
        return "database"
    if turn % 2:
        kill(state.part("relay").pid or 0)
        return "relay"
    victims = functions_of(deployed)
    for pid in dice.sample(victims, min(2, len(victims))):
        kill(pid)
    return "functions"


def storm(deployed: Deployment) -> list[str]:
    """Strike every few seconds, and mend the platform after each blow; what was struck."""
    dice = random.Random(7)
    struck = []
    for turn in range(BLOWS):
        time.sleep(1)
        struck.append(strike(deployed, turn, dice))
        time.sleep(0.5)
        deployed.platform.up()
    return struck


def patiently_start(client: Client, machine: str, identifier: str) -> None:
    """Start as a caller does that is told that the database is away: again, with the same id."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            client.start(machine, id=identifier)
        except DatabaseUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


def test_whatever_is_killed_all_end_rightly_and_nothing_runs_twice(deployed: Deployment) -> None:
    client = deployed.client
    identifiers = [f"storm-{number}" for number in range(EXECUTIONS)]
    with ThreadPoolExecutor(max_workers=1) as pool:
        storming = pool.submit(storm, deployed)
        for identifier in identifiers:
            patiently_start(client, "stormy", identifier)
            time.sleep(2 * BLOWS / EXECUTIONS)
        struck = storming.result()
    assert {"emulator", "database", "relay", "functions"} <= set(struck)
    for execution in deployed.complete(identifiers, timeout=TIMEOUT):
        identifier = execution.id
        assert execution.status == "success", execution.document["error"]
        started = Counter(s.id for s in client.statuses(identifier) if s.status == "started" and s.kind == "job")
        attempts = Counter(deployed.attempts(identifier))
        # The jobs have counted for themselves: no attempt ran twice, each job ran, and none without a claim.
        assert set(attempts.values()) == {1}
        assert {name for name, _ in attempts} == set(JOBS)
        assert {f"{identifier}/1/{name}/{attempt}/start" for name, attempt in attempts} <= set(started)
        assert client.rebuild(identifier) == []
