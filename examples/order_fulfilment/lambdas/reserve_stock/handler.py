"""Takes the pieces out of the stock: once, whichever attempt does it, since it commits with the attempt's `success`."""


class OutOfStock(Exception):
    """There are not enough pieces of the item."""


def handler(event, context, session):
    stock = session.client.shop.stock
    enough = {"_id": event["item"], "pieces": {"$gte": event["pieces"]}}
    if stock.update_one(enough, {"$inc": {"pieces": -event["pieces"]}}, session=session).modified_count == 0:
        raise OutOfStock(f"fewer than {event['pieces']} of {event['item']}")
    return {"item": event["item"], "pieces": event["pieces"]}
