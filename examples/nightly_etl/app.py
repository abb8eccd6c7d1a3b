"""The CDK app: `phaseline local deploy` on a laptop, `cdk deploy` for AWS. The environment names all that it makes."""

import os

import aws_cdk as cdk

from phaseline.cdk import Bundling, EventSource, MongoConnection, Orchestration
from phaseline.config import load

app = cdk.App()
env = app.node.try_get_context("env") or "etl"
local = env == "local"
Orchestration(
    cdk.Stack(app, f"phaseline-{env}"),
    "Orchestration",
    config=load("phaseline.yaml", values=os.environ),
    mongo=MongoConnection.uri(os.environ["PHASELINE_MONGO_URI"]) if local else MongoConnection.secret(f"{env}/mongo"),
    event_source=EventSource.relay(f"phaseline-{env}"),
    database=f"phaseline_{env}",
    bundling=Bundling.for_this_interpreter() if local else Bundling.for_aws(),
).add_outputs()
app.synth()
