"""Finds the fishing ground nearest to the angler's home, and goes there."""

from __future__ import annotations

import time
from typing import Any

from haversine import haversine

GROUNDS = {
    "Lake Constance": (47.63, 9.37),
    "Lofoten": (68.21, 13.61),
    "Loch Ness": (57.32, -4.42),
}
"""Latitude and longitude of the grounds that we know."""

HAMBURG = (53.55, 9.99)
SECONDS_PER_1000_KM = 0.3


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    latitude, longitude = event.get("home", HAMBURG)
    distances = {ground: haversine((latitude, longitude), place) for ground, place in GROUNDS.items()}
    nearest = min(distances, key=lambda ground: distances[ground])
    time.sleep(min(distances[nearest], 3000) / 1000 * SECONDS_PER_1000_KM)
    print(f"{event.get('angler', 'the angler')} has arrived at {nearest}")
    return {"ground": nearest, "distance_km": round(distances[nearest])}
