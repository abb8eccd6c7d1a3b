"""One MongoDB client per process, with the options that suit a Lambda sandbox.

Each sandbox costs connections, so the pool is small (FACTS: `maxPoolSize` 1-2). Types: dates come back with a zone,
`decimal.Decimal` goes and comes as Decimal128, UUIDs in the standard representation.
"""

from __future__ import annotations

import json
import os
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from bson import CodecOptions
from bson.binary import UuidRepresentation
from bson.codec_options import TypeCodec, TypeRegistry
from bson.decimal128 import Decimal128
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]


class _DecimalCodec(TypeCodec):
    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        return Decimal128(value)

    def transform_bson(self, value: Decimal128) -> Decimal:
        return value.to_decimal()


def _fallback(value: Any) -> Any:
    """A plain date becomes its midnight; everything else unknown stays unknown, and is refused by the encoder."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value


CODEC: CodecOptions[Document] = CodecOptions(
    tz_aware=True,
    uuid_representation=UuidRepresentation.STANDARD,
    type_registry=TypeRegistry([_DecimalCodec()], fallback_encoder=_fallback),
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


@cache
def from_environment() -> Database[Document]:
    """The database of this Lambda, by PHASELINE_MONGO_URI or PHASELINE_MONGO_SECRET, and PHASELINE_DATABASE."""
    uri = os.environ.get("PHASELINE_MONGO_URI") or _secret(os.environ["PHASELINE_MONGO_SECRET"])
    return database(connect(uri), os.environ["PHASELINE_DATABASE"])


def _secret(name: str) -> str:
    """The URI in a secret: its text, or the key `uri` where the text is a JSON object."""
    import boto3  # Slow to import: only where a secret is used.

    text: str = boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    return str(json.loads(text)["uri"]) if text.lstrip().startswith("{") else text.strip()
