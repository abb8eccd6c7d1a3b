"""The command line `phaseline`: one file a command group.

It starts quickly: a command imports what it needs (a database driver, AWS's libraries, the config) when it runs, and
never at the top of a module.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line and end the process with its exit code."""
    import signal
    import sys

    try:
        from phaseline.cli.entry import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # While it was still importing.
        code = 130
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich", "ruamel", "ruamel.yaml", "boto3"):
            raise
        print(f"phaseline: {error.name} is not installed: pip install 'phaseline[cli]'", file=sys.stderr)
        code = 2
    # All is said: a second Ctrl-C would only show how Python ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)
