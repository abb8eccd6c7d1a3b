"""What history costs: `python benchmarks/history.py`, with `--quick` up to 10^5 statuses only.

The same operations over collections with 10^3, 10^5 and 10^6 statuses, and the rounds of one execution that goes on for
10,000 of them. Prints JSON; what is measured on the way goes to the error stream. Milliseconds depend on the machine,
so each stands beside its ratio to what was measured among the fewest statuses, or by the side of a new execution: in
turns with it, so that a busy machine disturbs both.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.filling import chain, fill  # noqa: E402
from benchmarks.rounds import Loop  # noqa: E402
from phaseline_runtime import runner  # noqa: E402
from phaseline_runtime.advance import EVERYTHING, advance  # noqa: E402
from phaseline_runtime.bundled.reconciling import move_on  # noqa: E402
from phaseline_runtime.bundled.watchdog_job import sweep  # noqa: E402
from phaseline_runtime.client import Client  # noqa: E402
from phaseline_runtime.clock import now  # noqa: E402
from phaseline_runtime.logs import logger  # noqa: E402
from phaseline_runtime.store.connection import database  # noqa: E402
from phaseline_runtime.store.newest import newest  # noqa: E402
from phaseline_runtime.store.store import Store  # noqa: E402
from tests.support.bus import ORCHESTRATOR, STATEMACHINE, event_of  # noqa: E402
from tests.support.faults import Clock  # noqa: E402
from tests.support.mongo_server import server  # noqa: E402

SIZES = (1_000, 100_000, 1_000_000)
WARM_UP, TIMES, TRANSITIONS, DUE = 5, 50, 10, 10

log = logger("benchmark")


@dataclass
class Place:
    """One database with so many statuses in it, and what was measured there, in milliseconds."""

    size: int
    client: Client
    store: Store
    executions: int = 0
    filled: datetime = field(default_factory=now)
    """When it began to be filled in: the history ends then, however long that took."""
    took: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def measure(self, what: str) -> Iterator[None]:
        """Take the time of the block."""
        begun = time.perf_counter()
        yield
        self.took.setdefault(what, []).append((time.perf_counter() - begun) * 1000)

    def forget(self, *executions: str) -> None:
        """Take these executions out again, so that the place keeps its size."""
        self.store.statuses.delete_many({"execution": {"$in": list(executions)}})
        self.store.executions.delete_many({"_id": {"$in": list(executions)}})


def main() -> int:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="leave out the 10^6 statuses")
    parser.add_argument("--rounds", type=int, default=10_000, help="of the long execution")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Who is told to end leaves no server behind.
    logging.disable(logging.CRITICAL)
    sizes = SIZES[:2] if options.quick else SIZES
    with tempfile.TemporaryDirectory(prefix="phaseline-bench-") as folder, server(Path(folder)) as uri:
        result = _measure(uri, sizes, options.rounds)
    print(json.dumps(result, indent=2))
    return 0


def _measure(uri: str, sizes: Sequence[int], rounds: int) -> dict[str, Any]:
    with MongoClient[Any](uri) as mongo:
        names = [f"phaseline_history_{size}" for size in (*sizes, 0)]
        for name in names:
            mongo.drop_database(name)
        try:
            places = [Place(size, *_opened(mongo, name)) for size, name in zip(sizes, names, strict=False)]
            for place in places:
                place.filled = now()
                place.executions = fill(place.client, place.store, place.size)
                _say(f"{place.size} statuses are there")
            _in_turns(places)
            by_size = _by_size(places)
            _say(json.dumps(by_size))
            _say("now the rounds")
            return {"history": by_size, "rounds": Loop(*_opened(mongo, names[-1])).run(rounds, said=_say)}
        finally:
            for name in names:
                mongo.drop_database(name)


def _opened(mongo: MongoClient[Any], name: str) -> tuple[Client, Store]:
    return Client(mongo, database=name), Store(database(mongo, name))


def _in_turns(places: Sequence[Place]) -> None:
    """Measure in each place once, then in each once more, and so on."""
    for place in places:
        place.client.migrate({"m": chain("m", TRANSITIONS)})
    for time_ in range(WARM_UP + TIMES):
        if time_ == WARM_UP:
            for place in places:
                place.took.clear()
        for part in (_transitions, _lists, _statuses, _sweeps):
            for place in places:
                part(place)


def _transitions(place: Place) -> None:
    """A job's way through the runner, and the two bundled Lambdas that hear of its end."""
    identifier = place.client.start("m").id
    advance(place.store, identifier, [], EVERYTHING)
    for number in range(TRANSITIONS):
        slots = [f"{identifier}/1/j{number}/1/{slot}" for slot in ("entry", "end")]
        with place.measure("transition"):
            runner.run(place.store, {"detail": {"fullDocument": {"_id": slots[0]}}}, None, lambda *_: {})
            ended = place.store.status(slots[1])
            assert ended is not None
            for part in (STATEMACHINE, ORCHESTRATOR):
                move_on(place.store, event_of(ended), part, log)
    assert place.client.wait(identifier, 0).status == "success"
    place.forget(identifier)


