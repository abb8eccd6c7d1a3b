"""The relay: what an Atlas trigger does, for any MongoDB with change streams.

It watches the inserts into `statuses` and puts each on an event bus, in Atlas's envelope. At least once: the resume
token is stored after what stands before it was delivered, never ahead of it. Run it as
`PHASELINE_MONGO_URI=URI python -m phaseline_runtime.relay --database DB --bus NAME`: a connection string may hold a
password, and everybody on the machine can see what stands in a command.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from phaseline_runtime import plain_json
from phaseline_runtime.envelope import PROJECTION
from phaseline_runtime.masking import masked
from phaseline_runtime.store.connection import connect, database
from phaseline_runtime.store.troubles import reason

Document = dict[str, Any]
Put = Callable[[Sequence[Document]], list[Document]]
"""Puts entries on the bus and returns those that it did not take."""

MONGO_URI = "PHASELINE_MONGO_URI"
"""The variable that holds the connection string."""

BATCH = 10
"""Entries a PutEvents call takes (AWS limit)."""

_LOST_TOKEN = (136, 280, 286)  # CappedPositionLost, ChangeStreamFatalError, ChangeStreamHistoryLost
_PIPELINE: list[Document] = [
    {"$match": {"operationType": "insert"}},
    {"$project": PROJECTION},
]
_TOKEN_EVERY = 0.2
"""Seconds between two writes of the resume token while events flow."""


def say(event: str, **details: Any) -> None:
    """One line of JSON on standard output."""
    print(json.dumps({"event": f"relay.{event}", **details}, default=str), flush=True)


def entry(change: Mapping[str, Any], bus: str) -> Document:
    """The PutEvents entry for one change: source and detail-type as Atlas's, but for the partner prefix."""
    namespace = change["ns"]
    detail = {
        "_id": change["_id"],
        "operationType": change["operationType"],
        "clusterTime": {"T": change["clusterTime"].time, "I": change["clusterTime"].inc},
        "fullDocument": change["fullDocument"],
        "ns": namespace,
        "documentKey": change["documentKey"],
    }
    return {
        "EventBusName": bus,
        "Source": "phaseline.relay",
        "DetailType": f"MongoDB Database Trigger for {namespace['db']}.{namespace['coll']}"[:128],
        "Detail": plain_json.dumps(detail),
    }


class Relay:
    """Relays one database's statuses until it is stopped."""

    def __init__(self, source: Database[Document], bus: str, put: Put) -> None:
        self._statuses = source["statuses"]
        self._tokens = source["relay"]
        self._bus = bus
        self._put = put
        self._undelivered = 0
        self._stop = threading.Event()
        self._changes: queue.Queue[Mapping[str, Any]] = queue.Queue(maxsize=1_000)

    def stop(self) -> None:
        """Finish what is being delivered, store the token, and return from `run`."""
        self._stop.set()

    def run(self) -> bool:
        """Relay until `stop`; whether everything that was read has been delivered.

        Mends a lost connection by itself, and goes on from now where the resume token is lost.
        """
        sender = threading.Thread(target=self._send, name="sender", daemon=True)
        sender.start()
        while not self._stop.is_set():
            try:
                self._watch()
            except PyMongoError as error:
                say("trouble", error=reason(error)[:300])
                self._stop.wait(0.5)
        sender.join()
        return self._undelivered == 0

    def _watch(self) -> None:
        kept = self._tokens.find_one({"_id": "statuses"})
        token = kept["token"] if kept else None
        try:
            stream = self._statuses.watch(_PIPELINE, resume_after=token, max_await_time_ms=500)
        except OperationFailure as error:
            if token is None or error.code not in _LOST_TOKEN:
                raise
            say("resume_token_lost", error=str(error)[:300], consequence="statuses inserted meanwhile were not relayed")
            self._tokens.delete_one({"_id": "statuses"})
            token = None
            stream = self._statuses.watch(_PIPELINE, max_await_time_ms=500)
        with stream:
            if token is None and stream.resume_token is not None:
                self._store(stream.resume_token)  # From now on nothing is missed, even if the relay dies at once.
            say("ready", database=self._statuses.database.name, bus=self._bus, resumed=token is not None)
            while not self._stop.is_set():
                change = stream.try_next()
                if change is not None:
                    self._hand_over(change)

    def _hand_over(self, change: Mapping[str, Any]) -> None:
        """Queue a change for the sender; while the queue is full, wait, but not beyond a stop."""
        while not self._stop.is_set():
            try:
                self._changes.put(change, timeout=0.5)
            except queue.Full:
                continue
            return

    def _send(self) -> None:
        """Deliver in the order of arrival; after a stop, what has been read already."""
        token: Any = None
        stored_at = 0.0
        while True:
            batch = self._take()
            if batch:
                if not self._deliver([entry(change, self._bus) for change in batch]):
                    return
                token = batch[-1]["_id"]
            if token is not None and (not batch or time.monotonic() - stored_at > _TOKEN_EVERY) and self._store(token):
                token, stored_at = None, time.monotonic()
            if not batch and self._stop.is_set():
                return

    def _take(self) -> list[Mapping[str, Any]]:
        """What has arrived, a batch at most; an empty list after a moment without anything."""
        batch: list[Mapping[str, Any]] = []
        try:
            batch.append(self._changes.get(timeout=0.1))
            while len(batch) < BATCH:
                batch.append(self._changes.get_nowait())
        except queue.Empty:
            pass
        return batch

    def _deliver(self, entries: Sequence[Document]) -> bool:
        """Put entries until the bus has taken all of them; False where a stop comes while the bus is away."""
        waiting, pause = list(entries), 0.05
        while waiting:
            try:
                waiting = self._put(waiting)
            except Exception as error:  # Whatever the bus says, the events are not to be lost.
                say("bus_unavailable", error=f"{type(error).__name__}: {error}"[:300], waiting=len(waiting))
            if waiting:
                time.sleep(pause)
                pause = min(pause * 2, 5.0)
                if self._stop.is_set() and pause > 1:
                    say("stopped_undelivered", waiting=len(waiting), consequence="they come again at the next start")
                    self._undelivered = len(waiting)
                    return False
        return True

    def _store(self, token: Any) -> bool:
        try:
            self._tokens.update_one({"_id": "statuses"}, {"$set": {"token": token}}, upsert=True)
        except PyMongoError as error:
            say("trouble", error=reason(error)[:300])
            return False
        return True


