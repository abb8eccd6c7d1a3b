"""A storm: relay, functions and emulator are killed again and again, and the database is restarted, while many run.

How many run is PHASELINE_STORM, 40 by default: more says more and takes longer.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from botocore.exceptions import BotoCoreError, ClientError

from phaseline_runtime.client import Client
from phaseline_runtime.errors import DatabaseUnavailable
from tests.support.deployment import Deployment

EXECUTIONS = int(os.environ.get("PHASELINE_STORM", "40"))
TIMEOUT = 420
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
    if turn == 4:
        kill(state.part("aws").pid or 0)
        return "emulator"
    if turn == 7:
        deployed.stop_part("mongo")
        return "database"
    if turn % 2:
        kill(state.part("relay").pid or 0)
        return "relay"
    victims = functions_of(deployed)
    for pid in dice.sample(victims, min(2, len(victims))):
        kill(pid)
    return "functions"


@contextmanager
def storm(deployed: Deployment, blows: int = 12) -> Iterator[list[str]]:
    """Strike every few seconds while the block runs, and mend the platform after each blow."""
    struck: list[str] = []
    over = threading.Event()

    def blow() -> None:
        dice = random.Random(7)
        for turn in range(blows):
            if over.wait(2):
                return
            struck.append(strike(deployed, turn, dice))
            time.sleep(0.5)
            deployed.platform.up()

    thread = threading.Thread(target=blow)
    thread.start()
    try:
        yield struck
    finally:
        over.set()
        thread.join(120)
        deployed.platform.up()


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


def sweep(deployed: Deployment) -> None:
    """Call the watchdog, as its schedule does each minute; where it cannot be called now, the next time will do."""
    try:
        deployed.invoke("watchdog_job")
    except (BotoCoreError, ClientError, AssertionError):
        time.sleep(0.5)


def test_whatever_is_killed_all_end_rightly_and_nothing_runs_twice(deployed: Deployment) -> None:
    client = deployed.client
    identifiers = [f"storm-{number}" for number in range(EXECUTIONS)]
    with storm(deployed) as struck:
        for identifier in identifiers:
            patiently_start(client, "stormy", identifier)
            time.sleep(24 / EXECUTIONS)
        while len(struck) < 12:
            time.sleep(0.2)
    assert {"emulator", "database", "relay", "functions"} <= set(struck)
    deadline = time.monotonic() + TIMEOUT
    open_ = set(identifiers)
    while open_ and time.monotonic() < deadline:
        sweep(deployed)
        time.sleep(1)
        open_ -= {execution.id for execution in client.find({"_id": {"$in": list(open_)}}, limit=0) if execution.ended}
    assert not open_
    for identifier in identifiers:
        execution = client.get(identifier)
        assert execution is not None
        assert execution.status == "success", execution.document["error"]
        started = Counter(s.id for s in client.statuses(identifier) if s.status == "started" and s.kind == "job")
        attempts = Counter(deployed.attempts(identifier))
        # The jobs have counted for themselves: no attempt ran twice, each job ran, and none without a claim.
        assert set(attempts.values()) == {1}
        assert {name for name, _ in attempts} == set(JOBS)
        assert {f"{identifier}/1/{name}/{attempt}/start" for name, attempt in attempts} <= set(started)
        assert client.rebuild(identifier) == []
