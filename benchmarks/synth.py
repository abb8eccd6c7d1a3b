"""What a synth costs: `Orchestration` against the same functions, rules and queues written with plain L2 constructs.

    python benchmarks/synth.py                          # 10, 100 and 1,000 jobs
    python benchmarks/synth.py --jobs 100 --repeat 5

Prints JSON: for each number of jobs, seconds on the clock and of processor time (of Python and Node together: the
better measure on a busy machine), the resources, and the ratios. Both sides do what CDK does by default: assets are
staged, templates validated. Their layers hold the same packages. Importing CDK, the same for both, is left out. Of
several runs, which alternate, the fastest counts.

`clean` is the plain side once more, with what scanners find in it accepted beside each resource, as ours has it.
`ratio` is against the plain side without that, `ratio_clean` with it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

IN_A_STACK = 70
MONGO = "phaseline/mongo"
"""The secret with the connection string, which each function reads."""
BUNDLED = ("statemachine", "orchestrator", "notifications", "watchdog", "dead_letters", "starter", "migrations")
LISTENING = ("statemachine", "orchestrator")
"""Of the bundled Lambdas, those that have a rule without notifications."""


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--repeat", type=int, default=3, help="how often each side runs")
    parser.add_argument("--side", choices=list(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side is not None:
        print(json.dumps(measured(given.side, given.jobs[0], given.folder)))
        return 0
    print(json.dumps([compared(count, given.repeat) for count in given.jobs], indent=1))
    return 0


def compared(jobs: int, repeat: int) -> dict[str, Any]:
    """The fastest run of each side, and the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        project(place, jobs)
        best: dict[str, dict[str, float]] = {}
        for _ in range(repeat):
            for side in SIDES:
                found = alone(side, jobs, place)
                known = best.setdefault(side, found)
                best[side] = {key: min(value, known[key]) for key, value in found.items()}
    ratios = {
        name: {key: round(value / best[side][key], 2) for key, value in best["phaseline"].items()}
        for name, side in (("ratio", "plain"), ("ratio_clean", "clean"))
    }
    return {"jobs": jobs, **best, **ratios}


def project(folder: Path, jobs: int) -> None:
    """A folder of code for each job, the config file, and the layer, which our side makes by itself."""
    from phaseline.cdk.functions.pip_install import Target, install
    from phaseline.cdk.functions.runtime_layer import runtime_source

    runtime, layer = runtime_source(), folder / "layer/python"
    target = Target.on_aws("python3.13", arm=True)
    packages = install(
        runtime / "requirements.txt", owner="the layer", target=target, cache=folder / "cache", complete=True
    )
    shutil.copytree(packages, layer)
    shutil.copytree(runtime, layer / runtime.name, ignore=shutil.ignore_patterns("__pycache__"))
    for number in range(jobs):
        code = folder / f"jobs/job{number}"
        code.mkdir(parents=True)
        (code / "handler.py").write_text(f"def handler(event, context):\n    return {{'job': {number}}}\n")
    declared = "".join(f"  job{number}: {{code: jobs/job{number}}}\n" for number in range(jobs))
    used = "".join(f"          job{number}:\n" for number in range(jobs))
    machine = f"state_machines:\n  m:\n    phases:\n      p:\n        jobs:\n{used}"
    (folder / "phaseline.yaml").write_text(f"jobs:\n{declared}{machine}")


