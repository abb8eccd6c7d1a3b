"""Cooks what is left: a soup of little, a roast of much."""

from __future__ import annotations

import time
from typing import Any

GRAMS_PER_PORTION = 250


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    portions = int(event["kilos"] * 1000 // GRAMS_PER_PORTION)
    time.sleep(0.2)
    return {"dish": "roast fish" if portions >= 4 else "fish soup", "portions": max(portions, 1)}
