"""The few requests to Atlas that are needed, over the two APIs that it has.

Clusters and users are in the Atlas Administration API (HTTP digest), triggers in the App Services Admin API (a token).
Nothing is decided here. The key is in no message, whatever a server says.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from phaseline_runtime.errors import PhaselineError, UserError

Document = dict[str, Any]

ATLAS = "https://cloud.mongodb.com"
APP_SERVICES = "https://services.cloud.mongodb.com"
VARIABLES = ("MONGODB_ATLAS_PUBLIC_API_KEY", "MONGODB_ATLAS_PRIVATE_API_KEY", "MONGODB_ATLAS_PROJECT_ID")
"""Where the key and the project come from: the names that MongoDB's own Atlas CLI reads."""

PROJECT = r"[0-9a-f]{24}"
"""What the id of a project looks like."""

_ADDRESS = re.compile(r"(https://[A-Za-z0-9.-]+|http://(localhost|127\.0\.0\.1))(:\d{1,5})?(/[^\s?#]*)?")
"""Where a key may be sent: nobody listens in."""
_TIMEOUT = 30
_PAGE = 500
_LOG_PAGES = 10
_TRIGGER_APPS = "standard,atlas"
"""Triggers made in Atlas itself live in an app of the product `atlas`, which is not listed unless asked for."""


class AtlasUnavailable(PhaselineError):
    """Atlas cannot be reached, or refuses."""


