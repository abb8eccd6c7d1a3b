"""The tables of docs/security.md: who may do what, read from the template of a config with every kind of resource.

    PYTHONPATH=.:constructs:lambdas python -m tests.support.role_table     # writes them into the page

A grant that is new has to say why it is there: in `REASONS`.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from phaseline_runtime.store.grants import GRANTS

PAGE = Path(__file__).parents[2] / "docs/security.md"
BEGIN, END = "<!-- roles: generated -->", "<!-- roles: end -->"
SCOPE = "Orchestration"
JOB = "job "

REASONS: Mapping[tuple[str, str], str] = {
    ("logs:CreateLogStream", "its own log group"): "its log lines",
    ("sqs:SendMessage", "queue DeadLettersFunctions"): "Lambda sends there what the function did not survive",
    ("sqs:SendMessage", "queue DeadLettersKept"): "a message to people that was not sent is kept for people",
    ("sqs:SendMessage", "queue DeadLettersRules"): "what could not be handed over is not lost",
    ("sqs:SendMessage", "queue BundledWakeUps"): "a message that comes back when something is due",
    ("sqs:ReceiveMessage", "queue"): "Lambda takes the messages for the function",
    ("secretsmanager:GetSecretValue", "secret phaseline/test/mongo"): "the connection string",
    ("secretsmanager:GetSecretValue", "secret"): "the address of a channel of `notifications`",
    (
        "lambda:InvokeFunction",
        "function BundledstarterjobBundledFunction",
    ): "a schedule with a time zone starts executions",
    ("lambda:InvokeFunction", "rule"): "the rule hands over what it matches",
}
"""Why, by the first action and by how the resource's name begins; the longest beginning wins."""

Resources = Mapping[str, dict[str, Any]]
Row = tuple[str, str, str, str]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def short(logical_id: str) -> str:
    """A logical id without scope and hash."""
    return re.sub(r"[0-9A-F]{8}$", "", logical_id.removeprefix(SCOPE))


def reason(action: str, resource: str) -> str:
    """Why an action is allowed there. Raises LookupError where nobody has said it."""
    known = [key for key in REASONS if key[0] == action and resource.startswith(key[1])]
    if not known:
        raise LookupError(f"why is {action} on {resource} allowed? Say it in {Path(__file__).name}")
    return REASONS[max(known, key=lambda key: len(key[1]))]


