"""What a transition costs, on the local platform with everything real: `python benchmarks/transition.py`.

Prints JSON. Milliseconds depend on the machine, so each stands beside a ratio to two things measured in the same run
on the same parts: a bare hop (PutEvents -> rule -> the handler of a warm function) and a bare insert of a status-sized
document. What one transition from job to job needs at the least on any platform is two inserts and one hop.
"""

from __future__ import annotations

import io
import json
import signal
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from phaseline_runtime.client import Client  # noqa: E402
from phaseline_runtime.statuses import Status  # noqa: E402
from tests.support.commands import Commands  # noqa: E402
from tests.support.deployment import BUS, DATABASE, Deployment  # noqa: E402

CHAIN, FAN, MANY = 10, 100, 200
TIMEOUT = 600.0


def _chain(length: int) -> dict[str, Any]:
    uses = {f"j{n}": {"job": "nothing"} | ({"after": [f"j{n - 1}"]} if n else {}) for n in range(length)}
    return {"phases": {"p": {"jobs": uses}}}


CONFIG: dict[str, Any] = {
    "defaults": {"memory": 256, "timeout": "30s"},
    "jobs": {"nothing": {"code": "jobs/nothing"}},
    "state_machines": {
        "chain": _chain(CHAIN),
        "fan": {"phases": {"p": {"jobs": {f"j{n}": {"job": "nothing"} for n in range(FAN)}}}},
    },
}
NOTHING = "def handler(input, context):\n    return {}\n"
HOP = "import time\ndef handler(event, context):\n    open(FILE, 'a').write(f'{time.time()}\\n')\n"


@dataclass
class Costs:
    """What the parts have done between two moments: calls of functions, and commands per collection."""

    invocations: int
    commands: dict[str, int]


class Meter:
    """Reads the counters of the emulator and of the database."""

    def __init__(self, deployment: Deployment, mongo: MongoClient[Any], own: Commands) -> None:
        self._logs = deployment.aws("logs")
        pages = deployment.aws("lambda").get_paginator("list_functions").paginate()
        self._groups = [function["LoggingConfig"]["LogGroup"] for page in pages for function in page["Functions"]]
        self._mongo, self._own = mongo, own

    @contextmanager
    def measure(self, costs: Costs) -> Iterator[None]:
        """Fill in what was done inside the block by others than this program."""
        self._own.clear()
        invocations, commands = self._invocations(), self._commands()
        yield
        time.sleep(2)  # The last events of an execution arrive after its end.
        mine: dict[str, int] = {}
        for name in self._own.names():
            mine[name.split()[1]] = mine.get(name.split()[1], 0) + 1
        costs.invocations = self._invocations() - invocations
        after = self._commands()
        costs.commands = {
            name: after[name] - commands.get(name, 0) - mine.get(name, 0) for name in after if name in _COUNTED
        }

    def _invocations(self) -> int:
        """How often any function was called, as their logs say: each call begins with a line of its own."""
        pages = self._logs.get_paginator("filter_log_events")
        total = 0
        for group in self._groups:
            try:
                found = [page["events"] for page in pages.paginate(logGroupName=group, filterPattern="START")]
            except self._logs.exceptions.ResourceNotFoundException:
                continue  # It has never been called.
            total += sum(event["message"].startswith("START ") for events in found for event in events)
        return total

    def _commands(self) -> dict[str, int]:
        totals = self._mongo.admin.command("top")["totals"]
        prefix = f"{DATABASE}."
        return {
            space.removeprefix(prefix): int(counts["total"]["count"])
            for space, counts in totals.items()
            if space.startswith(prefix)
        }


_COUNTED = ("statuses", "state-machines", "definitions")


