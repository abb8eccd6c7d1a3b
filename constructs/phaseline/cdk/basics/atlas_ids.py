"""What identifies things in Atlas, checked before anything is deployed: a wrong one fails half-way through a stack."""

from __future__ import annotations

import re

from aws_cdk import Token

from phaseline_runtime.errors import UserError

ID = re.compile(r"[0-9a-f]{24}")
"""An id of Atlas (MongoDB Atlas resource schemas, `ProjectId`: `^([a-f0-9]{24})$`)."""


def check_id(owner: str, argument: str, given: str) -> None:
    """Raise UserError where this is no id; a token, known at deploy time alone, is taken as it is."""
    if not isinstance(given, str) or not (ID.fullmatch(given) or Token.is_unresolved(given)):
        raise UserError(
            f"{owner}: {argument}: got {given!r}; allowed are 24 hex digits in lower case, such as "
            "`64f0c0ffee64f0c0ffee64f0`, and no name: `phaseline atlas doctor` finds the ids"
        )


_PROFILE = re.compile(r"[A-Za-z0-9_+=.@-]{1,200}")
"""What the name of a secret may hold, but for the `/` that stands before it."""


def check_profile(owner: str, given: str) -> None:
    """Raise UserError where this is no name of a profile: the name alone, without `cfn/atlas/profile/` before it."""
    if not isinstance(given, str) or not (Token.is_unresolved(given) or _PROFILE.fullmatch(given)):
        raise UserError(
            f"{owner}: profile: got {given!r}; expected is the PROFILE of the secret `cfn/atlas/profile/PROFILE` alone"
        )