class Table:
    """The rows of one template."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.functions = {id: item for id, item in resources.items() if item["Type"] == "AWS::Lambda::Function"}

    def holder(self, role: str) -> str:
        """Who has a role: a function by its name, or what is no function by its id."""
        for item in self.functions.values():
            properties = item["Properties"]
            if properties["Role"] == {"Fn::GetAtt": [role, "Arn"]}:
                return self.name(properties)
        return short(role)

    def name(self, function: Mapping[str, Any]) -> str:
        job = function.get("Environment", {}).get("Variables", {}).get("PHASELINE_JOB")
        if job is not None:
            return f"{JOB}`{job}`"
        return f"`{str(function['Handler']).split('.')[-2]}`"

    def of(self, resource: Any, role: str = "") -> str:
        """What an ARN is of."""
        if isinstance(resource, dict) and "Fn::GetAtt" in resource:
            id = resource["Fn::GetAtt"][0]
            kind = self.resources[id]["Type"].split("::")[-1]
            if kind == "LogGroup" and short(id).removesuffix("Log") == short(role).removesuffix("Role"):
                return "its own log group"
            return f"{kind.lower()} {short(id)}"
        if isinstance(resource, dict) and "Fn::Join" in resource:
            text = "".join(short(part["Ref"]) if isinstance(part, dict) else part for part in resource["Fn::Join"][1])
            return re.sub(r"^.*:(secret|rule)[:/]", r"\1 ", text)
        return str(resource)

    def grants(self) -> Iterator[tuple[str, str, str]]:
        """Of each role: who has it, what it allows, and on what."""
        for id, item in self.resources.items():
            if item["Type"] != "AWS::IAM::Role":
                continue
            for policy in item["Properties"].get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    for resource in listed(statement["Resource"]):
                        yield self.holder(id), ", ".join(listed(statement["Action"])), self.of(resource, id)

    def roles(self) -> list[Row]:
        """Who -> actions -> resource -> why, with those who may do the same in one row."""
        everybody = {self.name(item["Properties"]) for item in self.functions.values()}
        found: dict[tuple[str, str], set[str]] = {}
        for who, actions, resource in self.grants():
            found.setdefault((actions, resource), set()).add(who)
        return [
            (whom(who, everybody), f"`{actions}`", resource, reason(actions.split(", ")[0], resource))
            for (actions, resource), who in found.items()
        ]

    def services(self) -> list[Row]:
        """Which rules may invoke which function, and send to which queue."""
        found: dict[tuple[str, str, str], dict[str, None]] = {}
        for action, source, target, resource in self.given_to_rules():
            found.setdefault((action, target, reason(action, resource)), {})[source] = None
        grouped: dict[tuple[str, str, str], list[str]] = {}
        for (action, target, why), sources in found.items():
            grouped.setdefault((", ".join(sources), action, why), []).append(target)
        return [
            (sources, f"`{action}`", ", ".join(targets), why) for (sources, action, why), targets in grouped.items()
        ]

    def given_to_rules(self) -> Iterator[tuple[str, str, str, str]]:
        """Action, rule, what it is given to in words, and of what kind that is."""
        for item in self.resources.values():
            properties = item.get("Properties", {})
            if item["Type"] == "AWS::Lambda::Permission":
                id = properties["FunctionName"]["Fn::GetAtt"][0]
                source = self.of(properties["SourceArn"])
                own = source.removeprefix("rule ").removesuffix("Rule")
                if own == re.sub(r"(Job|Bundled)Function$", "", short(id)):
                    source = "its own rule"
                yield properties["Action"], source, self.name(self.functions[id]["Properties"]), "rule"
            if item["Type"] == "AWS::SQS::QueuePolicy":
                for statement in properties["PolicyDocument"]["Statement"]:
                    queue = self.of(statement["Resource"])
                    for source in listed(statement.get("Condition", {}).get("ArnLike", {}).get("aws:SourceArn", [])):
                        yield statement["Action"], self.of(source), queue, queue


def whom(who: set[str], everybody: set[str]) -> str:
    """Several functions in few words: all of them, all but one, all jobs."""
    missing = everybody - who
    if not missing:
        return "every function"
    if len(missing) == 1 and len(who) > 1:
        return f"every function but {missing.pop()}"
    jobs = {name for name in everybody if name.startswith(JOB)}
    if jobs <= who:
        who = (who - jobs) | {"each job"}
    return ", ".join(sorted(who))


def markdown(resources: Resources) -> str:
    """All tables."""
    table = Table(resources)
    parts = []
    for rows, columns in (
        (table.roles(), ("who", "may", "on", "why")),
        (table.services(), ("a rule", "may", "what", "why")),
    ):
        lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        parts.append("\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]))
    parts.append(databases())
    return "\n\n".join(parts)


def databases() -> str:
    """What each database user may do."""
    lines = ["| a database user for | may | on |", "|---|---|---|"]
    for purpose, grants in GRANTS.items():
        lines += [f"| {purpose.value} | `{', '.join(actions)}` | `{name}` |" for name, actions in grants.items()]
    return "\n".join(lines)


def section(page: str) -> str:
    """What stands between the marks of a page."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def main() -> None:
    """Write the tables into the page."""
    from phaseline.local.toolchain import node

    os.environ.setdefault("JSII_NODE", str(node() / "node"))  # Read when aws_cdk is imported.
    from phaseline.cdk import StarterUrl
    from tests.support.stacks import EVERYTHING, make

    with tempfile.TemporaryDirectory() as folder:
        tables = markdown(make(Path(folder), EVERYTHING, starter_url=StarterUrl.IAM).resources)
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
