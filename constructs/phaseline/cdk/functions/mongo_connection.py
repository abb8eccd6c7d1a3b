"""How the functions reach MongoDB: what that puts into their environment, and what their roles need for it.

No connection is made here. A password never stands in a template, unless somebody asks for `uri`.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import cast

from aws_cdk import ArnFormat, Reference, Stack, Token, Tokenization
from aws_cdk import aws_iam as iam
from aws_cdk.aws_secretsmanager import CfnSecret, ISecret
from constructs import IConstruct

from phaseline.cdk.basics.asked_once import asked_once, stack_of
from phaseline.cdk.basics.names import Name
from phaseline.cdk.functions.regions import check_read_here, check_read_in
from phaseline_runtime.errors import UserError

_END = re.compile(r"(:parameter/.*|-[A-Za-z0-9]{6}|\})$")
"""What an ARN ends with: of a parameter, of a secret, or with something that is not known yet."""
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class MongoConnection(ABC):
    """The way to MongoDB: made by one of its factories, and given to `Orchestration`.

    Example:
        ```python
        MongoConnection.secret("phaseline/prod/mongo")
        ```
    """

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The environment variables of a function that reaches MongoDB."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """What tells one connection from another, and gives no password away."""

    @property
    def everywhere(self) -> bool:
        """Whether that is one MongoDB in all accounts and regions, and no name that each of them may give."""
        return False

    @property
    def users(self) -> int:
        """How many users of the database a function needs for itself alone: each is a resource of CloudFormation's."""
        return 0

    def statements(self, scope: IConstruct) -> list[iam.PolicyStatement]:
        """What the role of such a function needs: nothing, where nothing has to be read."""
        return []

    def outputs(self) -> dict[str, str]:
        """The stack outputs by which the command line finds the same MongoDB; none where that would tell a password."""
        return {}

    @staticmethod
    def uri(text: str) -> MongoConnection:
        """A URI that stands in the template as it is, for all who may read it: for local platforms and tests.

        Raises:
            UserError: it is none.
        """
        usable = isinstance(text, str) and text.startswith(("mongodb://", "mongodb+srv://"))
        if not usable and (not isinstance(text, str) or not Token.is_unresolved(text)):
            raise UserError(
                "MongoConnection.uri: expected is `mongodb://…` or `mongodb+srv://…` (what was got is not shown)"
            )
        return _Uri(text)

    @staticmethod
    def secret(name: str | ISecret, *, key_arn: str | None = None) -> MongoConnection:
        """A secret in Secrets Manager that you have created yourself.

        Each function may read this secret and no other.

        Args:
            name: of the secret, or its full ARN; or the secret itself, where the app has it as a construct: a text that
                is known at deploy time alone is taken for a name. Its value is the URI as text, or JSON with the key
                `uri`.
            key_arn: the KMS key of yours that it is encrypted with; by default that of the secret itself, or that of
                AWS, which needs no grant.

        Raises:
            UserError: the name is none, or a connection string, or the key's ARN is none.
        """
        if hasattr(name, "secret_full_arn") and not isinstance(name, type):
            return _of_construct(cast(ISecret, name), key_arn)
        text = _checked("secret", Name.SECRET, name, key_arn)
        return _Secret(text, key_arn, text.startswith("arn:") or _is_arn_of_secret(text))

    @staticmethod
    def uri_parameter(name: str, *, key_arn: str | None = None) -> MongoConnection:
        """A parameter of SSM, a `SecureString`, that you have created yourself: as `secret`, without its monthly price.

        Each function may read this parameter and no other.

        Args:
            name: of the parameter, or its full ARN. Its value is the URI as text, or JSON with the key `uri`.
            key_arn: the KMS key of yours that it is encrypted with; by default that of AWS, which needs no grant.

        Raises:
            UserError: the name is none, or a connection string, or the key's ARN is none.
        """
        return _Parameter(_checked("uri_parameter", Name.PARAMETER, name, key_arn), key_arn)

    @staticmethod
    def iam(host: str) -> MongoConnection:
        """No secret at all: Atlas knows the roles of the functions as database users (`AtlasUsers` makes them).

        Args:
            host: of the cluster, as in its connection string: `cluster0.ab1cd.mongodb.net`.

        Raises:
            UserError: it is more than a host.
        """
        if not isinstance(host, str) or not (_HOST.fullmatch(host) or Token.is_unresolved(host)):
            shown = str(host).rpartition("@")[2]  # What stands before it may be a password.
            raise UserError(
                f"MongoConnection.iam: host: got {shown!r}; expected is the cluster's host alone, such as "
                "`cluster0.ab1cd.mongodb.net`, without scheme, user and options"
            )
        return _Iam(host)


