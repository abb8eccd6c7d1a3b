"""What the security scanners say of the templates that we make: cdk-nag, cfn-lint and checkov. `make scan` runs it.

Nothing is bundled, and no scanner asks anybody anything: checkov runs without a key and without its downloads.

    PYTHONPATH=.:constructs:lambdas python -m tests.scan.check SCANNERS     # the folder with cfn-lint and checkov
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from phaseline.local.toolchain import node

ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """What a scanner has found, as it says it."""


def started(*command: str | Path, **more: str) -> subprocess.Popen[str]:
    """A command of a scanner's, with its output kept."""
    environment = {**os.environ, "JSII_NODE": str(node() / "node"), **more}
    environment |= {"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1"}
    words = [str(word) for word in command]
    return subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ended(name: str, process: subprocess.Popen[str]) -> str:
    """What the scanner has said. Raises Failed with it where it has found anything."""
    said, _ = process.communicate()
    if process.returncode:
        raise Failed(f"{name}:\n{said}")
    return said.strip()


def scan(scanners: Path, folder: Path) -> None:
    """cdk-nag while the templates are made; then cfn-lint and checkov on them, at the same time."""
    nag = started(sys.executable, "-m", "tests.scan.nag", folder)
    print(f"  cdk-nag: {ended('cdk-nag', nag)}")
    templates = sorted(folder.rglob("*.template.json"))
    # Without these, checkov would ask its vendor for more rules.
    quietly = ["--skip-download", "--skip-results-upload", "--compact", "--quiet", "--framework", "cloudformation"]
    files = [word for file in templates for word in ("-f", str(file))]
    running = {
        "cfn-lint": started(scanners / "cfn-lint", "--format", "parseable", *templates),
        "checkov": started(scanners / "checkov", *quietly, *files),
    }
    for name, process in running.items():
        ended(name, process)
        print(f"  {name}: {len(templates)} templates")


def main(scanners: Path) -> int:
    """Run all three. Returns the exit code."""
    begun = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as name:
            scan(scanners, Path(name).resolve())
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    print(f"✓ {'The scanners find nothing':<44}{time.monotonic() - begun:6.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
