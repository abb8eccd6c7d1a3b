"""The constructs of Phaseline: `Orchestration` for everything, and the smaller ones that it is made of.

Importing this package imports `aws_cdk`, which starts a Node process. `import phaseline` alone does not.
"""

# ruff: noqa: E402  (What is missing is said before anything is imported that would need it.)
from phaseline.extras import need

need("aws_cdk", owner="phaseline.cdk", extra="cdk")

from phaseline.cdk.atlas_types import AtlasTypes
from phaseline.cdk.bundled_functions import BundledFunctions
from phaseline.cdk.bundling import Bundling
from phaseline.cdk.dead_letters import DeadLetters
from phaseline.cdk.event_source import EventSource
from phaseline.cdk.function_options import FunctionOptions
from phaseline.cdk.invoked_job import InvokedJob
from phaseline.cdk.job_function import JobFunction
from phaseline.cdk.job_runner import JobRunner
from phaseline.cdk.job_stacks import JobStacks
from phaseline.cdk.mongo_connection import MongoConnection
from phaseline.cdk.network import Network
from phaseline.cdk.orchestration import Orchestration, StarterUrl
from phaseline.cdk.publication import Publication
from phaseline.cdk.runtime_function import FunctionSettings
from phaseline.cdk.runtime_layer import RuntimeLayer
from phaseline.cdk.start_rules import StartRules
from phaseline.cdk.status_bus import StatusBus

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
