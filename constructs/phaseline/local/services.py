"""The three parts of the platform: how each is started, and when it is ready.

Each gets an environment of its own making, and not the user's: what stands in a shell (credentials, a profile, a
connection string) must reach neither the emulator nor the functions that it runs, as it would not on AWS.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from phaseline.local.ports import HOST
from phaseline.local.state import BUS, DATABASE, Folder, State

REGION = "us-east-1"
ACCOUNT = "000000000000"
CONCURRENCY = 10
"""Invocations at once. Each is a process of the emulator: without a bound, a burst drowns the machine."""

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONPATH", "SSL_CERT_FILE", "LD_LIBRARY_PATH")

TITLES = {"mongo": "MongoDB (SecantusDB)", "aws": "AWS (MiniStack)", "relay": "relay"}
MODULES = {"mongo": "phaseline.local.database", "aws": "phaseline.local.emulator", "relay": "phaseline_runtime.relay"}
PACKAGES = {"mongo": "secantus", "aws": "ministack", "relay": "boto3"}
"""What each part runs, and nothing but an extra installs."""


def aws_environment(endpoint: str) -> dict[str, str]:
    """The variables that turn AWS's tools and libraries to the emulator."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def command(name: str, state: State, folder: Folder) -> list[str]:
    """The command that runs a part in the foreground. A connection string never stands in it: `ps` shows commands."""
    python = [sys.executable, "-m", "phaseline.local.part", str(folder.path), MODULES[name]]
    if name == "mongo":
        empty = folder.path / "secantusd.toml"
        empty.touch()  # A file by name, so that it takes no settings from the user's home.
        storage = folder.data / "mongo"
        where = ["--host", HOST, "--port", str(state.part("mongo").port), "--storage-path", str(storage)]
        return [*python, "--config", str(empty), *where, "--noop-heartbeat-seconds", "10"]
    if name == "aws":
        return python
    return [*python, "--database", DATABASE, "--bus", BUS]


def environment(name: str, state: State, folder: Folder) -> dict[str, str]:
    """The environment of a part."""
    passed_on = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    common = {**passed_on, "TMPDIR": str(folder.temporary), "PYTHONUNBUFFERED": "1"}
    if name == "mongo":
        return common
    assert state.endpoint is not None
    if name == "relay":
        assert state.mongo_uri is not None
        return {**common, **aws_environment(state.endpoint), "PHASELINE_MONGO_URI": state.mongo_uri}
    return {
        **common,
        # Functions run under the emulator's interpreter; `node` is looked up beside it.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), common.get("PATH", os.defpath)]),
        "GATEWAY_PORT": str(state.part("aws").port),
        "BIND_HOST": HOST,
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder.emulated),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder.data / "s3"),
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_ACCOUNT_CONCURRENCY": str(CONCURRENCY),
        "LAMBDA_WARM_TTL_SECONDS": "1800",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "1",  # AWS waits a minute, which nobody at a laptop would.
        "LOG_LEVEL": "INFO",
    }


def answers(name: str, state: State) -> bool:
    """Whether a part answers now. The relay has no port: that it runs is all that can be asked."""
    if name == "mongo":
        return mongo_fault(state.mongo_uri or "") is None
    if name == "aws":
        return _emulator_answers(state)
    return state.part("relay").alive


def uri_fault(uri: str) -> str | None:
    """What is wrong with the form of a connection string, or None. Asks nobody."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    try:
        MongoClient[dict[str, object]](uri, connect=False).close()
    except (PyMongoError, ValueError, OSError) as error:  # OSError: a file of certificates that is not there.
        return str(error)
    return None


def mongo_fault(uri: str, *, timeout: float = 2.0) -> str | None:
    """What is wrong with a MongoDB, or None: it has to answer, and to have change streams and transactions."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    from phaseline_runtime.store.troubles import reason

    try:
        with MongoClient[dict[str, object]](uri, serverSelectionTimeoutMS=int(timeout * 1000)) as client:
            hello = client.admin.command("hello")
    except (PyMongoError, ValueError) as error:
        return reason(error)
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        return "it is no replica set, which transactions and change streams need: start mongod with --replSet"
    return None


def _emulator_answers(state: State) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{state.endpoint}/_ministack/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
