"""SecantusDB as the local platform runs it. What it reads at paths is in `tests/integration/test_paths.py`."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from phaseline.local.database import mend


def test_an_id_and_something_more_is_looked_up_by_the_id(tmp_path: Path) -> None:
    mend()
    from secantus.storage import Storage

    with closing(Storage(str(tmp_path))) as storage:
        storage.insert("d", "c", [{"_id": name, "n": 1} for name in "abc"])
        [found] = storage._try_index_id_keys("d", "c", {"_id": "b", "n": {"$gte": 1}})
        assert [found] == storage._try_index_id_keys("d", "c", {"_id": "b"})


def test_a_version_that_it_does_not_know_is_refused() -> None:
    code = (
        "from secantus.storage import Storage; del Storage._try_index_id_keys\n"
        "from phaseline.local.database import main; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 1
    assert "this version of SecantusDB is not the pinned one" in run.stderr
