"""How the functions reach MongoDB: what that puts into their environment, and what their roles need for it.

No connection is made here. A password never stands in a template, unless somebody asks for `uri`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import IConstruct


@dataclass(frozen=True, slots=True)
class MongoConnection:
    """The way to MongoDB: made by one of its factories, and given to `Orchestration`.

    Example:
        MongoConnection.secret("phaseline/prod/mongo")
    """

    variable: str
    """The environment variable that the runtime reads."""
    value: str
    secret_name: str | None = None
    """The secret's name, or None where there is none."""

    @classmethod
    def uri(cls, text: str) -> MongoConnection:
        """A URI that stands in the template as it is, for all who may read it: for local platforms and tests."""
        return cls("PHASELINE_MONGO_URI", text)

    @classmethod
    def secret(cls, name: str) -> MongoConnection:
        """A secret in Secrets Manager, by name or by full ARN, that you have created yourself.

        Its value is the URI as text, or JSON with the key `uri`. Each function may read this secret and no other. A
        secret under a key of your own in KMS needs `kms:Decrypt` besides: grant it to the functions' roles.
        """
        return cls("PHASELINE_MONGO_SECRET", name, name)

    def environment(self) -> dict[str, str]:
        """The environment variables of a function that reaches MongoDB."""
        return {self.variable: self.value}

    @property
    def identity(self) -> str:
        """What tells one connection from another, and gives no password away."""
        return self.secret_name or hashlib.sha256(self.value.encode()).hexdigest()

    def statements(self, scope: IConstruct) -> list[iam.PolicyStatement]:
        """What the role of such a function needs: to read the one secret, or nothing."""
        return [] if self.secret_name is None else [may_read_secret(scope, self.secret_name)]


def may_read_secret(scope: IConstruct, name: str) -> iam.PolicyStatement:
    """A statement that allows to read the secret of this name (or full ARN), and no other."""
    return iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[_arn(scope, name)])


def _arn(scope: IConstruct, name: str) -> str:
    if name.startswith("arn:"):
        return name
    # Secrets Manager adds a hyphen and six random characters to the name.
    return Stack.of(scope).format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=f"{name}-??????",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
