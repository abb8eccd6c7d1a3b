"""One MongoDB client per process, with the options that suit a Lambda sandbox.

Each sandbox costs connections, so the pool is small. Types: dates come back with a zone, those that Python has none for
as milliseconds (`DatetimeMS`); `decimal.Decimal` goes and comes as Decimal128, UUIDs in the standard representation.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from bson import CodecOptions
from bson.binary import UuidRepresentation
from bson.codec_options import DatetimeConversion, TypeCodec, TypeDecoder, TypeRegistry
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from phaseline_runtime.errors import UserError

Document = dict[str, Any]


class _DecimalCodec(TypeCodec):
    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        return Decimal128(value)

    def transform_bson(self, value: Decimal128) -> Decimal:
        return value.to_decimal()


class _ReferenceDecoder(TypeDecoder):
    """Data with the keys `$ref` and `$id` stays data: the driver makes an object of its own of it."""

    bson_type = DBRef

    def transform_bson(self, value: DBRef) -> Document:
        return dict(value.as_doc())


def _fallback(value: Any) -> Any:
    """A plain date becomes its midnight; everything else unknown stays unknown, and is refused by the encoder."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value


CODEC: CodecOptions[Document] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,  # An expression may compute a year of five digits.
    uuid_representation=UuidRepresentation.STANDARD,
    type_registry=TypeRegistry([_DecimalCodec(), _ReferenceDecoder()], fallback_encoder=_fallback),
)
"""How documents of ours are encoded and decoded, everywhere."""


def connect(uri: str, *, pool: int = 2) -> MongoClient[Document]:
    """A client for this URI. It connects at its first use; `pool` bounds its connections."""
    return MongoClient(
        uri,
        maxPoolSize=pool,
        maxIdleTimeMS=60_000,
        serverSelectionTimeoutMS=5_000,
        appname="phaseline",
    )


def database(client: MongoClient[Document], name: str) -> Database[Document]:
    """The database with the codec, the write concern and the read preference that the protocol needs."""
    return client.get_database(
        name,
        codec_options=CODEC,
        write_concern=WriteConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
    )


def privileges(of: Database[Document]) -> list[Mapping[str, Any]] | None:
    """What the user of this connection may do, as MongoDB tells of it; None where nobody has logged in."""
    said = of.command({"connectionStatus": 1, "showPrivileges": True})["authInfo"]
    return list(said.get("authenticatedUserPrivileges", [])) if said.get("authenticatedUsers") else None


@cache
def from_environment() -> Database[Document]:
    """The database of this Lambda: `uri_from` its environment variables, and PHASELINE_DATABASE."""
    return database(connect(uri_from(os.environ)), os.environ["PHASELINE_DATABASE"])


def uri_from(variables: Mapping[str, str]) -> str:
    """The connection string in PHASELINE_MONGO_URI, or in the secret or the parameter that the others name.

    Raises UserError where none of them is set, or what is stored holds no connection string.
    """
    if uri := variables.get("PHASELINE_MONGO_URI"):
        return uri
    import boto3  # Slow to import: only where something has to be read.

    if name := variables.get("PHASELINE_MONGO_SECRET"):
        secret = boto3.client("secretsmanager").get_secret_value(SecretId=name)
        return stored_uri(secret.get("SecretString", ""), f"secret {name}")  # None of bytes.
    if name := variables.get("PHASELINE_MONGO_PARAMETER"):
        parameter = boto3.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
        return stored_uri(parameter["Value"], f"parameter {name}")
    raise UserError(
        "no MongoDB is named: set PHASELINE_MONGO_URI, or PHASELINE_MONGO_SECRET or PHASELINE_MONGO_PARAMETER"
    )


def stored_uri(text: str, where: str) -> str:
    """The connection string in a text that is kept somewhere: the text itself, or the key `uri` of a JSON object.

    Raises UserError for anything else; the message says where it stands and never what.
    """
    found: object = text.strip()
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text).get("uri")
        except ValueError:
            found = None
    if not isinstance(found, str) or not found.startswith(("mongodb://", "mongodb+srv://")):
        raise UserError(
            f"{where}: expected a connection string (mongodb://… or mongodb+srv://…), or JSON with it as `uri`"
        )
    return found
