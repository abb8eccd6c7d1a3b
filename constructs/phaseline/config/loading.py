"""From a file to a `Config`: read, check everything, compile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from phaseline.config import positions
from phaseline.config.compiler import config_of
from phaseline.config.faults import ConfigError, Faults
from phaseline.config.keys import FILE
from phaseline.config.models import Config
from phaseline.config.validator import validate


def load(path: Path | str = "phaseline.yaml", *, values: Mapping[str, str] | None = None) -> Config:
    """Read and check a config file.

    Args:
        path: the file.
        values: what `${NAME}` stands for. None leaves it as it is, which suffices for checking and drawing; to be
            deployed or run, a file that has such names needs them.

    Returns:
        The config, with `warnings` for what is probably not meant.

    Raises:
        ConfigError: something is wrong; `faults` holds everything that is, sorted by line.
    """
    path = Path(path)
    faults = Faults(_displayed(path))
    root = positions.read(path, faults, values)
    file = None if root is None else FILE.read(root, faults)
    if file is not None:
        validate(file, path.absolute().parent, faults)
        if not faults:
            config = config_of(file, path.absolute(), faults)
            if not faults:
                return config
    raise ConfigError(faults.faults, faults.warnings)


def _displayed(path: Path) -> str:
    """The path as a message shows it: from the working directory where the file is below it."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(path)
