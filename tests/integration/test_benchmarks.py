"""A benchmark that is told to end leaves nothing behind, as a time limit of a workflow or an impatient person does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phaseline.local.processes import stop_mentioning
from tests.support.mongo_server import VARIABLE

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(VARIABLE in os.environ, reason="the benchmark starts no server of its own then")
def test_a_benchmark_that_is_told_to_end_takes_its_server_with_it(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "history.py"), "--quick"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            deadline = time.monotonic() + 60
            while not list(tmp_path.glob("phaseline-bench-*/data/*")):
                assert running.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            running.send_signal(signal.SIGTERM)
        running.wait(60)
    assert stop_mentioning(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []
