"""Writes the order down as sent: your own document, in your own collection, in the transaction of the `success`."""


def handler(event, context, session):
    order = {"_id": event["order"], "parcel": event["parcel"], "payment": event["payment"]}
    session.client.shop.orders.insert_one(order, session=session)