def main() -> int:
    """Deploy, measure, print, clean up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Who is told to end leaves no server behind.
    with tempfile.TemporaryDirectory(prefix="phaseline-bench-") as folder:
        deployment = Deployment(Path(folder), CONFIG, {"nothing": NOTHING})
        try:
            deployment.up()
            result = _measure(deployment, Path(folder))
        finally:
            deployment.down()
    print(json.dumps(result, indent=2))
    return 0


def _measure(deployment: Deployment, folder: Path) -> dict[str, Any]:
    own = Commands()
    with MongoClient[Any](deployment.platform.state.mongo_uri, event_listeners=[own]) as mongo:
        client = Client(mongo, database=DATABASE)
        meter = Meter(deployment, mongo, own)
        first = _runs(client, "chain", 1)
        _runs(client, "chain", 3)
        hop = _bare_hop(deployment, folder / "hops")
        insert = _bare_insert(mongo)
        chain_costs, fan_costs, many_costs = (Costs(0, {}) for _ in range(3))
        with meter.measure(chain_costs):
            chains = _runs(client, "chain", 10)
        with meter.measure(fan_costs):
            fans = _runs(client, "fan", 3)
        with meter.measure(many_costs):
            many_ms = _at_once(client, "chain", MANY)
        floor = hop + 2 * insert
        return {
            "bare": {"hop_ms": _round(hop), "insert_ms": _round(insert), "floor_ms": _round(floor)},
            "chain_of_10_cold": _times(first, CHAIN, floor),
            "chain_of_10": {
                **_times(chains, CHAIN, floor),
                "parts_ms": _parts([client.statuses(e) for e in chains.ids]),
                "per_job": _per_job(chain_costs, client, chains.ids, CHAIN),
            },
            "fan_out_100": {
                **_times(fans, FAN, floor),
                "per_job": _per_job(fan_costs, client, fans.ids, FAN),
            },
            "chains_at_once_200": {
                "total_ms": _round(many_ms.took[0]),
                "ms_per_transition": _round(many_ms.took[0] / (MANY * CHAIN)),
                "ratio_to_floor": _round(many_ms.took[0] / (MANY * CHAIN) / floor),
                "per_job": _per_job(many_costs, client, many_ms.ids, CHAIN),
            },
        }


@dataclass
class Runs:
    """Executions with how long each took, in milliseconds from `start` until the end was recorded."""

    ids: list[str]
    took: list[float]


def _runs(client: Client, machine: str, times: int) -> Runs:
    """One after the other."""
    runs = Runs([], [])
    for _ in range(times):
        begun = time.time()
        identifier = client.start(machine).id
        document = client.wait(identifier, TIMEOUT).document
        assert document["status"] == "success", document
        runs.ids.append(identifier)
        runs.took.append((document["endedAt"].replace(tzinfo=UTC).timestamp() - begun) * 1000)
        time.sleep(0.5)
    return runs


def _at_once(client: Client, machine: str, times: int) -> Runs:
    begun = time.time()
    ids = [client.start(machine).id for _ in range(times)]
    ends = [client.wait(each, TIMEOUT).document["endedAt"].replace(tzinfo=UTC).timestamp() for each in ids]
    return Runs(ids, [(max(ends) - begun) * 1000])


def _times(runs: Runs, jobs: int, floor: float) -> dict[str, Any]:
    each = [took / jobs for took in runs.took]
    return {
        "total_ms": _summary(runs.took),
        "ms_per_transition": _summary(each),
        "ratio_to_floor": _round(statistics.median(each) / floor),
    }


def _parts(executions: Sequence[Sequence[Status]]) -> dict[str, float]:
    """Where the time of a chain goes, as medians: deciding, bus and invocation, the handler with its two inserts."""
    decide, arrive, handle = [], [], []
    for statuses in executions:
        found = {(s.name, s.slot): s.at for s in statuses if s.kind == "job"}
        for number in range(CHAIN):
            triggered, started, ended = (found[f"j{number}", slot] for slot in ("entry", "start", "end"))
            assert triggered is not None
            assert started is not None
            assert ended is not None
            arrive.append(_ms(triggered, started))
            handle.append(_ms(started, ended))
            if number:
                before = found[f"j{number - 1}", "end"]
                assert before is not None
                decide.append(_ms(before, triggered))
    return {
        "end_to_next_triggered": _round(statistics.median(decide)),
        "triggered_to_started": _round(statistics.median(arrive)),
        "started_to_ended": _round(statistics.median(handle)),
    }


def _ms(before: datetime, after: datetime) -> float:
    return (after - before).total_seconds() * 1000


def _per_job(costs: Costs, client: Client, ids: Sequence[str], jobs: int) -> dict[str, Any]:
    count = len(ids) * jobs
    events = sum(len(client.statuses(each)) for each in ids)
    return {
        "events": _round(events / count),
        "invocations": _round(costs.invocations / count),
        "mongodb_round_trips": _round(sum(costs.commands.values()) / count),
        "round_trips_by_collection": {name: _round(number / count) for name, number in sorted(costs.commands.items())},
    }


def _bare_hop(deployment: Deployment, file: Path, times: int = 30) -> float:
    """PutEvents to the first line of a warm function: the median in milliseconds."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("hop.py", HOP.replace("FILE", repr(str(file))))
    functions, events = deployment.aws("lambda"), deployment.aws("events")
    made = functions.create_function(
        FunctionName="bare-hop",
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/bare-hop",
        Handler="hop.handler",
        Code={"ZipFile": archive.getvalue()},
        MemorySize=256,
    )
    events.put_rule(Name="bare-hop", EventBusName=BUS, EventPattern=json.dumps({"source": ["bare"]}))
    events.put_targets(Rule="bare-hop", EventBusName=BUS, Targets=[{"Id": "hop", "Arn": made["FunctionArn"]}])
    entry = {"Source": "bare", "DetailType": "hop", "Detail": "{}", "EventBusName": BUS}
    took = []
    for number in range(times + 5):
        begun = time.time()
        events.put_events(Entries=[entry])
        lines = _eventually(lambda: file.read_text().split() if file.exists() else [], number + 1)
        if number >= 5:
            took.append((float(lines[-1]) - begun) * 1000)
    return statistics.median(took)


def _eventually(read: Callable[[], list[str]], length: int) -> list[str]:
    deadline = time.monotonic() + TIMEOUT
    while len(lines := read()) < length:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{length} lines were awaited and {len(lines)} came")
        time.sleep(0.005)
    return lines


def _bare_insert(mongo: MongoClient[Any], times: int = 200) -> float:
    """One acknowledged insert of a document of a status's size: the median in milliseconds."""
    collection = mongo[DATABASE]["bare"]
    took = []
    for number in range(times):
        document = {"_id": f"bare/{number}", "text": "x" * 400, "at": datetime.now(UTC)}
        begun = time.perf_counter()
        collection.insert_one(document)
        took.append((time.perf_counter() - begun) * 1000)
    collection.drop()
    return statistics.median(took)


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {
        "min": _round(min(values)),
        "median": _round(statistics.median(values)),
        "max": _round(max(values)),
    }


def _round(value: float) -> float:
    return round(value, 2)


if __name__ == "__main__":
    sys.exit(main())
