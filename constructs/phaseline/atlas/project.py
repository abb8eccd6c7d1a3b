"""What is known of a project: read once, so that the checks are about data alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from phaseline.atlas.api import AtlasApi

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """A cluster as an app knows it: what a trigger is made on."""

    app_id: str
    app_name: str
    service_id: str
    service_name: str
    cluster: str
    """The cluster's name."""


@dataclass(frozen=True)
class Trigger:
    """A database trigger, and what its log says."""

    app_id: str
    id: str
    name: str
    disabled: bool
    config: Document
    processors: Document
    failed_at: datetime | None = None
    """When it failed last, as far back as Atlas keeps the log."""
    failure: str | None = None
    fired_since: bool | None = False
    """Whether it has fired after that; None where it is not among the newest entries of the log, and there are more."""
    log_cut: bool = False
    """Whether the failures of its app are more than were read, so that it may have failed earlier."""

    @property
    def failing(self) -> bool:
        """Whether it has failed, and is not known to have fired since: Atlas has suspended it, or is about to."""
        return self.failed_at is not None and not self.fired_since

    @property
    def collection(self) -> str | None:
        """The collection that it is on; None for all of the database."""
        return self.config.get("collection") or None

    def watches(self, database: str, collection: str) -> bool:
        """Whether it is on this collection, or on all of its database."""
        return self.config.get("database") == database and self.collection in (None, collection)


@dataclass(frozen=True)
class Project:
    """A project of Atlas."""

    id: str
    sources: Sequence[Source] = ()
    triggers: Sequence[Trigger] = ()
    clusters: Mapping[str, Document] = field(default_factory=dict)
    """By name, without Flex ones."""
    flex: Mapping[str, Document] = field(default_factory=dict)
    """Flex clusters by name."""
    users: Sequence[Document] = ()
    roles: Mapping[str, Document] = field(default_factory=dict)
    """Custom roles by name."""

    def source(self, trigger: Trigger) -> Source | None:
        """The cluster that a trigger is on."""
        wanted = (trigger.app_id, trigger.config.get("service_id"))
        return next((each for each in self.sources if (each.app_id, each.service_id) == wanted), None)


def read(api: AtlasApi) -> Project:
    """Ask for everything that the checks look at. Raises AtlasUnavailable."""
    apps = api.apps()
    return Project(
        id=api.project_id,
        sources=[
            Source(app["_id"], app["name"], each["_id"], each["name"], str((each["config"] or {}).get("clusterName")))
            for app in apps
            for each in api.data_sources(app["_id"])
        ],
        triggers=[trigger for app in apps for trigger in read_triggers(api, app["_id"])],
        clusters={each["name"]: each for each in api.clusters()},
        flex={each["name"]: each for each in api.flex_clusters()},
        users=api.database_users(),
        roles={each["roleName"]: each for each in api.custom_roles()},
    )


def read_triggers(api: AtlasApi, app: str) -> list[Trigger]:
    """The database triggers of an app, with what the log says of each."""
    found = [each for each in api.triggers(app) if each.get("type") == "DATABASE"]
    log = api.log(app, "TRIGGER_FAILURE", errors=True)
    failures = _newest(log) if found else {}
    return [_trigger(api, app, each, failures.get(each["_id"]), log.cut) for each in found]


def _trigger(api: AtlasApi, app: str, found: Document, failure: Document | None, log_cut: bool) -> Trigger:
    said: dict[str, Any] = {"log_cut": log_cut}
    if failure is not None:
        since = str(failure["started"])
        log = api.log(app, "DB_TRIGGER", errors=False, after=since)
        fired = any(entry.get("event_subscription_id") == found["_id"] for entry in log)
        said |= {
            "failed_at": datetime.fromisoformat(since),
            "failure": str(failure.get("error")),
            "fired_since": fired or (None if log.cut else False),
        }
    return Trigger(
        app_id=app,
        id=found["_id"],
        name=found["name"],
        disabled=bool(found.get("disabled")),
        config=found.get("config") or {},
        processors=found.get("event_processors") or {},
        **said,
    )


def _newest(log: Iterable[Document]) -> dict[str, Document]:
    """The newest entry of each trigger. In a log, a trigger is an event subscription."""
    newest: dict[str, Document] = {}
    for entry in sorted(log, key=lambda each: datetime.fromisoformat(str(each["started"]))):
        newest[str(entry.get("event_subscription_id"))] = entry
    return newest