@dataclass(frozen=True)
class AtlasApi:
    """One project of Atlas.

    The addresses are others for Atlas for Government, and in tests.
    """

    project_id: str
    public_key: str
    private_key: str = field(repr=False)
    atlas: str = ATLAS
    app_services: str = APP_SERVICES

    @classmethod
    def from_environment(cls, project_id: str | None = None, variables: Mapping[str, str] = os.environ) -> AtlasApi:
        """The project and the key that the environment names.

        Raises:
            UserError: a variable is missing, or an address is not HTTPS.
        """
        given = {name: variables.get(name, "") for name in VARIABLES}
        if project_id is not None:
            given[VARIABLES[2]] = project_id
        missing = [name for name, value in given.items() if not value]
        if missing:
            raise UserError(f"Atlas: set {', '.join(missing)} (an API key of the project: Project Settings, API Keys)")
        if not re.fullmatch(PROJECT, given[VARIABLES[2]]):
            # The key may stand in the wrong variable.
            got = f"what is in {VARIABLES[2]}" if project_id is None else repr(project_id)
            raise UserError(
                f"Atlas: project: got {got}; expected is its id, 24 hex digits, and not its name "
                "(Project Settings, Project ID)"
            )
        atlas = variables.get("PHASELINE_ATLAS_URL") or ATLAS
        app_services = variables.get("PHASELINE_APP_SERVICES_URL") or APP_SERVICES
        for url in (atlas, app_services):
            if not _ADDRESS.fullmatch(url):
                raise UserError(f"Atlas: {url}: expected https://HOST, since a key is sent there")
        public, private, project = (given[name] for name in VARIABLES)
        return cls(project, public, private, atlas.rstrip("/"), app_services.rstrip("/"))

    def clusters(self) -> list[Document]:
        """The clusters, without Flex ones."""
        return list(self._pages("clusters", "2023-02-01", "name"))

    def flex_clusters(self) -> list[Document]:
        """The Flex clusters, which have no change streams."""
        return list(self._pages("flexClusters", "2024-11-13", "name"))

    def database_users(self) -> list[Document]:
        """The database users."""
        return list(self._pages("databaseUsers", "2023-01-01"))

    def custom_roles(self) -> list[Document]:
        """The custom database roles."""
        return _documents(self._admin("customDBRoles/roles", "2023-01-01"), "custom roles", "roleName")

    def apps(self) -> list[Document]:
        """The App Services apps, that of Atlas's own triggers among them."""
        return _documents(self._services("GET", f"apps?product={_TRIGGER_APPS}"), "apps", "_id", "name")

    def data_sources(self, app: str) -> list[Document]:
        """The linked clusters of an app, each with its `config`."""
        services = _documents(self._services("GET", f"apps/{app}/services"), "data sources", "_id", "name")
        linked = [each for each in services if each.get("type") == "mongodb-atlas"]
        base = f"apps/{app}/services"
        return [{**each, "config": self._services("GET", f"{base}/{each['_id']}/config")} for each in linked]

    def triggers(self, app: str) -> list[Document]:
        """The triggers of an app."""
        return _documents(self._services("GET", f"apps/{app}/triggers"), "triggers", "_id", "name")

    def log(self, app: str, kind: str, *, errors: bool, after: str | None = None) -> Log:
        """The log entries of a kind, failures or all others, of some days; `after` is a time in ISO 8601."""
        query = {"type": kind} | ({"errors_only": "true"} if errors else {}) | ({"start_date": after} if after else {})
        return Log(lambda more: self._services("GET", f"apps/{app}/logs?{urllib.parse.urlencode(query | more)}"))

    def resume(self, app: str, trigger: str, *, from_now: bool) -> None:
        """Restart a suspended trigger, from where it was or from now."""
        self._services("PUT", f"apps/{app}/triggers/{trigger}/resume", {"disable_token": from_now})

    def _pages(self, path: str, version: str, *keys: str) -> Iterator[Document]:
        number, told = 1, 0
        while True:
            answer = _document(self._admin(f"{path}?itemsPerPage={_PAGE}&pageNum={number}", version), path)
            page = _documents(answer.get("results"), path, *keys)
            yield from page
            told += len(page)
            total = answer.get("totalCount")
            # Where it says how many there are, a page may be shorter than asked for.
            if not page or (told >= total if isinstance(total, int) else len(page) < _PAGE):
                return
            number += 1

    def _admin(self, path: str, version: str) -> Any:
        url = f"{self.atlas}/api/atlas/v2/groups/{urllib.parse.quote(self.project_id, safe='')}/{path}"
        request = urllib.request.Request(url, headers={"Accept": f"application/vnd.atlas.{version}+json"})
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, self.atlas, self.public_key, self.private_key)
        return self._send(request, urllib.request.HTTPDigestAuthHandler(passwords))

    def _services(self, method: str, path: str, body: Document | None = None) -> Any:
        url = f"{self.app_services}/api/admin/v3.0/groups/{urllib.parse.quote(self.project_id, safe='')}/{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        # Not to where a redirection leads.
        request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        return self._send(request)

    @cached_property
    def _token(self) -> str:
        url = f"{self.app_services}/api/admin/v3.0/auth/providers/mongodb-cloud/login"
        body = json.dumps({"username": self.public_key, "apiKey": self.private_key}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
        return str(_document(self._send(request), "a token", "access_token")["access_token"])

    def _send(self, request: urllib.request.Request, *handlers: urllib.request.BaseHandler) -> Any:
        what = f"{request.get_method()} {urllib.parse.urlsplit(request.full_url).path}"
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                said = self._said(error)
            advice = {
                401: ": check the key, and whether this machine's address is on the key's access list",
                403: ": the key needs the role Project Owner or Project Read Only (to resume, the former), and this "
                "machine's address on its access list",
                404: f": check whether the key is of project {self.project_id}",
                429: ": try again in a minute",
            }.get(error.code, ": try again later" if error.code >= 500 else "")
            raise AtlasUnavailable(f"Atlas refuses {what} ({error.code} {said}){advice}") from None
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise _unexpected(what) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = self._hidden(str(getattr(error, "reason", error)))
            raise AtlasUnavailable(
                f"Atlas cannot be asked for {what}: {reason}: check this machine's network, and its proxy if it has one"
            ) from None

    def _said(self, error: urllib.error.HTTPError) -> str:
        """What the server says in its answer (`detail` of Atlas, `error` of App Services), or the status's name."""
        try:
            body = json.loads(error.read())
            found = body.get("detail") or body.get("error")
        except (OSError, ValueError, AttributeError):
            found = None
        return " ".join(self._hidden(str(found or error.reason)).split())[:300]

    def _hidden(self, text: str) -> str:
        return text.replace(self.private_key, "…")


class Log:
    """The entries of a log, newest first: a thousand at most, since who asks wants to know of the newest."""

    def __init__(self, read: Callable[[dict[str, str]], Any]) -> None:
        self._read = read
        self.cut = False
        """Whether there are older entries than those that were read; to be asked once all are."""

    def __iter__(self) -> Iterator[Document]:
        more: dict[str, str] = {}
        for _ in range(_LOG_PAGES):
            page = _document(self._read(more), "log entries")
            yield from _documents(page.get("logs") or [], "log entries", "started")
            if not page.get("nextEndDate"):
                return
            more = {"end_date": page["nextEndDate"], "skip": str(page.get("nextSkip") or 0)}
        self.cut = True


def _documents(found: Any, what: str, *keys: str) -> list[Document]:
    """What was asked for as a list, each with these keys.

    Raises AtlasUnavailable where something else has answered, such as a proxy.
    """
    if not isinstance(found, list):
        raise _unexpected(what)
    return [_document(each, what, *keys) for each in found]


def _document(found: Any, what: str, *keys: str) -> Document:
    if not isinstance(found, dict) or any(found.get(key) is None for key in keys):
        raise _unexpected(what)
    return found


def _unexpected(what: str) -> AtlasUnavailable:
    return AtlasUnavailable(f"Atlas was asked for {what}, and has answered with something else: is a proxy in between?")
