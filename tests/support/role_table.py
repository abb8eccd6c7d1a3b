"""The tables of docs/security.md: who may do what, read from the template of a config with every kind of resource.

    PYTHONPATH=.:constructs:lambdas python -m tests.support.role_table     # writes them into the page

A grant that is new has to say why it is there: in `REASONS`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from phaseline_runtime.store.grants import GRANTS

PAGE = Path(__file__).parents[2] / "docs/security.md"
BEGIN, END = "<!-- roles: generated -->", "<!-- roles: end -->"
SCOPE = "Orchestration"
JOB = "job "
PLAIN = "row"
"""The job that has nothing of its own: the measure for those that have."""

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
        "function BundledstarterjobFunction",
    ): "a schedule with a time zone starts executions",
    ("lambda:InvokeFunction", "rule"): "the rule hands over what it matches",
    ("lambda:InvokeFunction", "function"): "its invoker calls the function",
    ("secretsmanager:GetSecretValue", "secret phaseline/test/retention"): "a connection string of its own",
    ("secretsmanager:GetSecretValue", "secret phaseline/harbour"): "the job's own secret",
    ("secretsmanager:GetSecretValue", "secret cfn/atlas/profile"): "the API key by which Atlas is asked",
    ("ssm:GetParameter", "parameter phaseline/test/mongo"): "the connection string",
    ("kms:Decrypt", "key"): "what is kept is encrypted with this key; through that service alone",
    ("xray:PutTraceSegments", "*"): "its traces; X-Ray knows no resources",
    ("ec2:CreateNetworkInterface", "*"): "Lambda's way into the VPC; Lambda asks for all resources",
    ("not ec2:CreateNetworkInterface", "*"): "in what its code calls: that is for Lambda alone",
    ("events:PutEvents", "eventbus OwnBus"): "rules hand over what is triggered to the bus of its stack",
    ("s3:GetObject", "arn:aws:s3:::charts"): "what the config's `policy` says",
}
"""Why, by the first action and by how the resource's name begins; the longest beginning wins."""

Resources = Mapping[str, dict[str, Any]]
Row = tuple[str, str, str, str]
Grant = tuple[str, str, str]
Given = tuple[str, str, str, str]


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
    """The rows of one app's templates."""

    def __init__(self, resources: Resources, parameters: Resources | None = None) -> None:
        self.resources = resources
        self.parameters = parameters or {}
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
        module = str(function.get("Handler", "")).rpartition(".")[0]
        return f"`{module.rpartition('.')[2]}`" if module.startswith("phaseline_runtime.") else "the function itself"

    def of(self, resource: Any, role: str = "") -> str:
        """What an ARN is of."""
        resource = self.told(resource)
        if isinstance(resource, dict) and "Fn::GetAtt" in resource:
            id = resource["Fn::GetAtt"][0]
            kind = self.resources[id]["Type"].split("::")[-1]
            if kind == "LogGroup" and short(id).removesuffix("Log") == short(role).removesuffix("Role"):
                return "its own log group"
            return f"{kind.lower()} {short(id)}"
        if isinstance(resource, dict) and "Fn::Join" in resource:
            text = "".join(short(part["Ref"]) if isinstance(part, dict) else part for part in resource["Fn::Join"][1])
            return re.sub(r"^.*:(secret|rule|parameter)[:/]", r"\1 ", text)
        return re.sub(r"^arn:aws:(?:kms|lambda):.*:(key|function)[:/]", r"\1 ", str(resource))

    def told(self, value: Any) -> Any:
        """The value itself, where it is a parameter by which one stack tells another."""
        if not isinstance(value, dict) or value.get("Ref") not in self.parameters:
            return value
        name = self.parameters[value["Ref"]].get("Default")
        [found] = [
            each["Properties"] for each in self.resources.values() if each.get("Properties", {}).get("Name") == name
        ]
        return found["Value"]

    def _invoked(self, name: Any) -> str:
        """The id of the function that a name is of, or an alias of it."""
        told = self.told(name)
        id: str = told["Ref"] if "Ref" in told else told["Fn::GetAtt"][0]
        return id if id in self.functions else self._invoked(self.resources[id]["Properties"]["FunctionName"])

    def grants(self) -> Iterator[Grant]:
        """Of each role: who has it, what it allows, and on what."""
        for id, item in self.resources.items():
            if item["Type"] != "AWS::IAM::Role":
                continue
            for policy in item["Properties"].get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    for resource in listed(statement["Resource"]):
                        actions = ", ".join(listed(statement["Action"]))
                        denied = "not " if statement["Effect"] == "Deny" else ""
                        yield self.holder(id), f"{denied}{actions}", self.of(resource, id)

    def roles(self) -> list[Row]:
        """Who -> actions -> resource -> why, with those who may do the same in one row."""
        return self.rows(self.grants())

    def rows(self, grants: Iterable[Grant]) -> list[Row]:
        """The same of some grants."""
        everybody = {self.name(item["Properties"]) for item in self.functions.values()}
        found: dict[tuple[str, str], set[str]] = {}
        for who, actions, resource in grants:
            found.setdefault((actions, resource), set()).add(who)
        return [
            (whom(who, everybody), may(actions), resource, reason(actions.split(", ")[0], resource))
            for (actions, resource), who in found.items()
        ]

    def services(self) -> list[Row]:
        """Which rules may invoke which function, and send to which queue."""
        return self.given(self.given_to_rules())

    def given(self, found_of_rules: Iterable[Given]) -> list[Row]:
        """The same of some of it."""
        found: dict[tuple[str, str, str], dict[str, None]] = {}
        for action, source, target, resource in found_of_rules:
            found.setdefault((action, target, reason(action, resource)), {})[source] = None
        grouped: dict[tuple[str, str, str], list[str]] = {}
        for (action, target, why), sources in found.items():
            grouped.setdefault((", ".join(sources), action, why), []).append(target)
        return [
            (sources, f"`{action}`", ", ".join(targets), why) for (sources, action, why), targets in grouped.items()
        ]

    def given_to_rules(self) -> Iterator[Given]:
        """Action, rule, what it is given to in words, and of what kind that is."""
        for item in self.resources.values():
            properties = item.get("Properties", {})
            if item["Type"] == "AWS::Lambda::Permission":
                id = self._invoked(properties["FunctionName"])
                source = self.of(properties["SourceArn"])
                own = source.removeprefix("rule ").removesuffix("Rule")
                if own == re.sub(r"Function$", "", short(id)):
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
    if everybody and not missing:
        return "every function"
    if len(missing) == 1 and len(who) > 1:
        return f"every function but {missing.pop()}"
    jobs = {name for name in everybody if name.startswith(JOB)}
    if jobs and jobs <= who:
        who = (who - jobs) | {"each job"}
    return ", ".join(sorted(who))


