"""Waits for a bite. The fish of this cast come on top of those that were caught before."""

from __future__ import annotations

import os
import random
import time
from typing import Any

SPECIES = {
    "Lake Constance": [("whitefish", 0.4), ("perch", 0.3), ("pike", 3.0)],
    "Lofoten": [("cod", 4.0), ("haddock", 1.5), ("redfish", 1.0)],
    "Loch Ness": [("trout", 1.2), ("salmon", 3.5), ("eel", 0.8)],
}
"""What swims there, with its usual weight in kilos."""


class NoLicence(Exception):
    """Somebody has to get a fishing licence first."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if not os.environ.get("FISHING_LICENCE"):
        raise NoLicence("set FISHING_LICENCE")
    ground, cast = event["ground"], event["cast"]
    luck = random.Random(f"{ground} {cast}")  # The same cast catches the same fish, so that a repeat changes nothing.
    time.sleep(0.2 + luck.random() / 5)
    caught = [
        {"species": species, "kilos": round(usual * luck.uniform(0.6, 1.4), 2)}
        for species, usual in luck.sample(SPECIES[ground], k=luck.randint(1, 2))
    ]
    fish = [*event.get("caught", []), *caught]
    for each in caught:
        print(f"cast number {cast}: a {each['species']} of {each['kilos']} kg")
    return {"fish": fish, "kilos": round(sum(each["kilos"] for each in fish), 2)}
