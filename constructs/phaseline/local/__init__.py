"""The local platform: an AWS emulator, a MongoDB-compatible server and the relay between them, without Docker.

It runs the same template that goes to AWS. Nothing in here is needed in production, and nothing in here is imported
by the constructs or the runtime.
"""

from phaseline.local.errors import PlatformMisuse, PlatformUnavailable, StageFailed
from phaseline.local.platform import PartStatus, Platform
from phaseline.local.state import BUS, DATABASE, PARTS, Folder, State, find_project

__all__ = [
    "BUS",
    "DATABASE",
    "PARTS",
    "Folder",
    "PartStatus",
    "Platform",
    "PlatformMisuse",
    "PlatformUnavailable",
    "StageFailed",
    "State",
    "find_project",
]
