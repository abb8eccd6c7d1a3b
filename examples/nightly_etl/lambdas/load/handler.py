"""Writes the day into the warehouse, once: a document for each day, replaced when the day is worked on again."""


def handler(event, context, session):
    day = {"_id": event["day"], **event["totals"]}
    session.client.warehouse.days.replace_one({"_id": event["day"]}, day, upsert=True, session=session)
