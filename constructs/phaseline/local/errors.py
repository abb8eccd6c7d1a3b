"""What can go wrong with the local platform, told apart by who must act.

Both kinds hang in the runtime's tree of errors, so that one place maps errors to exit codes: a mistake of the user is
2, a platform that cannot be had is 3. A message says what failed, where its log is, and what to do.
"""

from __future__ import annotations

from phaseline_runtime.errors import PhaselineError, UserError


class PlatformMisuse(UserError):
    """What was asked for cannot be: a port that is taken, options that exclude each other, a folder not to write to."""


class PlatformUnavailable(PhaselineError):
    """The platform is not up, or a part of it does not start or answer."""


class StageFailed(PlatformUnavailable):
    """An installation, a bootstrap or a deployment has failed; the message names its log."""
