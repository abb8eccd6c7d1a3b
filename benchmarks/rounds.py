"""One execution that goes round and round: what a round costs and how large its document is, early and late."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from phaseline_runtime import runner
from phaseline_runtime.advance import EVERYTHING, advance, recover
from phaseline_runtime.bundled.reconciling import move_on
from phaseline_runtime.client import Client
from phaseline_runtime.definition import Definition, Phase, Transition, Use
from phaseline_runtime.logs import logger
from phaseline_runtime.store.storable import size
from phaseline_runtime.store.store import Store
from tests.support.bus import ORCHESTRATOR, STATEMACHINE, event_of

log = logger("benchmark")


class Loop:
    """Executions of a machine whose one phase comes again and again, in an empty database."""

    def __init__(self, client: Client, store: Store) -> None:
        self._client, self._store = client, store
        uses = Use("a", "nothing"), Use("b", "nothing", ("a",))
        again = Phase("p", uses, next=(Transition("p"),), wait_for_jobs=("a", "b"))
        client.migrate({"loop": Definition("loop", (again, Phase("q", (Use("c", "nothing"),))))})

    def run(self, rounds: int, *, said: Callable[[str], None]) -> dict[str, Any]:
        """Run so many rounds, the last tenth of them in turns with the first rounds of a new execution.

        Each tenth is `said` when it is over.
        """
        old, tenth = self._start(), rounds // 10
        early = [self._round(old, number) for number in range(1, tenth + 1)]
        size_early = self._size(old)
        said(f"{tenth} rounds, {statistics.median(early):.1f} ms each")
        between = range(tenth + 1, rounds - tenth + 1)
        for begin in between[::tenth]:
            took = [self._round(old, number) for number in between if begin <= number < begin + tenth]
            said(f"{begin + len(took) - 1} rounds, {statistics.median(took):.1f} ms each")
        new, late, beside = self._start(), [], []
        for number in range(1, tenth + 1):
            late.append(self._round(old, rounds - tenth + number))
            beside.append(self._round(new, number))
        sizes = {"first_tenth": size_early, "last_tenth": self._size(old)}
        return {
            "rounds": rounds,
            "ms_per_round": {
                "first_tenth": round(statistics.median(early), 3),
                "last_tenth": round(statistics.median(late), 3),
                "new_execution_beside_the_last_tenth": round(statistics.median(beside), 3),
            },
            "ratio": round(statistics.median(late) / statistics.median(beside), 3),
            "document_bytes": sizes,
            "recover_ms": {"old": self._recovered(old), "new": self._recovered(new)},
            "settle_ms": {"old": self._settled(old), "new": self._settled(new)},
        }

    def _start(self) -> str:
        identifier = self._client.start("loop").id
        advance(self._store, identifier, [], EVERYTHING)
        return identifier

    def _round(self, execution: str, number: int) -> float:
        """One round through the runner and the two bundled Lambdas, in milliseconds."""
        begun = time.perf_counter()
        for name in ("a", "b"):
            place = f"{execution}/{number}/{name}/1"
            runner.run(self._store, {"detail": {"fullDocument": {"_id": f"{place}/entry"}}}, None, lambda *_: {})
            ended = self._store.status(f"{place}/end")
            assert ended is not None, place
            for part in (STATEMACHINE, ORCHESTRATOR):
                move_on(self._store, event_of(ended), part, log)
        return (time.perf_counter() - begun) * 1000

    def _size(self, execution: str) -> int:
        return size(self._document(execution))

    def _recovered(self, execution: str, times: int = 20) -> float:
        """One look of the watchdog at the running execution."""
        return _median(lambda: recover(self._store, execution), times)

    def _settled(self, execution: str, times: int = 5) -> float:
        """The watchdog's look at the execution once it has ended: what of earlier rounds is still to come?"""
        number = self._document(execution)["round"]["number"]
        event = {"detail": {"fullDocument": {"_id": f"{execution}/{number}/a/1/entry"}}}
        runner.run(self._store, event, None, lambda *_: 1 / 0)
        assert self._document(execution)["status"] == "failed"
        found = _median(lambda: recover(self._store, execution), times)
        assert self._document(execution)["settled"]
        return found

    def _document(self, execution: str) -> dict[str, Any]:
        found = self._store.execution(execution)
        assert found is not None
        return found


def _median(do: Callable[[], Any], times: int) -> float:
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        do()
        took.append((time.perf_counter() - begun) * 1000)
    return round(statistics.median(took), 3)
