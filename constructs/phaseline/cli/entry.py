"""The root of the command line: its groups, and the one place that turns errors into messages and exit codes.

0 = done, 1 = the execution failed, or a command has found or left something (docs/command-line.md), 2 = the user's
mistake, 3 = the platform or database cannot be reached, 130 = interrupted by Ctrl-C. An error that is none of ours is
a fault of Phaseline: it keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from phaseline.cli.interrupt import Interrupted, ReaderGone
from phaseline.cli.options import Version
from phaseline.cli.output import PREFIX, complain

EXECUTION_FAILED = 1
USER_MISTAKE = 2
UNREACHABLE = 3
INTERRUPTED = 130

NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
"""What a machine answers where a file may not or cannot be written (or read): its owner has to mend that."""


class _Group(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        # Typer would turn either into a bare exit code.
        except KeyboardInterrupt:
            raise Interrupted from None
        except BrokenPipeError:
            raise ReaderGone from None


app = typer.Typer(
    name="phaseline",
    cls=_Group,
    help="Orchestrate AWS Lambda functions with MongoDB.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _root(version: Version = False) -> None:
    """Orchestrate AWS Lambda functions with MongoDB."""


def _add_commands() -> None:
    from phaseline.cli import (
        atlas,
        config_files,
        dead_letters,
        demo,
        executions,
        local_platform,
        migrating,
        operating,
        project,
    )

    for module in (project, config_files, executions, operating, migrating, demo):
        module.add_to(app)
    app.add_typer(dead_letters.group)
    app.add_typer(atlas.group)
    app.add_typer(local_platform.group)


_add_commands()


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; what went wrong has been said on stderr."""
    try:
        code = app(list(arguments), prog_name="phaseline", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except Interrupted as interrupt:
        complain(str(interrupt) or "interrupted")
        return INTERRUPTED
    except ReaderGone:
        # Nothing may be flushed into the closed pipe at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        code = _known(error)
        if code is None:
            raise
        return code


def _known(error: Exception) -> int | None:
    """Say what is wrong and return the exit code, or None for an error that nobody expected."""
    if isinstance(error, typer.Abort):
        complain("interrupted")
        return INTERRUPTED
    if hasattr(error, "format_message"):  # What Typer says of wrong options; its classes are private.
        if error.format_message():  # Nothing where no command was given: the help has been printed then.
            complain(_usage(error))
        return USER_MISTAKE
    from phaseline_runtime.errors import PhaselineError, UserError

    if isinstance(error, UserError):
        # The faults of a config file are lines that an editor can jump to: nothing stands before them.
        complain(str(error), prefix="" if hasattr(error, "faults") else PREFIX)
        return USER_MISTAKE
    if isinstance(error, PhaselineError):
        complain(str(error))
        return UNREACHABLE
    if isinstance(error, UnicodeEncodeError) and error.encoding == "utf-8":  # A lone surrogate: bytes of the shell's.
        complain(f"what was given is no UTF-8 text: {error.object!r:.100}")
        return USER_MISTAKE
    if isinstance(error, OSError) and error.errno in NOT_WRITABLE:
        place = f"{error.filename}: " if error.filename else ""
        complain(f"{place}{error.strerror}: mend that, then try again")
        return USER_MISTAKE
    return None


def _usage(error: Any) -> str:
    context = getattr(error, "ctx", None)
    hint = f"\nsee `{context.command_path} --help`" if context is not None else ""
    said = error.format_message().replace("Value error, ", "")  # A word of the library that Typer checks values with.
    return f"{said}{hint}"
