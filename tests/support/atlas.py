"""A stand-in for the two APIs of MongoDB Atlas: real HTTP, digest and token, and the answers of a project in memory.

Paths, names of fields and authentication are those of the published OpenAPI descriptions: of the App Services Admin API
v3, and of the Atlas Administration API v2 (by MongoDB's Go SDK, which is generated from it). How Atlas itself behaves
beyond that is not known here: this proves that the requests are well formed, and not that Atlas does as they ask.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from phaseline_runtime.envelope import PROJECTION
from phaseline_runtime.store.grants import GRANTS, Purpose

Document = dict[str, Any]

PUBLIC, PRIVATE, TOKEN = "publickey", "d1b7a3f0-secret-private-key", "the-access-token"
PROJECT, APP, SERVICE, TRIGGER = (f"64f0c0ffee64f0c0ffee64f{number}" for number in range(4))
DATABASE = "phaseline_prod"
ADMIN, SERVICES = f"/api/atlas/v2/groups/{PROJECT}/", "/api/admin/v3.0"
LOG_PAGE = 100
"""How many entries of a log one answer has at most."""
REALM, NONCE = "MMS Public API", "abc123"


def cluster(name: str = "cluster0", tier: str = "M10", **more: Any) -> Document:
    """A cluster of this tier."""
    region = {"electableSpecs": {"instanceSize": tier, "nodeCount": 3}, "regionName": "EU_CENTRAL_1"}
    return {"name": name, "mongoDBVersion": "8.0.12", "replicationSpecs": [{"regionConfigs": [region]}], **more}


def trigger(id: str = TRIGGER, *, config: Document | None = None, **more: Any) -> Document:
    """A trigger as the stack makes it."""
    processor = {"AWS_EVENTBRIDGE": {"config": {"account_id": "111122223333", "region": "eu-central-1"}}}
    made = {
        "service_id": SERVICE,
        "database": DATABASE,
        "collection": "statuses",
        "operation_types": ["INSERT"],
        "unordered": True,
        "project": dict(PROJECTION),
    }
    return {
        "_id": id,
        "name": "phaseline-prod",
        "type": "DATABASE",
        "disabled": False,
        "config": {**made, **(config or {})},
        "event_processors": processor,
        **more,
    }


def role(purpose: Purpose) -> Document:
    """A custom role as `AtlasUsers` makes it."""
    actions = [
        {"action": action, "resources": [{"db": DATABASE, "collection": collection, "cluster": False}]}
        for collection, allowed in GRANTS[purpose].items()
        for action in allowed
    ]
    return {"roleName": f"phaseline-{DATABASE}-{purpose.value}", "actions": actions}


def user(purpose: Purpose) -> Document:
    """A user with that role."""
    granted = {"roleName": f"phaseline-{DATABASE}-{purpose.value}", "databaseName": "admin"}
    return {"username": f"arn:aws:iam::111122223333:role/{purpose.value}", "awsIAMType": "ROLE", "roles": [granted]}


def failure(error: str, *, at: str = "2026-11-24T10:00:00Z", of: str = TRIGGER) -> Document:
    """An entry of the log: a trigger has failed."""
    return {"type": "TRIGGER_FAILURE", "event_subscription_id": of, "started": at, "error": error}


def firing(at: str, *, of: str = TRIGGER) -> Document:
    """An entry of the log: a trigger has fired."""
    return {"type": "DB_TRIGGER", "event_subscription_id": of, "started": at}


@dataclass
class Atlas:
    """A project in which everything is as it should be, until a test changes it."""

    clusters: list[Document] = field(default_factory=lambda: [cluster()])
    flex: list[Document] = field(default_factory=list)
    users: list[Document] = field(default_factory=lambda: [user(each) for each in Purpose])
    roles: list[Document] = field(default_factory=lambda: [role(each) for each in Purpose])
    triggers: list[Document] = field(default_factory=lambda: [trigger()])
    log: list[Document] = field(default_factory=list)
    linked: str = "cluster0"
    resumed: list[tuple[str, bool]] = field(default_factory=list)
    refusal: tuple[int, Document] | None = None
    """What every request is answered with, if anything."""
    cut: bool = False
    """Whether each answer breaks off half-way."""
    most: int = 500
    """How many of a list the Administration API tells at once, however many are asked for."""
    lost: bool = False
    """Whether a resume from where a trigger was is refused."""
    requests: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """The environment that leads here."""
        return {
            "MONGODB_ATLAS_PUBLIC_API_KEY": PUBLIC,
            "MONGODB_ATLAS_PRIVATE_API_KEY": PRIVATE,
            "MONGODB_ATLAS_PROJECT_ID": PROJECT,
            "PHASELINE_ATLAS_URL": self.url,
            "PHASELINE_APP_SERVICES_URL": self.url,
        }

    def admin(self, path: str, query: dict[str, list[str]]) -> Any:
        """An answer of the Administration API, which pages its lists."""
        lists = {"clusters": self.clusters, "flexClusters": self.flex, "databaseUsers": self.users}
        if path in lists:
            size = min(int(query["itemsPerPage"][0]), self.most)
            begin = (int(query["pageNum"][0]) - 1) * size
            return {"results": lists[path][begin : begin + size], "totalCount": len(lists[path])}
        return self.roles if path == "customDBRoles/roles" else None

    def services(self, method: str, path: str, query: dict[str, list[str]], body: Document) -> Any:
        """An answer of App Services."""
        if path == "apps":
            assert query["product"] == ["standard,atlas"]
            return [{"_id": APP, "name": "Triggers", "client_app_id": "triggers-abcde", "product": "atlas"}]
        if path == f"apps/{APP}/services":
            other = {"_id": "64f0c0ffee64f0c0ffee64ff", "name": "mail", "type": "http"}
            return [{"_id": SERVICE, "name": "mongodb-atlas", "type": "mongodb-atlas"}, other]
        if path == f"apps/{APP}/services/{SERVICE}/config":
            return {"clusterName": self.linked, "readPreference": "primary", "wireProtocolEnabled": False}
        if path == f"apps/{APP}/triggers":
            return self.triggers
        if path == f"apps/{APP}/logs":
            return self._page(self._logged(query), query)
        found = re.fullmatch(rf"apps/{APP}/triggers/(\w+)/resume", path)
        if found is None or method != "PUT":
            return None
        (resumed,) = [each for each in self.triggers if each["_id"] == found[1]]
        self.resumed.append((found[1], body["disable_token"]))
        resumed["disabled"] = False
        return ""

    def _logged(self, query: dict[str, list[str]]) -> list[Document]:
        errors = "errors_only" in query
        kept = [each for each in self.log if each["type"] == query["type"][0] and ("error" in each) == errors]
        return [each for each in kept if each["started"] > query.get("start_date", [""])[0]]

    def _page(self, logged: list[Document], query: dict[str, list[str]]) -> Document:
        """A page of the log, the newest first, and where the next begins: at a time, behind what was told of it."""
        newest = sorted(logged, key=lambda each: str(each["started"]), reverse=True)
        until = query.get("end_date", ["9999"])[0]
        rest = [each for each in newest if each["started"] <= until][int(query.get("skip", ["0"])[0]) :]
        page = rest[:LOG_PAGE]
        if len(rest) == len(page):
            return {"logs": page}
        last = page[-1]["started"]
        told = [each for each in newest if each["started"] == last].index(page[-1]) + 1
        return {"logs": page, "nextEndDate": last, "nextSkip": told}


def _digest(given: dict[str, str], method: str) -> str:
    """What RFC 7616 makes of the key and a request."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    first, second = md5(f"{PUBLIC}:{REALM}:{PRIVATE}"), md5(f"{method}:{given['uri']}")
    return md5(f"{first}:{NONCE}:{given['nc']}:{given['cnonce']}:{given['qop']}:{second}")


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_GET

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.server.project.requests.append(f"{self.command} {parts.path}")
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        status, answer = self._answer(parts.path, parse_qs(parts.query), body)
        text = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if status == 401 and parts.path.startswith(ADMIN):
            self.send_header("WWW-Authenticate", f'Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5, qop="auth"')
        self.end_headers()
        self.wfile.write(text[:1] if self.server.project.cut else text)

    def _answer(self, path: str, query: dict[str, list[str]], body: Document) -> tuple[int, Any]:
        atlas = self.server.project
        if atlas.refusal is not None:
            return atlas.refusal
        if path.startswith(ADMIN):
            return self._answer_of_admin(path.removeprefix(ADMIN), query)
        if path == f"{SERVICES}/auth/providers/mongodb-cloud/login":
            right = body == {"username": PUBLIC, "apiKey": PRIVATE}
            return (200, {"access_token": TOKEN}) if right else (401, {"error": "invalid username/password"})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "invalid session", "error_code": "InvalidSession"}
        path = path.removeprefix(f"{SERVICES}/groups/{PROJECT}/")
        if atlas.lost and path.endswith("/resume") and not body["disable_token"]:
            return 400, {"error": "resume token was not found"}
        found = atlas.services(self.command, path, query, body)
        return (404, {"error": "not found"}) if found is None else (204 if found == "" else 200, found)

    def _answer_of_admin(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', self.headers.get("Authorization") or ""))
        if not given or _digest(given, self.command) != given.get("response"):
            return 401, {"detail": "You are not authorized for this resource.", "error": 401}
        if not re.fullmatch(r"application/vnd\.atlas\.\d{4}-\d\d-\d\d\+json", self.headers["Accept"]):
            return 406, {"detail": "no such version", "error": 406}
        found = self.server.project.admin(path, query)
        return (404, {"detail": "not found", "error": 404}) if found is None else (200, found)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    project: Atlas


@contextmanager
def serving() -> Iterator[Atlas]:
    """The stand-in, listening on a free port of this machine."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.project = Atlas(url=f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server.project
        finally:
            server.shutdown()
