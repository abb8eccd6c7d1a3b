"""Which MongoDB, and which database of it: options, then environment variables, then what is deployed.

`--env` is an option like the others: given, it decides before any variable does. Without anything, the local platform
of the project is meant.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phaseline.cli.aws_errors import in_our_words
from phaseline.cli.output import note
from phaseline_runtime.errors import DatabaseUnavailable, UserError

if TYPE_CHECKING:
    from phaseline_runtime.client import Client

LOCAL = "local"

_OF_MONGODB = ("admin", "local", "config")
"""The databases that MongoDB keeps for itself."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where to connect to, and in words where that is known from."""

    uri: str = field(repr=False)
    database: str
    source: str
    warning: str | None = None
    """What keeps executions from going on there, where that is known."""
    bus: str | None = None
    """The name of the bus that the rules of an environment's stack are on, where that is known."""

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client for it, closed in the end.

        Raises:
            UserError: The connection string or the name of the database is none.
            DatabaseUnavailable: It cannot be reached; the message says where it is known from.
        """
        client = self._made()
        with client:
            try:
                yield client
            except DatabaseUnavailable as error:
                raise DatabaseUnavailable(f"{error} (it comes from {self.source})") from error

    def _made(self) -> Client:
        """The client; what the driver only warns of is told as a warning of ours."""
        from pymongo.errors import PyMongoError

        from phaseline_runtime.client import Client

        try:
            with warnings.catch_warnings(record=True) as doubts:
                warnings.simplefilter("always")
                client = Client(self.uri, database=self.database)
        except (PyMongoError, ValueError, OSError) as error:  # OSError: a file of certificates that is not there.
            if type(error.__cause__ or error.__context__).__module__.startswith("dns."):
                raise DatabaseUnavailable(
                    f"MongoDB cannot be looked up ({error}): check the network and the connection string "
                    f"(it comes from {self.source})"
                ) from error
            raise UserError(
                f"the connection string from {self.source}, or the database {self.database!r}, is no good: {error}"
            ) from error
        for doubt in doubts:
            note(f"warning: the connection string from {self.source}: {doubt.message}")
        return client


def find(
    mongo: str | None = None,
    database: str | None = None,
    env: str | None = None,
    *,
    variables: Mapping[str, str] = os.environ,
    project: Path | None = None,
) -> Connection:
    """Find the connection.

    Raises:
        UserError: It is ambiguous, or an environment has no stack.
        PhaselineError: The local platform is not up, or AWS cannot be asked.
    """
    if mongo is None and env is None and variables.get("PHASELINE_MONGO_URI"):
        mongo = variables["PHASELINE_MONGO_URI"]
        source = "PHASELINE_MONGO_URI"
    else:
        source = "--mongo"
    chosen = env or variables.get("PHASELINE_ENV") or None
    named = database or (variables.get("PHASELINE_DATABASE") if env is None else None) or None
    if named is not None and named.lower() in _OF_MONGODB:
        raise UserError(f"database {named!r} is MongoDB's own: give the one that Phaseline has there")
    if mongo is not None:
        named = named or _database_in(mongo) or (f"phaseline_{chosen}" if chosen else None)
        if named is None:
            raise UserError(f"{source} says which MongoDB, but not which database: give --database or --env")
        return Connection(mongo, named, source)
    found = _local_platform(project) if chosen is None or chosen == LOCAL else _stack(chosen)
    return replace(found, database=named or found.database)


def stack_of(env: str, variables: Mapping[str, str] = os.environ) -> str:
    """The name of an environment's stack: `phaseline-ENV`, or what PHASELINE_STACK makes of it, as `shop-{env}`."""
    return (variables.get("PHASELINE_STACK") or "phaseline-{env}").replace("{env}", env)


def _database_in(uri: str) -> str | None:
    """The database that a connection string names in its path, if any."""
    _, _, rest = uri.partition("://")
    # A password that should have been escaped may hold a slash: what is told of a fault must not hold the password.
    name = rest.partition("?")[0].rpartition("@")[2].partition("/")[2]
    # One of these says where the user is known, and is nobody's choice for data.
    return name if name and name.lower() not in _OF_MONGODB else None


def _local_platform(project: Path | None) -> Connection:
    from phaseline.local import DATABASE, PARTS, Folder, PlatformUnavailable, find_project
    from phaseline.local.state import MOVED

    state = Folder(find_project(project)).read()
    part = state.part("mongo")
    if state.mongo_uri is None or (part.own and not part.alive):
        raise PlatformUnavailable(
            "the local platform is not up: run `phaseline local up`, or say which MongoDB with --env or --mongo"
        )
    down = [name for name in PARTS if name != "mongo" and not state.part(name).alive]
    warning = MOVED if state.mongo_moved else None
    if down:
        warning = f"the local platform is down but for its MongoDB ({', '.join(down)}): `phaseline local up`"
    return Connection(state.mongo_uri, DATABASE, "the local platform", warning)


def _stack(env: str) -> Connection:
    """Connection string and database from the outputs of an environment's stack."""
    stack = stack_of(env)
    outputs = _outputs(stack, env)
    if "PhaselineDatabase" not in outputs:
        raise UserError(f"stack {stack} has no output PhaselineDatabase: call add_outputs() in it, or give --mongo")
    bus = outputs.get("PhaselineBus")
    return Connection(_uri(outputs, stack, env), outputs["PhaselineDatabase"], f"stack {stack}", bus=bus)


def _uri(outputs: Mapping[str, str], stack: str, env: str) -> str:
    """The connection string itself, or what the secret or the parameter holds that the stack names."""
    from phaseline_runtime.store.connection import stored_uri

    if "PhaselineMongoUri" in outputs:
        return outputs["PhaselineMongoUri"]
    if name := outputs.get("PhaselineMongoSecret"):
        secret = _aws("secretsmanager", "get_secret_value", env, SecretId=name)
        return stored_uri(secret.get("SecretString", ""), f"secret {name}")
    if name := outputs.get("PhaselineMongoParameter"):
        found = _aws("ssm", "get_parameter", env, Name=name, WithDecryption=True)
        return stored_uri(found["Parameter"]["Value"], f"parameter {name}")
    raise UserError(
        f"stack {stack} does not say which MongoDB: what was given to `MongoConnection.uri` is in no output, since it "
        "may hold a password: give --mongo"
    )


def _outputs(stack: str, env: str) -> dict[str, str]:
    found = _aws("cloudformation", "describe_stacks", env, StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def _aws(service: str, operation: str, env: str, **arguments: Any) -> dict[str, Any]:
    """One call to AWS."""
    import boto3

    with in_our_words(env, service, otherwise="give --mongo and --database"):
        answer: dict[str, Any] = getattr(boto3.client(service), operation)(**arguments)
    return answer
