"""How many rules a bus gets from all that an orchestration puts on it: what is too many is refused at synth."""

from __future__ import annotations

from pathlib import Path

import pytest

from phaseline.cdk import EventSource, JobStacks
from phaseline.cdk.bundled.bundled_functions import BUNDLED_RULES, sweeps
from phaseline.config import load
from phaseline_runtime.errors import UserError
from tests.support.stacks import CONFIG, EVERYTHING, make

FIVE = [f"{{event: {{bus: shop, pattern: {{source: [s{n}]}}}}}}" for n in range(5)]


def starting(starts: list[str], jobs: str = "") -> str:
    text = CONFIG.replace(
        "    phases:", "    start:\n" + "".join(f"      - {start}\n" for start in starts) + "    phases:"
    )
    return text.replace("state_machines:", f"{jobs}state_machines:")


@pytest.mark.parametrize("source", [EventSource.relay("shop"), EventSource.bus("shop")])
def test_starts_on_the_status_bus_count_beside_the_rules_of_jobs_and_of_the_bundled_lambdas(
    tmp_path: Path, source: EventSource
) -> None:
    others = BUNDLED_RULES + 1
    text = starting(FIVE)
    with pytest.raises(UserError, match=rf"needs 5 rules on the bus shop, beside {others} others .* allows {others}"):
        make(tmp_path, text, event_source=source, rules_per_bus=others)
    assert make(tmp_path, text, event_source=source, rules_per_bus=5 + others)
    assert make(tmp_path, text, rules_per_bus=5)  # On a bus of their own.


def test_what_calls_the_watchdog_and_the_retention_counts_on_the_default_bus(tmp_path: Path) -> None:
    starts = [f"{{schedule: rate({n + 2} hours)}}" for n in range(10)]
    text = starting(starts).replace("    start:", "    retention: 90d\n    start:")
    with pytest.raises(UserError, match=r"needs 10 rules on the bus default, beside 2 others .* allows 11: give sch"):
        make(tmp_path, text, rules_per_bus=11)
    made = make(tmp_path, text, rules_per_bus=12)
    on_default = [item for item in made.of_type("AWS::Events::Rule") if "EventBusName" not in item["Properties"]]
    assert len(on_default) == 12


@pytest.mark.parametrize("text", [CONFIG, EVERYTHING])
def test_as_many_sweeps_are_counted_as_there_are(tmp_path: Path, text: str) -> None:
    made = make(tmp_path, text)
    found = made.of_type("AWS::Events::Rule", "Bundled")
    assert len([item for item in found if "ScheduleExpression" in item["Properties"]]) == sweeps(
        load(tmp_path / "phaseline.yaml", values={})
    )


def test_no_bus_gets_more_rules_with_a_wildcard_from_starts_than_it_takes(tmp_path: Path) -> None:
    def wild(count: int) -> list[str]:
        return [f'{{event: {{bus: shop, pattern: {{source: [{{wildcard: "s{n}*x"}}]}}}}}}' for n in range(count)]

    with pytest.raises(UserError, match=r"needs 31 rules with a `wildcard` on the bus shop; .* allows 30, .*`prefix`"):
        make(tmp_path, starting(wild(31)))
    assert make(tmp_path, starting([*wild(30), *FIVE]))
    jobs = '  row: {code: jobs/boat, filter: {crew: [{wildcard: "a*b"}]}}\n'
    text = starting(wild(30), jobs).replace("rent_a_boat: }", "rent_a_boat: , row: }")
    with pytest.raises(UserError, match=r"needs 30 rules with a `wildcard` on the bus shop, beside 1 of jobs; .* 30"):
        make(tmp_path, text, event_source=EventSource.bus("shop"))
    # Routed, the status bus has none of the jobs' filters.
    assert make(tmp_path, text, event_source=EventSource.bus("shop"), job_stacks=JobStacks.routed(1))


def test_no_bus_gets_more_rules_with_a_wildcard_from_jobs_than_it_takes(tmp_path: Path) -> None:
    declared = "".join(f'  j{n}: {{code: jobs/boat, filter: {{crew: [{{wildcard: "a*{n}"}}]}}}}\n' for n in range(31))
    uses = "".join(f"          j{n}:\n" for n in range(31))
    text = f"jobs:\n{declared}state_machines:\n  trip:\n    phases:\n      all:\n        jobs:\n{uses}"
    with pytest.raises(UserError, match=r"jobs: 31 of those on one bus have a `wildcard` .* allows 30 such"):
        make(tmp_path, text)


def test_what_hands_over_to_stacks_counts_on_the_status_bus(tmp_path: Path) -> None:
    names = ["x" * 58 + f"{n:06d}" for n in range(70)]
    declared = "".join(f"  {name}: {{code: jobs/boat}}\n" for name in names)
    uses = "".join(f"          {name}:\n" for name in names)
    text = f"jobs:\n{declared}state_machines:\n  trip:\n    phases:\n      all:\n        jobs:\n{uses}"
    with pytest.raises(UserError, match=r"handing over to them needs \d rules on the status bus, .* takes 2"):
        make(tmp_path, text, job_stacks=JobStacks.routed(2), rules_per_bus=BUNDLED_RULES + 2)