@dataclass(frozen=True, slots=True, repr=False)
class _Uri(MongoConnection):
    text: str

    def environment(self) -> dict[str, str]:
        return {"PHASELINE_MONGO_URI": self.text}

    @property
    def identity(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def everywhere(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class _Iam(MongoConnection):
    host: str

    def environment(self) -> dict[str, str]:
        return {"PHASELINE_MONGO_URI": self.identity}

    @property
    def identity(self) -> str:
        # MongoDB driver specification "Authentication", MONGODB-AWS: the credentials are those of the environment.
        return f"mongodb+srv://{self.host}/?authMechanism=MONGODB-AWS&authSource=%24external"

    @property
    def everywhere(self) -> bool:
        return True

    @property
    def users(self) -> int:
        return 1  # Of `AtlasUsers`, or made elsewhere: nobody knows it beforehand.

    def outputs(self) -> dict[str, str]:
        return {"PhaselineMongoUri": self.identity}


@dataclass(frozen=True, slots=True)
class _Secret(MongoConnection):
    name: str
    key_arn: str | None
    whole: bool
    """Whether the name is an ARN."""
    region: str | None = None
    """Of a secret of the app."""

    def environment(self) -> dict[str, str]:
        return {"PHASELINE_MONGO_SECRET": self.name}

    @property
    def identity(self) -> str:
        return self.name

    @property
    def everywhere(self) -> bool:
        return self.whole

    def statements(self, scope: IConstruct) -> list[iam.PolicyStatement]:
        check_read_here(scope, "MongoConnection.secret", self.name, self.key_arn)
        if self.region is not None:
            check_read_in(scope, "MongoConnection.secret", "the secret", region=self.region)
        return [
            _may_read_secrets(stack_of(scope), ((self.name, self.whole),)),
            *_may_decrypt(scope, self.key_arn, "secretsmanager"),
        ]

    def outputs(self) -> dict[str, str]:
        return {"PhaselineMongoSecret": self.name}


@dataclass(frozen=True, slots=True)
class _Parameter(MongoConnection):
    name: str
    key_arn: str | None

    def environment(self) -> dict[str, str]:
        return {"PHASELINE_MONGO_PARAMETER": self.name}

    @property
    def identity(self) -> str:
        return self.name

    @property
    def everywhere(self) -> bool:
        return self.name.startswith("arn:")

    def statements(self, scope: IConstruct) -> list[iam.PolicyStatement]:
        check_read_here(scope, "MongoConnection.uri_parameter", self.name, self.key_arn)
        return [_may_read_parameter(stack_of(scope), self.name), *_may_decrypt(scope, self.key_arn, "ssm")]

    def outputs(self) -> dict[str, str]:
        return {"PhaselineMongoParameter": self.name}


def _of_construct(secret: ISecret, key_arn: str | None) -> MongoConnection:
    """A secret of the app; where its ARN is not known, it has a name."""
    arn, key = secret.secret_full_arn, secret.encryption_key
    known = key.key_arn if key_arn is None and key is not None else key_arn
    return _Secret(secret.secret_name if arn is None else arn, known, arn is not None, secret.env.region)


def _checked(factory: str, kind: Name, name: object, key_arn: str | None) -> str:
    """A connection string would stand in the template, and in what the roles may read: it is not shown."""
    if isinstance(name, str) and "://" in name:
        raise UserError(
            f"MongoConnection.{factory}: got a connection string (not shown); expected is the name or the ARN under "
            "which AWS keeps it"
        )
    text = kind.check(f"MongoConnection.{factory}: name", name)
    if text.startswith("arn:") and not _END.search(text):
        raise UserError(
            f"MongoConnection.{factory}: name: got an ARN without the six characters that AWS puts at its end, as that "
            "of `Secret.from_secret_name_v2` is: give the secret itself, or its name"
        )
    if key_arn is not None:
        Name.KEY.check(f"MongoConnection.{factory}: key_arn", key_arn)
    return text


def may_read_secret(scope: IConstruct, *names: str) -> iam.PolicyStatement:
    """A statement that allows to read the secrets of these names (or full ARNs), and no other."""
    return _may_read_secrets(stack_of(scope), tuple((name, name.startswith("arn:")) for name in names))


@asked_once
def _may_read_secrets(stack: Stack, secrets: tuple[tuple[str, bool], ...]) -> iam.PolicyStatement:
    """Made once for all functions of a stack; each secret with whether its name is a whole ARN."""
    # Secrets Manager adds a hyphen and six random characters to the name.
    arns = [
        name if whole else _arn(stack, "secretsmanager", "secret", f"{name}-??????", ArnFormat.COLON_RESOURCE_NAME)
        for name, whole in secrets
    ]
    return iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=arns)


def _is_arn_of_secret(text: str) -> bool:
    """Whether a text that is not known yet refers to a secret of the app, which gives its ARN."""
    if not Token.is_unresolved(text):
        return False
    token = Tokenization.reverse_string(text).first_token
    return Reference.is_reference(token) and isinstance(cast(Reference, token).target, CfnSecret)


@asked_once
def _may_read_parameter(stack: Stack, name: str) -> iam.PolicyStatement:
    arn = _arn(stack, "ssm", "parameter", name.removeprefix("/"), ArnFormat.SLASH_RESOURCE_NAME)
    return iam.PolicyStatement(actions=["ssm:GetParameter"], resources=[arn])


def _may_decrypt(scope: IConstruct, key_arn: str | None, service: str) -> list[iam.PolicyStatement]:
    """A statement that allows to decrypt with a key, through this service alone; none for the key of AWS."""
    return [] if key_arn is None else [_may_use(stack_of(scope), key_arn, service)]


@asked_once
def _may_use(stack: Stack, key_arn: str, service: str) -> iam.PolicyStatement:
    # KMS names the service by its address in the region, whose suffix differs between AWS's partitions.
    through = {"StringLike": {"kms:ViaService": f"{service}.{stack.region}.amazonaws.*"}}
    return iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key_arn], conditions=through)


def _arn(scope: IConstruct, service: str, resource: str, name: str, form: ArnFormat) -> str:
    if name.startswith("arn:"):
        return name
    return Stack.of(scope).format_arn(service=service, resource=resource, resource_name=name, arn_format=form)
