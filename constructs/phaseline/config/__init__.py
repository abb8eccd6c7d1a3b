"""The config file: read, checked, compiled. It imports neither the CDK nor the command line."""

# ruff: noqa: E402  (What is missing is said before anything is imported that would need it.)
from phaseline.extras import need

need("ruamel.yaml", owner="phaseline.config", extra="cdk")

from phaseline.config.compiler import compile_definitions
from phaseline.config.faults import ConfigError, Fault
from phaseline.config.loading import load
from phaseline.config.models import Config, Defaults, Job, Notification, Start, StateMachine, Statement
from phaseline.config.reading.job_kinds import JobKind
from phaseline.config.schema import json_schema

__all__ = [
    "Config",
    "ConfigError",
    "Defaults",
    "Fault",
    "Job",
    "JobKind",
    "Notification",
    "Start",
    "StateMachine",
    "Statement",
    "compile_definitions",
    "json_schema",
    "load",
]
