"""From a file to a `Config`: read, check everything, compile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from phaseline.config.checks.validator import validate
from phaseline.config.compiler import config_of
from phaseline.config.faults import ConfigError, Faults
from phaseline.config.models import Config
from phaseline.config.reading import positions
from phaseline.config.reading.keys import FILE
from phaseline_runtime.errors import UserError


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
        UserError: the path is none, or the values are no mapping.
    """
    if not isinstance(path, str | Path):
        raise UserError(f"load: path: got {_kind(path)}; expected is that of a config file, such as `phaseline.yaml`")
    if values is not None and not isinstance(values, Mapping):
        raise UserError(f'load: values: got {_kind(values)}; expected is a mapping, such as {{"STAGE": "prod"}}')
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


def _kind(given: object) -> str:
    return "None" if given is None else f"a value of type {type(given).__name__}"


def _displayed(path: Path) -> str:
    """The path as a message shows it: from the working directory where the file is below it."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(path)
