"""An execution in memory has the statuses that it has over the real store and a MongoDB server."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from phaseline.config import Config, load
from phaseline.testing import run
from phaseline_runtime import current
from phaseline_runtime.advance import recover
from phaseline_runtime.client import Client
from phaseline_runtime.engine.fold import fold, new_execution
from phaseline_runtime.statuses import Status
from phaseline_runtime.store.store import Store
from tests.support.bus import Bus
from tests.support.faults import Clock

Handlers = dict[str, Callable[..., Any]]


def failing(times: int, value: Any = None) -> Callable[..., Any]:
    """A handler that fails so many times, and then returns the value."""
    left = [times]

    def handler(event: Any, context: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise LookupError("not yet")
        return value

    return handler


def counting() -> Callable[..., Any]:
    seen: list[Any] = []

    def handler(event: Any, context: Any) -> Any:
        seen.append(event)
        return len(seen)

    return handler


def echo(event: Any, context: Any) -> Any:
    return event


DATA = {"$where": 1, "a.b": [{"c": "$input"}], "d": 2.5, "e": None, "age": 20}
RETRY = {"interval": "5s", "max_attempts": 2}
CASES: dict[str, tuple[dict[str, Any], Callable[[], Handlers]]] = {
    "diamond": (
        {"phases": {"p": {"jobs": {"a": {}, "b": {"after": "a"}, "c": {"after": "a"}, "d": {"after": ["b", "c"]}}}}},
        dict,
    ),
    "data": (
        {
            "phases": {
                "p": {"jobs": {"a": {}}},
                "q": {
                    "when": {"results.a.d": {"$gte": 2, "$lt": 3}},
                    "jobs": {
                        "b": {"input": {"got": "$results.a", "sum": {"$add": ["$results.a.d", 1]}, "no": "$input.no"}},
                        "c": {"when": {"results.a.e": None, "input.age": {"$in": [20, 30]}}},
                        "d": {"when": {"results.a.a": {"$exists": True}}},
                    },
                },
                "r": {"when": {"visits.q": 2}, "jobs": {"e": {}}},
            }
        },
        lambda: {"a": echo, "b": echo},
    ),
    "retries": (
        {"phases": {"p": {"jobs": {"a": {"retry": RETRY}, "b": {"after": "a", "input": "$results.a"}}}}},
        lambda: {"a": failing(2, [1, {"x": None}]), "b": echo},
    ),
    "failures": (
        {
            "phases": {
                "p": {
                    "jobs": {
                        "a": {"on_failure": {"to": "q"}, "retry": RETRY},
                        "b": {"after": "a"},
                        "c": {"after": "a", "run_if": "all_done"},
                    }
                },
                "q": {"jobs": {"d": {"input": {"why": "$errors.a.message", "kind": "$errors.a.type"}}}},
            }
        },
        lambda: {"a": failing(9), "d": echo},
    ),
    "expressions that fail": (
        {
            "phases": {
                "p": {
                    "jobs": {
                        "a": {"input": {"$divide": [1, "$input.e"]}, "on_failure": "continue"},
                        "b": {"input": {"$toInt": "$input.nothing.x"}, "on_failure": "continue"},
                        "c": {"input": {"$divide": [1, {"$subtract": ["$input.age", 20]}]}, "on_failure": "continue"},
                    },
                    "next": [{"when": {"errors.c.type": "Phaseline.ExpressionFailed"}, "to": "q"}, {"to": "end"}],
                },
                "q": {"jobs": {"d": {}}},
            }
        },
        lambda: {"a": echo, "b": echo},
    ),
    "loop": (
        {
            "phases": {
                "p": {
                    "jobs": {"a": {}, "b": {"after": "a", "when": {"visits.p": {"$mod": [2, 0]}}}},
                    "next": [{"when": {"results.a": {"$lt": 4}}, "to": "q"}, {"to": "end"}],
                },
                "q": {"wait": "5m", "next": "p"},
            }
        },
        lambda: {"a": counting()},
    ),
    "saga": (
        {
            "phases": {
                "p": {
                    "jobs": {
                        "a": {"compensate": "u"},
                        "b": {"after": "a", "compensate": {"job": "u", "input": "$results.a"}},
                    }
                },
                "q": {"jobs": {"c": {}}},
            }
        },
        lambda: {"c": failing(9), "undo-b-1": failing(1, "done"), "a": echo},
    ),
    "waits": (
        {
            "deadline": "2h",
            "phases": {
                "p": {
                    "wait": "10m",
                    "jobs": {"a": {"wait": "5m"}, "b": {"after": "a", "wait": {"until": "$input.tide"}}},
                },
                "q": {"deadline": "1m", "jobs": {"c": {"retry": {"interval": "5m"}}}},
            },
        },
        lambda: {"c": failing(1)},
    ),
}


@pytest.fixture
def config(tmp_path: Path, request: pytest.FixtureRequest) -> Config:
    machine, _ = CASES[request.getfixturevalue("case")]
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "handler.py").write_text("def handler(event, context): ...\n")
    jobs = {name: {"code": "job", **({"retry": RETRY} if name == "u" else {})} for name in "abcdeu"}
    (tmp_path / "phaseline.yaml").write_text(json.dumps({"jobs": jobs, "state_machines": {"m": machine}}))
    return load(tmp_path / "phaseline.yaml")


def in_production(store: Store, config: Config, given: Any, handlers: Handlers) -> list[Status]:
    """The statuses of the same execution over the real store; when nothing happens, time passes until it does."""
    clock = Clock()
    client = Client(store.database.client, database=store.database.name)
    client.migrate({"m": config.state_machines["m"].definition})
    client.start("m", given, id="e", started_by="phaseline.testing")
    bus = Bus(store, handlers, clock=clock)
    while (found := bus.run("e"))["endedAt"] is None:
        clock.ahead += max(found["wakeAt"] - clock(), timedelta(milliseconds=1))
        recover(store, "e", clock=clock)
    return client.statuses("e")


def told(statuses: Sequence[Status]) -> list[Any]:
    """What each status says, but for the times of two clocks."""
    return sorted(
        (
            status.id,
            status.status,
            status.reason,
            status.phase,
            repr(status.input),
            repr(status.output),
            None if status.error is None else status.error["type"],
            None if status.next is None else status.next.get("phase", status.next.get("end")),
            status.passed_over,
            status.visit,
            None if status.retry is None else status.retry["attempt"],
        )
        for status in statuses
    )


@pytest.mark.parametrize("case", CASES)
def test_an_execution_in_memory_has_the_statuses_of_one_in_production(case: str, config: Config, store: Store) -> None:
    _, handlers = CASES[case]
    given = {**DATA, "tide": "2020-01-01T00:00:00Z"}
    result = run(config, "m", given, mocks=_as_mocks(handlers()), id="e")
    assert result.document["endedAt"] is not None
    assert told(result.statuses) == told(in_production(store, config, given, handlers()))


@pytest.mark.parametrize("case", CASES)
def test_the_document_in_memory_is_the_fold_of_its_statuses(case: str, config: Config) -> None:
    _, handlers = CASES[case]
    result = run(config, "m", DATA, mocks=_as_mocks(handlers()))
    first, *others = result.statuses
    hints = ("wakeAt", "settled", "lastAt")
    folded = fold(new_execution(first), others)
    assert {k: v for k, v in folded.items() if k not in hints} == {
        k: v for k, v in result.document.items() if k not in hints
    }


def _as_mocks(handlers: Handlers) -> Handlers:
    """By declared jobs: what undoes has no name of its own in the machine."""
    undone = {name: handler for name, handler in handlers.items() if name.startswith("undo-")}
    named = {name: handler for name, handler in handlers.items() if name not in undone}
    return {**named, **({"u": _undoing(undone)} if undone else {})}


def _undoing(handlers: Handlers) -> Callable[..., Any]:
    def handler(event: Any, context: Any) -> Any:
        undoes = handlers.get(current().name)
        return None if undoes is None else undoes(event, context)

    return handler
