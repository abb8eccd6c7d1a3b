"""Books a courier. A courier who is busy is asked again; a street that nobody drives to is not."""

import phaseline_runtime


class CourierBusy(Exception):
    """Nobody is free at the moment."""


class NobodyGoesThere(Exception):
    """No courier drives to that street."""


def handler(event, context):
    if "street" not in event:
        raise NobodyGoesThere("the order names no street")
    if phaseline_runtime.current().attempt == 1:
        raise CourierBusy("all couriers are on the road")
    return {"parcel": f"parcel-{event['order']}"}
