"""The networks of single jobs, where they are others than that of all functions."""

from __future__ import annotations

from collections.abc import Mapping

from phaseline.cdk.basics.arguments import expect
from phaseline.cdk.functions.network import NETWORK, Network
from phaseline.config import Config
from phaseline.config.faults import nearest
from phaseline_runtime.errors import UserError

Networks = Mapping[str, Network | None]
"""Networks by the jobs' names; None is no VPC."""


def check_networks(config: Config, given: Networks) -> None:
    """Check that they are of jobs whose functions are made from the config. Raises UserError."""
    faults = []
    expect("Orchestration", "job_networks", given, Mapping, "networks by the names of jobs")
    for name, network in given.items():
        expect("Orchestration", "job_networks", name, str, "networks by the names of jobs")
        expect("Orchestration", f"job_networks: {name}", network, (Network, type(None)), f"{NETWORK}, or None")
        job = config.jobs.get(name)
        if job is None:
            meant = nearest(name, config.jobs)
            faults.append(f"`{name}` is no job in {config.path.name}" + (f": did you mean {meant}?" if meant else ""))
        elif not job.kind.owned:
            faults.append(f"`{name}` is {job.kind.value}: where that runs is said where it is defined")
    if faults:
        raise UserError("job_networks: " + "; ".join(faults))
