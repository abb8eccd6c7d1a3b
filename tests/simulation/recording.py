"""Records every operation of a simulated run on its database, in the order in which they took effect, with its answer.

`tests/integration/test_memory_store.py` does the same on a server and compares the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.simulation.memory_database import Collection, Database
from tests.simulation.memory_store import MemoryStore
from tests.simulation.memory_transactions import Session, Transaction
from tests.simulation.world import World

Operations = list["Operation | list[Operation]"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `find_now`, `insert_now` or `update_now` of a collection, `write_now` or `evaluate_now` of the
    store.
    """

    collection: str
    what: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    answer: Any


class Recorded(Database):
    """A database that keeps what is done to it. A list stands for a transaction that has committed."""

    def __init__(self, gate: Callable[[Callable[[], Any]], Any]) -> None:
        super().__init__(gate)
        self.operations: Operations = []
        self._transaction: list[Operation] | None = None

    def gated(self, operation: Callable[[], Any]) -> Any:
        """Do one operation, and note it down when it takes effect."""
        return super().gated(lambda: self._recorded(operation))

    def _recorded(self, operation: Callable[[], Any]) -> Any:
        if not isinstance(operation, partial):
            return operation()
        owner = operation.func.__self__  # type: ignore[attr-defined]
        if isinstance(owner, (Session, Transaction)):
            return self._together(operation)
        answer = operation()
        name = owner.name if isinstance(owner, Collection) else "state-machines"
        assert isinstance(owner, (Collection, MemoryStore))
        done = Operation(name, operation.func.__name__, operation.args, dict(operation.keywords), answer)
        (self.operations if self._transaction is None else self._transaction).append(done)
        return answer

    def _together(self, operation: Callable[[], Any]) -> Any:
        """What belongs to a transaction is one entry, if it has come about and there is anything in it."""
        self._transaction = []
        try:
            answer = operation()
            if self._transaction:
                self.operations.append(self._transaction)
        finally:
            self._transaction = None
        return answer


def recorded(seed: int) -> Operations:
    """What a seed does to its database."""
    world = World(seed, database=Recorded)
    world.run()
    assert isinstance(world.database, Recorded)
    return world.database.operations


def single(operations: Operations) -> Iterator[Operation]:
    """Each of them, those inside of transactions too."""
    for each in operations:
        yield from each if isinstance(each, list) else [each]
