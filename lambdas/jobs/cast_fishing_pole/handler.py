"""Casts the fishing pole: farther where the water is wide."""

from __future__ import annotations

import time
from typing import Any

METRES = {"Lake Constance": 40, "Lofoten": 60, "Loch Ness": 50}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    metres = METRES.get(event["ground"], 30) + 5 * (event["cast"] - 1)  # One gets better at it.
    time.sleep(0.1)
    print(f"cast number {event['cast']}: {metres} m")
    return {"metres": metres}
