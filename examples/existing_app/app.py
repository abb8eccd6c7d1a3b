"""A CDK app that was there before, with a function and a queue of its own. What Phaseline adds is one construct."""

import os

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from phaseline.cdk import Bundling, EventSource, MongoConnection, Orchestration
from phaseline.config import load


class ShopStack(cdk.Stack):
    """The shop: `price` answers its web pages, `offers` is read by its mailer."""

    def __init__(self, scope: Construct, id: str, *, env_name: str) -> None:
        super().__init__(scope, id)
        self.price = lambda_.Function(
            self,
            "Price",
            code=lambda_.Code.from_asset("functions/price"),
            handler="index.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
        )
        self.offers = sqs.Queue(self, "Offers")
        self._orchestrate(env_name)

    def _orchestrate(self, env_name: str) -> None:
        """New: the two steps of an offer, one of them by the function that was there already."""
        local = env_name == "local"
        orchestration = Orchestration(
            self,
            "Orchestration",
            config=load("phaseline.yaml", values={}),
            functions={"price": self.price},
            mongo=MongoConnection.uri(os.environ["PHASELINE_MONGO_URI"])
            if local
            else MongoConnection.secret(f"{env_name}/mongo"),
            event_source=EventSource.relay(f"phaseline-{env_name}"),
            database=f"phaseline_{env_name}",
            bundling=Bundling.for_this_interpreter() if local else Bundling.for_aws(),
        )
        # A job's function is plain CDK: grant it what it needs, and tell it where that is.
        sender = orchestration.jobs["send_offer"].function
        sender.add_environment("OFFERS", self.offers.queue_url)
        self.offers.grant_send_messages(sender)
        orchestration.add_outputs()


app = cdk.App()
name = app.node.try_get_context("env") or "shop"
ShopStack(app, f"phaseline-{name}", env_name=name)
app.synth()
