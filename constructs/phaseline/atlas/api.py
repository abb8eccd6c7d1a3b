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

from phaseline.atlas.answers import Answer, AtlasUnavailable, unreadable
from phaseline_runtime.errors import UserError

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
_PAGES = 100
"""The most pages of a list: a project has far fewer clusters and users."""
_LOG_PAGES = 10
_TRIGGER_APPS = "standard,atlas"
"""Triggers made in Atlas itself live in an app of the product `atlas`, which is not listed unless asked for."""


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

    def clusters(self) -> list[Answer]:
        """The clusters, without Flex ones."""
        return list(self._pages("clusters", "2023-02-01"))

    def flex_clusters(self) -> list[Answer]:
        """The Flex clusters, which have no change streams."""
        return list(self._pages("flexClusters", "2024-11-13"))

    def database_users(self) -> list[Answer]:
        """The database users."""
        return list(self._pages("databaseUsers", "2023-01-01"))

    def custom_roles(self) -> list[Answer]:
        """The custom database roles."""
        return self._admin("customDBRoles/roles", "2023-01-01").listed()

    def apps(self) -> list[Answer]:
        """The App Services apps, that of Atlas's own triggers among them."""
        return self._services("GET", f"apps?product={_TRIGGER_APPS}").listed()

    def data_sources(self, app: str) -> list[tuple[Answer, Answer]]:
        """The linked clusters of an app, each with its configuration."""
        base = f"apps/{_quoted(app)}/services"
        linked = [each for each in self._services("GET", base).listed() if each.text("type") == "mongodb-atlas"]
        return [(each, self._services("GET", f"{base}/{_quoted(each.text('_id'))}/config")) for each in linked]

    def triggers(self, app: str) -> list[Answer]:
        """The triggers of an app."""
        return self._services("GET", f"apps/{_quoted(app)}/triggers").listed()

    def log(self, app: str, kind: str, *, errors: bool, after: str | None = None) -> Log:
        """The log entries of a kind, failures or all others, of some days; `after` is a time in ISO 8601."""
        query = {"type": kind} | ({"errors_only": "true"} if errors else {}) | ({"start_date": after} if after else {})
        base = f"apps/{_quoted(app)}/logs"
        return Log(lambda more: self._services("GET", f"{base}?{urllib.parse.urlencode(query | more)}"))

    def resume(self, app: str, trigger: str, *, from_now: bool) -> None:
        """Restart a suspended trigger, from where it was or from now."""
        self._services("PUT", f"apps/{_quoted(app)}/triggers/{_quoted(trigger)}/resume", {"disable_token": from_now})

    def _pages(self, path: str, version: str) -> Iterator[Answer]:
        told = 0
        for number in range(1, _PAGES + 1):
            answer = self._admin(f"{path}?itemsPerPage={_PAGE}&pageNum={number}", version)
            page, total = answer.parts("results", needed=True), answer.number("totalCount")
            yield from page
            told += len(page)
            # Where it says how many there are, a page may be shorter than asked for.
            if not page or (told >= total if total is not None else len(page) < _PAGE):
                return
        raise answer.unlike("results", f"has no end after {_PAGES} pages")

    def _admin(self, path: str, version: str) -> Answer:
        url = f"{self.atlas}/api/atlas/v2/groups/{urllib.parse.quote(self.project_id, safe='')}/{path}"
        request = urllib.request.Request(url, headers={"Accept": f"application/vnd.atlas.{version}+json"})
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, self.atlas, self.public_key, self.private_key)
        return self._send(request, urllib.request.HTTPDigestAuthHandler(passwords))

    def _services(self, method: str, path: str, body: Document | None = None) -> Answer:
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
        answer = self._send(request)
        token = answer.text("access_token")
        if not re.fullmatch(r"[!-~]+", token):  # What refuses it as a header would quote it.
            raise answer.unlike("access_token", "is no token")
        return token

    def _send(self, request: urllib.request.Request, *handlers: urllib.request.BaseHandler) -> Answer:
        what = f"{request.get_method()} {urllib.parse.urlsplit(request.full_url).path}"
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT) as answer:
                text = answer.read()
                return Answer(what, json.loads(text) if text else None)
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
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            raise unreadable(what, "It cannot be read as JSON") from None
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
        except (OSError, ValueError, AttributeError, RecursionError):
            found = None
        return " ".join(self._hidden(str(found or error.reason)).split())[:300]

    def _hidden(self, text: str) -> str:
        return text.replace(self.private_key, "…")


class Log:
    """The entries of a log, newest first: a thousand at most, since who asks wants to know of the newest."""

    def __init__(self, read: Callable[[dict[str, str]], Answer]) -> None:
        self._read = read
        self.cut = False
        """Whether there are older entries than those that were read; to be asked once all are."""

    def __iter__(self) -> Iterator[Answer]:
        more: dict[str, str] = {}
        for _ in range(_LOG_PAGES):
            page = self._read(more)
            yield from page.parts("logs")
            until = page.text_or_none("nextEndDate")
            if not until:
                return
            more = {"end_date": until, "skip": str(page.number("nextSkip") or 0)}
        self.cut = True


def _quoted(id: str) -> str:
    return urllib.parse.quote(id, safe="")
