"""The ARNs that CloudFormation fills into a template, with ids of the template for the names that it makes up."""

from __future__ import annotations

from typing import Any

from tests.support.options import ACCOUNT, REGION, Templates
from tests.support.role_table import Table, short

PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::URLSuffix": "amazonaws.com"}


def arn(service: str, name: str) -> str:
    """An ARN in the account of the templates."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


class Arns:
    """Of the resources of one app."""

    def __init__(self, templates: Templates) -> None:
        self._table = Table(templates.resources, templates.parameters)
        self._resources = templates.resources

    def resolved(self, value: Any) -> Any:
        """The value with ARNs and names in the place of what CloudFormation fills in."""
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        value = self._table.told(value)
        if "Fn::GetAtt" in value:
            return self.of(value["Fn::GetAtt"][0])
        if "Fn::Join" in value:
            separator, parts = value["Fn::Join"]
            return separator.join(str(self.resolved(part)) for part in parts)
        if "Ref" in value:
            return PSEUDO.get(value["Ref"]) or self._name(value["Ref"])
        return {key: self.resolved(item) for key, item in value.items()}

    def of(self, id: str) -> str:
        """The ARN of a resource."""
        kind = self._resources[id]["Type"]
        if kind == "AWS::Events::Rule":
            bus = self.resolved(self._resources[id]["Properties"].get("EventBusName", "default"))
            return arn("events", f"rule/{'' if bus == 'default' else bus + '/'}{self._name(id)}")
        service = kind.split("::")[1].lower()
        # The ARN that CloudFormation gives of a log group ends so.
        return arn("logs", f"log-group:{short(id)}:*") if service == "logs" else arn(service, short(id))

    def _name(self, id: str) -> Any:
        """What `Ref` gives: the name that stands in the template, or an id in the place of one that is made up."""
        if self._resources[id]["Type"] == "AWS::Lambda::Alias":
            return self.of(id)
        return self.resolved(self._resources[id]["Properties"].get("Name", short(id)))
