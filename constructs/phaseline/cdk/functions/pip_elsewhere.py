"""pip, for another machine than this one: a script, which `pip_install` runs with the markers of that machine.

pip's own options choose wheels, but a marker such as `python_version >= "3.13"` it asks of the Python that it runs on,
and has no option for that: so what answers is put in the place of what it would ask.

    python -P pip_elsewhere.py '{"python_version": "3.13"}' install …
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Run pip with the arguments behind the first, which are the markers as JSON."""
    from pip._internal.cli.main import main as pip
    from pip._vendor.packaging import markers

    here = markers.default_environment
    there = json.loads(sys.argv.pop(1))
    markers.default_environment = lambda: {**here(), **there}
    sys.exit(pip())


if __name__ == "__main__":
    main()
