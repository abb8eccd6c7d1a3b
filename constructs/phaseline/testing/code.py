"""The code of a job as Lambda would find it: its folder first on the path, its modules its own, its variables set."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from phaseline_runtime.errors import UserError


class Code:
    """The code of one job, loaded once: one warm sandbox.

    Every job has a `handler.py`, so what a job imports from its own folder is there only while the job runs.
    """

    def __init__(self, job: str, folder: Path, handler: str, environment: Mapping[str, str]) -> None:
        self._job = job
        self._folder = folder
        self._handler = handler
        self._environment = environment
        self._modules: dict[str, ModuleType] = {}
        self._loaded: Callable[..., Any] | None = None
        self._own = {path.stem for path in folder.iterdir()} if folder.is_dir() else set()
        """The names that an import finds in the folder first."""

    def load(self) -> Callable[..., Any]:
        """The handler. Raises UserError where it cannot be imported on this machine."""
        if self._loaded is None:
            module, _, function = self._handler.rpartition(".")
            with self.active():
                before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
                try:
                    self._loaded = getattr(importlib.import_module(module), function)
                except Exception as error:
                    raise UserError(
                        f"job {self._job}: {self._handler} in {self._folder} cannot be imported here: "
                        f"{type(error).__name__}: {error}; mend that (its requirements.txt may be missing here), "
                        f"or mock it: mocks={{'{self._job}': returns(…)}}"
                    ) from error
                finally:
                    sys.dont_write_bytecode = before
        return self._loaded

    @contextmanager
    def active(self) -> Iterator[None]:
        """The path, the modules and the variables of this job, for what runs in here."""
        hidden = self._take()
        sys.modules.update(self._modules)
        sys.path.insert(0, str(self._folder))
        before = {name: os.environ.get(name) for name in self._environment}
        os.environ.update(self._environment)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            sys.path.remove(str(self._folder))
            self._modules = self._take()
            sys.modules.update(hidden)

    def _take(self) -> dict[str, ModuleType]:
        """Take the modules with a name of the folder's from those that are imported."""
        taken: dict[str, ModuleType] = {}
        for name in [each for each in self._own if each in sys.modules]:
            taken[name] = sys.modules.pop(name)
            if hasattr(taken[name], "__path__"):
                below = [each for each in sys.modules if each.startswith(f"{name}.")]
                taken |= {each: sys.modules.pop(each) for each in below}
        return taken