def may(actions: str) -> str:
    """What is allowed, or denied, in words."""
    denied = actions.startswith("not ")
    return f"{'not ' if denied else ''}`{actions.removeprefix('not ')}`"


def markdown(table: Table, options: Mapping[str, Table], jobs: Mapping[str, str], kinds: Table) -> str:
    """All tables.

    Args:
        table: with everything that a config makes.
        options: the same with an option each, by its name.
        jobs: what jobs have of their own, in words, by their names.
        kinds: the same with these jobs, and the job `PLAIN` that has nothing.
    """
    further = [row for name, each in options.items() for row in changed(name, each, table)] + of_jobs(kinds, jobs)
    return "\n\n".join(
        [
            as_markdown(("who", "may", "on", "why"), table.roles()),
            as_markdown(("a rule", "may", "what", "why"), table.services()),
            as_markdown(("who, with what", "may", "on", "why"), further),
            databases(),
        ]
    )


def as_markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(literal, row))} |" for row in rows)])


def literal(cell: str) -> str:
    """A cell whose wildcards stay there: outside of code, Markdown takes two stars for emphasis, and shows neither."""
    return "`".join(part if number % 2 else part.replace("*", r"\*") for number, part in enumerate(cell.split("`")))


def changed(option: str, table: Table, usual: Table) -> list[tuple[str, ...]]:
    """What an option adds to the usual, and what it takes away."""
    grants, before = list(table.grants()), list(usual.grants())
    given, given_before = list(table.given_to_rules()), list(usual.given_to_rules())
    added = [
        *table.rows(each for each in grants if each not in before),
        *table.given(each for each in given if each not in given_before),
    ]
    # AtlasTypes is a stack by itself, beside those of an orchestration.
    gone = usual.rows(each for each in before if each not in grants) if table.functions else []
    lost = [(who, f"no longer {what}", on, "") for who, what, on, _ in gone]
    return [(f"{who}, with {option}", *row) for who, *row in (*added, *lost)]


def of_jobs(table: Table, jobs: Mapping[str, str]) -> list[tuple[str, ...]]:
    """What jobs have that a plain one has not."""
    plain = {(actions, on) for who, actions, on in table.grants() if who == f"{JOB}`{PLAIN}`"}
    found: list[tuple[str, ...]] = []
    for name, words in jobs.items():
        own = [each for each in table.grants() if each[0] == f"{JOB}`{name}`" and each[1:] not in plain]
        rules = [each for each in table.given_to_rules() if each[1] != "its own rule" and each[2] == f"{JOB}`{name}`"]
        rows = [*table.rows(own), *table.given(rules)]
        found += [(f"the function of a job with {words}", *row[1:]) for row in rows or [("", "nothing more", "", "")]]
    return found


def databases() -> str:
    """What each database user may do."""
    lines = ["| a database user for | may | on |", "|---|---|---|"]
    for purpose, grants in GRANTS.items():
        lines += [f"| {purpose.value} | `{', '.join(actions)}` | `{name}` |" for name, actions in grants.items()]
    return "\n".join(lines)


def everything() -> str:
    """The tables of the templates as they are now."""
    from tests.support.options import OF_JOBS, OPTIONS, templates

    def table(name: str) -> Table:
        found = templates(name)
        return Table(found.resources, found.parameters)

    jobs = {name: words for name, (words, _) in OF_JOBS.items()}
    options = {name: table(name) for name in OPTIONS}
    return markdown(table("everything"), options, jobs, table("jobs of every kind"))


def section(page: str) -> str:
    """What stands between the marks of a page."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def main() -> None:
    """Write the tables into the page."""
    from phaseline.local.toolchain import node

    os.environ.setdefault("JSII_NODE", str(node() / "node"))  # Read when aws_cdk is imported.
    tables = everything()
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
