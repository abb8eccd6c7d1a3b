"""What a project of a test's own takes from this one, so that it does not install it for minutes itself."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def lend(project: Path) -> None:
    """Let a project use the CDK's command line that is installed here, and the caches of a synth.

    Where nothing is installed here yet, the project installs the command line itself, as a user's does.
    """
    if (ROOT / "node_modules" / "aws-cdk").exists():
        (project / "node_modules").symlink_to(ROOT / "node_modules")
    cache = ROOT / ".phaseline" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (project / ".phaseline").mkdir()
    (project / ".phaseline" / "cache").symlink_to(cache)
