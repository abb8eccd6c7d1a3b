"""A MongoDB server for tests and benchmarks: SecantusDB, or a real one where PHASELINE_TEST_MONGODB names it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

VARIABLE = "PHASELINE_TEST_MONGODB"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URI of a server that runs inside the block, with its data and its log in this folder."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "phaseline.local.database", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--storage-path", str(folder / "data")]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        try:
            uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
            _wait(uri, folder / "log")
            yield uri
        finally:
            running.terminate()
            running.wait()  # Of an interrupted block, Popen waits for a quarter of a second.


def _wait(uri: str, log: Path) -> None:
    deadline = time.monotonic() + 30
    with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=200) as client:
        while True:
            try:
                client.admin.command("ping")
            except PyMongoError:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}") from None
                time.sleep(0.05)
            else:
                return
