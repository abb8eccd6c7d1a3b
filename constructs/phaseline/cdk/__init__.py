"""The constructs of Phaseline: `Orchestration` for everything, and the smaller ones that it is made of.

Importing this package imports `aws_cdk`, which starts a Node process. `import phaseline` alone does not.
"""

# ruff: noqa: E402  (What is missing is said before anything is imported that would need it.)
from phaseline.extras import need

need("aws_cdk", owner="phaseline.cdk", extra="cdk")

from phaseline.cdk.atlas_types import AtlasTypes
from phaseline.cdk.bundled.bundled_functions import BundledFunctions
from phaseline.cdk.bundled.publication import Publication
from phaseline.cdk.bus.dead_letters import DeadLetters
from phaseline.cdk.bus.event_source import EventSource
from phaseline.cdk.bus.start_rules import StartRules
from phaseline.cdk.bus.status_bus import StatusBus
from phaseline.cdk.functions.bundling import Bundling
from phaseline.cdk.functions.function_options import FunctionOptions
from phaseline.cdk.functions.mongo_connection import MongoConnection
from phaseline.cdk.functions.network import Network
from phaseline.cdk.functions.runtime_function import FunctionSettings
from phaseline.cdk.functions.runtime_layer import RuntimeLayer
from phaseline.cdk.jobs.invoked_job import InvokedJob
from phaseline.cdk.jobs.job_function import JobFunction
from phaseline.cdk.jobs.job_runner import JobRunner
from phaseline.cdk.orchestration import Orchestration, StarterUrl
from phaseline.cdk.stacks.job_stacks import JobStacks

__all__ = [
    "AtlasTypes",
    "BundledFunctions",
    "Bundling",
    "DeadLetters",
    "EventSource",
    "FunctionOptions",
    "FunctionSettings",
    "InvokedJob",
    "JobFunction",
    "JobRunner",
    "JobStacks",
    "MongoConnection",
    "Network",
    "Orchestration",
    "Publication",
    "RuntimeLayer",
    "StartRules",
    "StarterUrl",
    "StatusBus",
]