def _lists(place: Place) -> None:
    """The newest 50, as `phaseline list` asks for them: as many as if the history had just been filled in."""
    since = {"startedAt": {"$gte": place.filled - timedelta(minutes=50)}}
    queries: dict[str, tuple[dict[str, Any], int]] = {
        "list": ({}, 50),
        "list_machine": ({"stateMachine": "n"}, 50),
        "list_status": ({"status": "failed"}, 50),
        "list_two_statuses": ({"status": {"$in": ["failed", "cancelled"]}}, 50),
        "list_machine_status": ({"stateMachine": "n", "status": "failed"}, 50),
        "list_since": (since, 50),
        "list_machine_status_since": ({"stateMachine": "n", "status": "success", **since}, 20),
        "list_none": ({"stateMachine": "n", "status": "running"}, 0),
    }
    for name, (query, expected) in queries.items():
        with place.measure(name):
            found = list(newest(place.store.executions, query, expected or 50, place.filled))
        assert len(found) == expected, (name, len(found))


def _statuses(place: Place) -> None:
    [last] = place.client.find({"stateMachine": "n"}, limit=1)
    with place.measure("statuses_of_one_execution"):
        assert len(place.client.statuses(last.id)) == 8


def _sweeps(place: Place) -> None:
    """Nothing due; executions whose first event got lost; executions that have ended and are to be settled."""
    with place.measure("sweep_nothing_due"):
        assert sweep(place.store)["looked"] == 0
    identifiers = [place.client.start("n").id for _ in range(DUE)]
    clock = Clock().later(minutes=1)
    with place.measure(f"sweep_{DUE}_lost"):
        assert sweep(place.store, clock=clock)["looked"] == DUE
    for identifier in identifiers:
        event = {"detail": {"fullDocument": {"_id": f"{identifier}/1/j0/1/entry"}}}
        runner.run(place.store, event, None, lambda *_: {})
    with place.measure(f"sweep_{DUE}_ended"):
        assert sweep(place.store, clock=clock.later(minutes=1))["looked"] == DUE
    place.forget(*identifiers)


def _by_size(places: Sequence[Place]) -> dict[str, Any]:
    first = places[0]
    found: dict[str, Any] = {
        "statuses": {str(place.size): {"executions": place.executions} for place in places},
        "repetitions": {what: len(took) for what, took in first.took.items()},
    }
    for what in first.took:
        found[what] = {
            str(place.size): {
                "ms": round(statistics.median(place.took[what]), 3),
                "ratio": round(_ratio(place.took[what], first.took[what]), 3),
            }
            for place in places
        }
    return found


def _ratio(took: Sequence[float], beside: Sequence[float]) -> float:
    return statistics.median(took) / statistics.median(beside)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