def put_events(client: Any) -> Put:
    """PutEvents of a boto3 client, as what a relay needs."""

    def put(entries: Sequence[Document]) -> list[Document]:
        answer = client.put_events(Entries=list(entries))
        refused = []
        for sent, result in zip(entries, answer["Entries"], strict=True):
            if "ErrorCode" in result:
                say("refused", code=result["ErrorCode"], message=result.get("ErrorMessage"))
                refused.append(sent)
        return refused

    return put


class _Parser(argparse.ArgumentParser):
    """What is wrong may be a connection string in another place than its own."""

    def error(self, message: str) -> NoReturn:
        super().error(masked(message))


def _events(parser: argparse.ArgumentParser) -> Any:
    """The client of the bus. boto3 itself reads AWS_DEFAULT_REGION alone; the CDK, ECS and Lambda set AWS_REGION."""
    try:
        import boto3  # Only the command needs it.
        from botocore.exceptions import BotoCoreError
    except ModuleNotFoundError as error:
        parser.error(f"{error.name} is not installed: pip install 'phaseline[cli]'")
    try:
        return boto3.client("events", region_name=os.environ.get("AWS_REGION") or None)
    except BotoCoreError as error:  # No region, or a profile that is not there.
        parser.error(f"AWS cannot be used: {error} Set AWS_REGION to where the bus is, and credentials")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns 0 where all that was read has been delivered, else 1. A wrong option ends it with 2."""
    parser = _Parser(prog="phaseline_runtime.relay", description=__doc__)
    parser.add_argument(
        "--mongo", metavar="URI", default=os.environ.get(MONGO_URI), help=f"connection string; {MONGO_URI} by default"
    )
    parser.add_argument("--database", required=True)
    parser.add_argument("--bus", required=True, help="name of the event bus")
    options = parser.parse_args(arguments)
    if not options.mongo:
        parser.error(f"no connection string: set {MONGO_URI}, or give --mongo")
    with contextlib.ExitStack() as at_end:
        try:
            client = at_end.enter_context(connect(options.mongo, pool=4))
            source = database(client, options.database)
        except (PyMongoError, ValueError, OSError) as error:  # OSError: a file of certificates that is not there.
            parser.error(f"the connection string or the database is no good: {error}")
        relay = Relay(source, options.bus, put_events(_events(parser)))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        delivered = relay.run()
    say("stopped")
    return 0 if delivered else 1


if __name__ == "__main__":
    sys.exit(main())
