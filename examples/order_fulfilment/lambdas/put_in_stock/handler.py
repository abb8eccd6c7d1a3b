"""Puts pieces of an item into the stock, once: new ones, or those that an order had reserved."""


def handler(event, context, session):
    more = {"$inc": {"pieces": event["pieces"]}}
    session.client.shop.stock.update_one({"_id": event["item"]}, more, upsert=True, session=session)
