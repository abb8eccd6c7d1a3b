"""A CDK app that was there before, with a function and a queue of its own. New are an orchestration and its alarms."""

import os

import aws_cdk as cdk
from constructs import Construct
from shop import Shop

from phaseline.cdk import Bundling, EventSource, MongoConnection, Orchestration
from phaseline.cdk.monitoring import Monitoring
from phaseline.config import load


class ShopStack(cdk.Stack):
    """The shop, and new: the two jobs of an offer, one of them by the function that was there already."""

    def __init__(self, scope: Construct, id: str, *, name: str) -> None:
        super().__init__(scope, id)
        shop = Shop(self, "Shop")
        local = name == "local"
        orchestration = Orchestration(
            self,
            "Orchestration",
            config=load("phaseline.yaml", values={}),
            functions={"price": shop.price},
            mongo=MongoConnection.uri(os.environ["PHASELINE_MONGO_URI"])
            if local
            else MongoConnection.secret(f"{name}/mongo"),
            event_source=EventSource.relay(f"phaseline-{name}"),
            database=f"phaseline_{name}",
            bundling=Bundling.for_this_interpreter() if local else Bundling.for_aws(),
        )
        # A job's function is plain CDK: grant it what it needs, and tell it where that is.
        sender = orchestration.jobs["send_offer"].function
        sender.add_environment("OFFERS", shop.offers.queue_url)
        shop.offers.grant_send_messages(sender)
        if not local:  # The emulator has no alarms on sums of metrics.
            Monitoring(self, "Monitoring", orchestration=orchestration, topic=shop.alarms)
        orchestration.add_outputs()


app = cdk.App()
name = app.node.try_get_context("env") or "shop"
ShopStack(app, f"phaseline-{name}", name=name)
app.synth()
