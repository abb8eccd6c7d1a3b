"""The stack of an environment, besides those that it may have for its jobs: the orchestration and its outputs.

What your jobs need besides (tables, buckets, alarms) goes here: `self.orchestration.jobs["catch_fish"].function` is
plain CDK.
"""

from __future__ import annotations

from aws_cdk import Stack
from constructs import Construct

from phaseline.cdk import Orchestration
from phaseline.config import Config
from stacks.environments import Environment


class PhaselineStack(Stack):
    """Everything that phaseline.yaml asks for, in one environment."""

    def __init__(self, scope: Construct, id: str, *, environment: Environment, config: Config) -> None:
        super().__init__(scope, id, description=f"Phaseline, environment {environment.name}")
        self.orchestration = Orchestration(
            self,
            "Orchestration",
            config=config,
            mongo=environment.mongo,
            event_source=environment.event_source,
            database=environment.database,
            bundling=environment.bundling,
            starter_url=environment.starter_url,
            job_stacks=environment.job_stacks,
            log_retention=environment.log_retention,
            log_removal=environment.log_removal,
        )
        self.orchestration.add_outputs()
