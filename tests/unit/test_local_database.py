"""SecantusDB as the local platform runs it. What it reads at paths is in `tests/integration/test_paths.py`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from phaseline.local import ports
from phaseline.local.database import mend


def test_an_id_and_something_more_is_looked_up_by_the_id(tmp_path: Path) -> None:
    mend()
    from secantus.storage import Storage

    with closing(Storage(str(tmp_path))) as storage:
        storage.insert("d", "c", [{"_id": name, "n": 1} for name in "abc"])
        [found] = storage._try_index_id_keys("d", "c", {"_id": "b", "n": {"$gte": 1}})
        assert [found] == storage._try_index_id_keys("d", "c", {"_id": "b"})


def test_of_the_writes_that_may_be_repeated_the_oldest_are_forgotten() -> None:
    mend()
    from secantus import transactions

    clock = [0.0]
    registry = transactions.TransactionRegistry(time_func=lambda: clock[0])

    def kept() -> list[int]:
        return [number for number in range(10_003) if registry.retryable_reply(b"s", number, b"w") is not None]

    for number in range(10_003):
        clock[0] += 0.1
        registry.record_retryable(b"s", number, b"w", {"ok": 1, "n": number})
    assert kept() == list(range(3, 10_003))
    clock[0] += 30 * 60 - 0.15
    assert kept() == [10_001, 10_002]
    assert registry.retryable_reply(b"s", 10_002, b"another") is None


def test_a_write_costs_the_same_however_many_went_before() -> None:
    mend()
    from secantus import transactions

    looked = [0]

    class Counted(dict[Any, Any]):
        def __iter__(self) -> Iterator[Any]:
            for each in super().__iter__():
                looked[0] += 1
                yield each

        def items(self) -> Any:
            looked[0] += len(self)
            return super().items()

    registry = transactions.TransactionRegistry()
    registry._retryable = Counted()
    for number in range(2_000):
        registry.record_retryable(b"s", number, b"w", {"ok": 1})
    assert looked[0] <= 2_000


def test_what_a_write_was_answered_for_survives_a_kill(tmp_path: Path) -> None:
    port = ports.choose("mongo", str(tmp_path))
    (tmp_path / "none.toml").touch()
    command = [sys.executable, "-m", "phaseline.local.database", "--config", str(tmp_path / "none.toml")]
    command += ["--host", ports.HOST, "--port", str(port), "--storage-path", str(tmp_path / "data")]
    uri = f"mongodb://{ports.HOST}:{port}/?directConnection=true&w=majority"

    def asked(question: Callable[[Any], int]) -> int:
        with (
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server,
            MongoClient[dict[str, Any]](uri) as client,
        ):
            try:
                return question(client["d"]["c"])
            finally:
                server.kill()

    assert asked(lambda numbers: len([numbers.insert_one({"_id": number}) for number in range(50)])) == 50
    assert asked(lambda numbers: numbers.count_documents({})) == 50


def test_a_version_that_it_does_not_know_is_refused() -> None:
    code = (
        "from secantus.storage import Storage; del Storage._try_index_id_keys\n"
        "from phaseline.local.database import main; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 1
    assert "this version of SecantusDB is not the pinned one" in run.stderr
