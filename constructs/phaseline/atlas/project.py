"""What is known of a project: read once, so that the checks are about data alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from phaseline.atlas.answers import Answer
from phaseline.atlas.api import AtlasApi, Log
from phaseline.atlas.expressions import Expression, expression, names
from phaseline_runtime.masking import masked


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
class Cluster:
    """A cluster, not a Flex one."""

    name: str
    tier: str
    """The instance size of its first region, such as `M10`."""
    version: str
    """Of MongoDB."""
    paused: bool


@dataclass(frozen=True)
class User:
    """A database user."""

    is_iam_role: bool
    roles: frozenset[str]
    """The names of its roles."""
    clusters: frozenset[str]
    """The names of what it may reach; none is all of the project."""


Grant = tuple[str, str, str]
"""A database, a collection, and what may be done there."""


@dataclass(frozen=True)
class Trigger:
    """A database trigger, and what its log says."""

    app_id: str
    id: str
    name: str
    disabled: bool
    service_id: str
    database: str | None
    """The database that it is on; None for all of its cluster."""
    collection: str | None
    """The collection that it is on; None for all of the database."""
    operations: Sequence[str]
    unordered: bool
    match: Expression | None
    """None where it cannot be read, as of the next."""
    projection: Expression | None
    sends: bool
    """Whether it sends to EventBridge."""
    extended_json: bool
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
    def databases(self) -> frozenset[str] | None:
        """The databases whose changes it sends; None for all of its cluster."""
        return names(self.match or {}, "ns.db") if self.database is None else frozenset([self.database])

    @property
    def collections(self) -> frozenset[str] | None:
        """The collections whose changes it sends; None for all."""
        return names(self.match or {}, "ns.coll") if self.collection is None else frozenset([self.collection])

    def covers(self, database: str, collection: str) -> bool:
        """Whether it sends changes of this collection, as one on all of its database or of its cluster does, too."""
        given = ((database, self.databases), (collection, self.collections))
        return all(among is None or name in among for name, among in given)

    def is_for(self, database: str, collection: str) -> bool:
        """Whether it sends changes of this collection alone."""
        return self.databases == frozenset([database]) and self.collections == frozenset([collection])


@dataclass(frozen=True)
class Project:
    """A project of Atlas."""

    id: str
    sources: Sequence[Source] = ()
    triggers: Sequence[Trigger] = ()
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    """By name, without Flex ones."""
    flex: frozenset[str] = frozenset()
    """The names of Flex clusters."""
    users: Sequence[User] = ()
    roles: Mapping[str, frozenset[Grant]] = field(default_factory=dict)
    """What custom roles may do, by their names."""

    def source(self, trigger: Trigger) -> Source | None:
        """The cluster that a trigger is on."""
        wanted = (trigger.app_id, trigger.service_id)
        return next((each for each in self.sources if (each.app_id, each.service_id) == wanted), None)


def read(api: AtlasApi) -> Project:
    """Ask for everything that the checks look at. Raises AtlasUnavailable."""
    apps = {app.text("_id"): app.text("name") for app in api.apps()}
    return Project(
        id=api.project_id,
        sources=[
            Source(id, name, each.text("_id"), each.text("name"), config.text("clusterName"))
            for id, name in apps.items()
            for each, config in api.data_sources(id)
        ],
        triggers=[trigger for app in apps for trigger in read_triggers(api, app)],
        clusters={made.name: made for made in map(_cluster, api.clusters())},
        flex=frozenset(each.text("name") for each in api.flex_clusters()),
        users=[_user(each) for each in api.database_users()],
        roles={each.text("roleName"): _granted(each) for each in api.custom_roles()},
    )


def read_triggers(api: AtlasApi, app: str) -> list[Trigger]:
    """The database triggers of an app, with what the log says of each."""
    found = [each for each in api.triggers(app) if each.text("type") == "DATABASE"]
    log = api.log(app, "TRIGGER_FAILURE", errors=True)
    failures = _newest(log) if found else {}
    return [_trigger(api, app, each, failures, log) for each in found]


def _trigger(api: AtlasApi, app: str, found: Answer, failures: Mapping[str, Answer], log: Log) -> Trigger:
    id, config = found.text("_id"), found.part("config", needed=True)
    bridge = found.part("event_processors").part("AWS_EVENTBRIDGE").part("config")
    failure = failures.get(id)
    return Trigger(
        app_id=app,
        id=id,
        name=found.text("name"),
        disabled=found.flag("disabled"),
        service_id=config.text("service_id"),
        database=config.text_or_none("database") or None,
        collection=config.text_or_none("collection") or None,
        operations=config.texts("operation_types"),
        unordered=config.flag("unordered"),
        match=expression(config, "match"),
        projection=expression(config, "project"),
        sends=bool(bridge.text_or_none("account_id")),
        extended_json=bridge.flag("extended_json_enabled"),
        failed_at=None if failure is None else _started(failure),
        failure=None if failure is None else masked(failure.text_or_none("error") or "Atlas gives no reason"),
        fired_since=False if failure is None else _fired(api, app, id, failure.text("started")),
        log_cut=log.cut,
    )


def _fired(api: AtlasApi, app: str, trigger: str, since: str) -> bool | None:
    """Whether it has fired since; None where the part of the log that is read does not say."""
    log = api.log(app, "DB_TRIGGER", errors=False, after=since)
    fired = any(entry.text_or_none("event_subscription_id") == trigger for entry in log)
    return fired or (None if log.cut else False)


def _newest(log: Iterable[Answer]) -> dict[str, Answer]:
    """The newest entry of each trigger. In a log, a trigger is an event subscription."""
    return {entry.text_or_none("event_subscription_id") or "": entry for entry in sorted(log, key=_started)}


def _started(entry: Answer) -> datetime:
    try:
        found = datetime.fromisoformat(entry.text("started"))
    except ValueError:
        raise entry.unlike("started", "has to be a time, as RFC 3339 has it") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _cluster(found: Answer) -> Cluster:
    regions = [region for spec in found.parts("replicationSpecs") for region in spec.parts("regionConfigs")]
    sizes = [region.part("electableSpecs").text_or_none("instanceSize") for region in regions]
    return Cluster(
        name=found.text("name"),
        tier=next((size for size in sizes if size), "unknown"),
        version=found.text_or_none("mongoDBVersion") or "unknown",
        paused=found.flag("paused"),
    )


def _user(found: Answer) -> User:
    return User(
        is_iam_role=found.text_or_none("awsIAMType") == "ROLE",
        roles=frozenset(each.text("roleName") for each in found.parts("roles")),
        clusters=frozenset(each.text("name") for each in found.parts("scopes")),
    )


def _granted(role: Answer) -> frozenset[Grant]:
    return frozenset(
        (each.text_or_none("db") or "", each.text_or_none("collection") or "", action.text("action"))
        for action in role.parts("actions")
        for each in action.parts("resources")
    )