def alone(side: str, jobs: int, folder: Path) -> dict[str, float]:
    """One run in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--jobs", str(jobs), "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measured(side: str, jobs: int, folder: Path) -> dict[str, float]:
    """Synthesize, in this process."""
    import aws_cdk as cdk

    with tempfile.TemporaryDirectory() as out:
        app = cdk.App(outdir=out, analytics_reporting=False)
        begun, used = time.perf_counter(), processor_time()
        SIDES[side](app, jobs, folder)
        assembly = app.synth()
        seconds, processor = time.perf_counter() - begun, processor_time() - used
        resources = sum(len(stack.template["Resources"]) for stack in assembly.stacks)
    return {"seconds": round(seconds, 2), "processor": round(processor, 2), "resources": resources}


def phaseline(app: Any, jobs: int, folder: Path) -> None:
    """Our constructs."""
    import aws_cdk as cdk

    from phaseline.cdk import Bundling, EventSource, JobStacks, MongoConnection, Orchestration
    from phaseline.cdk.basics.placing import fewest
    from phaseline.cdk.basics.quotas import JOB_STACKS
    from phaseline.config import load

    config = load(folder / "phaseline.yaml", values={})
    count = fewest(dict.fromkeys(config.jobs, 1), each=IN_A_STACK, most=JOB_STACKS)
    assert count is not None
    Orchestration(
        cdk.Stack(app, "main"),
        "Orchestration",
        config=config,
        mongo=MongoConnection.secret(MONGO),
        event_source=EventSource.relay("phaseline"),
        bundling=Bundling.for_aws(cache=folder / "cache"),
        job_stacks=None if jobs <= IN_A_STACK else JobStacks.routed(count),
    )


def clean(app: Any, jobs: int, folder: Path) -> None:
    """The plain side, with acceptances as ours has them."""
    plain(app, jobs, folder, accepted=True)


def plain(app: Any, jobs: int, folder: Path, accepted: bool = False) -> None:
    """The same functions, rules, targets and queues, as CDK's own constructs make them."""
    import aws_cdk as cdk
    from aws_cdk import aws_events as events
    from aws_cdk import aws_events_targets as targets
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_lambda_destinations as destinations
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_secretsmanager as secretsmanager
    from aws_cdk import aws_sqs as sqs

    if accepted:
        from phaseline.cdk.basics.accepted_findings import LOG_GROUP, accept, of_function

        findings = of_function(has_destination=True)

    def stack(name: str, functions: dict[str, lambda_.Code], listening: list[str]) -> None:
        made = cdk.Stack(app, name)
        bus = events.EventBus(made, "Bus")
        rules, failures = sqs.Queue(made, "Rules"), sqs.Queue(made, "Failures")
        layer = lambda_.LayerVersion(made, "Layer", code=lambda_.Code.from_asset(str(folder / "layer")))
        mongo = secretsmanager.Secret.from_secret_name_v2(made, "Mongo", MONGO)
        for each, code in functions.items():
            log_group = logs.LogGroup(made, f"{each}Log", retention=logs.RetentionDays.ONE_MONTH)
            function = lambda_.Function(
                made,
                each,
                code=code,
                handler="phaseline_runtime.runner.handler",
                runtime=lambda_.Runtime.PYTHON_3_13,
                architecture=lambda_.Architecture.ARM_64,
                layers=[layer],
                memory_size=256,
                timeout=cdk.Duration.seconds(40),
                environment={
                    "PHASELINE_JOB": each,
                    "PHASELINE_HANDLER": "handler.handler",
                    "PHASELINE_MONGO_SECRET": MONGO,
                    "PHASELINE_DATABASE": "phaseline",
                },
                log_group=log_group,
                retry_attempts=0,
                max_event_age=cdk.Duration.minutes(15),
                on_failure=destinations.SqsDestination(failures),
                description=f"Job {each}",
            )
            mongo.grant_read(function)
            if accepted:
                accept(function, findings)
                accept(log_group, LOG_GROUP)
            if each not in listening:
                continue
            detail = {"kind": ["job"], "job": [each], "status": ["triggered"]}
            events.Rule(
                made,
                f"{each}Rule",
                event_bus=bus,
                event_pattern=events.EventPattern(detail={"fullDocument": detail}),
                description=f"Job {each} has been triggered",
                targets=[
                    targets.LambdaFunction(
                        function, dead_letter_queue=rules, retry_attempts=185, max_event_age=cdk.Duration.minutes(15)
                    )
                ],
            )

    def code(number: int) -> lambda_.Code:
        return lambda_.Code.from_asset(str(folder / f"jobs/job{number}"))

    stack("main", {name: lambda_.Code.from_inline("# In the layer.") for name in BUNDLED}, list(LISTENING))
    for first in range(0, jobs, IN_A_STACK):
        names = {f"job{number}": code(number) for number in range(first, min(first + IN_A_STACK, jobs))}
        stack(f"jobs{first}", names, list(names))


SIDES: dict[str, Callable[[Any, int, Path], None]] = {"plain": plain, "clean": clean, "phaseline": phaseline}


def processor_time() -> float:
    """Seconds that this process and all below it have spent on a processor; outside of Linux, this one alone."""
    own = os.times()
    total = own.user + own.system
    proc = Path("/proc")
    if not proc.is_dir():
        return total
    tick = os.sysconf("SC_CLK_TCK")
    spent: dict[int, tuple[int, float]] = {}
    for each in proc.glob("[0-9]*/stat"):
        try:
            fields = each.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It has ended.
        spent[int(each.parent.name)] = (int(fields[1]), (int(fields[11]) + int(fields[12])) / tick)
    below = {os.getpid()}
    while more := {pid for pid, (parent, _) in spent.items() if parent in below} - below:
        below |= more
    return total + sum(spent[pid][1] for pid in below - {os.getpid()})


if __name__ == "__main__":
    sys.exit(main())
