"""Runs a part of the platform for as long as the folder is there in which all of it lies.

Whoever deletes the project, or cleans it (`git clean -fdx`), deletes with it what is known of the processes: nobody
could stop them any more. So they end by themselves. There is nothing left that they could put in order.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

EVERY = 1.0
"""Seconds between two looks at the folder."""


def end_with(folder: Path) -> None:
    """End this process, with all that it has started, once the folder is gone; another one of its name is not it."""
    threading.Thread(target=_watch, args=(folder, _identity(folder)), daemon=True).start()


def _watch(folder: Path, ours: tuple[int, int] | None) -> None:
    while _identity(folder) == ours:
        time.sleep(EVERY)
    print(f"{folder} is gone: ending", flush=True)
    os.killpg(0, signal.SIGKILL)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Which folder it is, or None where there is none."""
    try:
        found = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def main() -> None:
    """Run a module in the foreground: `python -m phaseline.local.part FOLDER MODULE ARGUMENTS…`."""
    folder, module, *arguments = sys.argv[1:]
    end_with(Path(folder))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
