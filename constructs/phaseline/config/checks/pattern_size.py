"""How long the pattern of a rule may be, and how long one is."""

from __future__ import annotations

import json
from typing import Any

MAX_PATTERN = 2_048
"""The longest pattern that EventBridge takes, in characters (Amazon EventBridge quotas; it cannot be raised)."""


def length(pattern: Any) -> int:
    """The characters of a pattern as EventBridge counts them."""
    return len(json.dumps(pattern, separators=(",", ":"), ensure_ascii=False))
