"""What is wrong with a project of Atlas, from what is known of it: no request is made here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from phaseline.atlas.matching import dropped
from phaseline.atlas.project import Document, Project, Trigger
from phaseline_runtime.envelope import PROJECTION
from phaseline_runtime.store.grants import GRANTS, Purpose

COLLECTION = "statuses"

PARTNER = "aws.partner/mongodb.com/stitch.trigger/"
"""What the partner event source of a trigger begins with, and so its bus; the trigger's id follows."""

CHANGE_STREAMS: Mapping[str, int] = {"M0": 5, "M2": 5, "M5": 5, "M10": 100, "M20": 100}
"""How many change streams a tier allows (MongoDB Atlas, "Service Limits"); each trigger opens one."""
LARGER = 1_000
"""The same of every larger tier."""


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and may not for long."""
    FAULT = "fault"
    """Executions stand still, or will."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and what to do about it."""

    level: Level
    about: str
    text: str
    remedy: str | None = None


def check(project: Project, database: str, bus: str | None = None) -> list[Finding]:
    """Everything that can be said of the triggers, the cluster and the users of this database.

    `bus` is the one that the rules are on, where that is known.
    """
    on_it = [each for each in project.triggers if each.watches(database, COLLECTION)]
    return [
        *_triggers(project, on_it, database),
        *_bus(on_it, bus),
        *(finding for trigger in on_it for finding in _trigger(trigger)),
        *(finding for trigger in on_it for finding in _cluster(project, trigger)),
        *_users(project, database),
    ]


def _triggers(project: Project, on_it: list[Trigger], database: str) -> Iterator[Finding]:
    about = f"triggers on {database}.{COLLECTION}"
    if not on_it:
        others = ", ".join(sorted({str(each.config.get("database")) for each in project.triggers})) or "none"
        yield Finding(
            Level.FAULT,
            about,
            f"there is none (databases with a trigger: {others})",
            "deploy the stack with EventSource.atlas_trigger and the ids above, or name another --database",
        )
    if len([each for each in on_it if not each.disabled]) > 1:
        names = ", ".join(each.name for each in on_it)
        yield Finding(Level.WARNING, about, f"there are {len(on_it)}: {names}", "delete those that no stack has made")


def _bus(on_it: list[Trigger], bus: str | None) -> Iterator[Finding]:
    sources = [f"{PARTNER}{each.id}" for each in on_it]
    if bus is not None and sources and bus not in sources:
        yield Finding(
            Level.FAULT,
            "bus",
            f"the rules are on {bus}, and the trigger sends to {', '.join(sources)}: nothing arrives",
            "deploy again with EventSource.atlas_trigger, or with EventSource.bus and the name that it sends to",
        )


def _trigger(trigger: Trigger) -> Iterator[Finding]:
    about = f"trigger {trigger.name}"
    yield _state(trigger, about)
    config = trigger.config
    if config.get("operation_types") != ["INSERT"]:
        yield Finding(
            Level.WARNING,
            about,
            f"it fires on {config.get('operation_types')}",
            "deploy again: inserts are all it needs",
        )
    if not config.get("unordered"):
        yield Finding(Level.WARNING, about, "it is ordered: each event waits for the one before", "deploy again")
    kept = set(config.get("project") or {})
    if not kept:
        yield Finding(
            Level.WARNING,
            about,
            "it has no projection: events carry outputs and errors, and a large one suspends it",
            "deploy again with EventSource.atlas_trigger, or set the projection of docs/atlas.md in Atlas",
        )
    elif missing := sorted(set(PROJECTION) - kept):
        yield Finding(Level.FAULT, about, f"its projection drops {', '.join(missing)}", "deploy again")
    yield from _match(config.get("match") or {}, about)
    bridge = (trigger.processors.get("AWS_EVENTBRIDGE") or {}).get("config") or {}
    if not bridge.get("account_id"):
        yield Finding(Level.FAULT, about, "it does not send to EventBridge", "deploy again")
    elif bridge.get("extended_json_enabled"):
        yield Finding(
            Level.WARNING, about, "extended JSON is on: a filter on a number or a date matches nothing", "turn it off"
        )


def _match(match: Document, about: str) -> Iterator[Finding]:
    missing = dropped(match)
    if missing is None:
        text = "its match is none of ours: whether it lets through what jobs and bundled Lambdas need is not known"
        yield Finding(
            Level.WARNING, about, text, "deploy again with EventSource.atlas_trigger, or take it away in Atlas"
        )
    elif missing:
        yield Finding(Level.FAULT, about, f"its match drops {', '.join(missing)}", "deploy again")


def _state(trigger: Trigger, about: str) -> Finding:
    resume = "mend the cause, then `phaseline atlas resume`"
    if trigger.failing:
        text = f"suspended since {trigger.failed_at:%Y-%m-%d %H:%M:%S %Z}: {trigger.failure}"
        if "ChangeStreamHistoryLost" in str(trigger.failure) or "resume token" in str(trigger.failure).lower():
            resume = "its place in the oplog is lost: `phaseline atlas resume --from-now`"
        return Finding(Level.FAULT, about, text, resume)
    if trigger.disabled:
        text = "it is disabled: by somebody, or suspended longer ago than Atlas keeps its log"
        return Finding(Level.FAULT, about, text, "`phaseline atlas resume`, or enable it in Atlas")
    if trigger.failed_at is not None:
        return Finding(
            Level.WARNING,
            about,
            f"it failed at {trigger.failed_at:%Y-%m-%d %H:%M:%S %Z} and runs again: {trigger.failure}",
        )
    return Finding(Level.OK, about, "enabled, and no failure in its log")


def _cluster(project: Project, trigger: Trigger) -> Iterator[Finding]:
    source = project.source(trigger)
    if source is None:
        text = f"it is on data source {trigger.config.get('service_id')}, which its app has not linked"
        yield Finding(Level.FAULT, f"trigger {trigger.name}", text, "link the cluster, and deploy with its service id")
        return
    about = f"cluster {source.cluster}"
    if source.cluster in project.flex:
        yield Finding(Level.FAULT, about, "it is a Flex cluster, which has no triggers", "upgrade it to M10 or larger")
        return
    cluster = project.clusters.get(source.cluster)
    if cluster is None:
        yield Finding(Level.FAULT, about, "the project has no such cluster", "link another in App Services")
        return
    if cluster.get("paused"):
        yield Finding(Level.FAULT, about, "it is paused", "resume it in Atlas")
    tier = tier_of(cluster)
    allowed = CHANGE_STREAMS.get(tier, LARGER)
    opened = [each for each in project.triggers if not each.disabled and project.source(each) == source]
    text = f"tier {tier}, MongoDB {cluster.get('mongoDBVersion', 'unknown')}: {len(opened)} of {allowed} change streams"
    if len(opened) > allowed:
        yield Finding(Level.FAULT, about, text, "use a larger tier, or delete triggers")
    elif len(opened) * 5 > allowed * 4 or tier in ("M0", "M2", "M5"):
        yield Finding(Level.WARNING, about, text, "use a larger tier: yours and the drivers' own count too")
    else:
        yield Finding(Level.OK, about, text)


def tier_of(cluster: Document) -> str:
    """The instance size of a cluster's first region, such as `M10`."""
    for spec in cluster.get("replicationSpecs") or []:
        for region in spec.get("regionConfigs") or []:
            size = (region.get("electableSpecs") or {}).get("instanceSize")
            if size:
                return str(size)
    return "unknown"


def _users(project: Project, database: str) -> Iterator[Finding]:
    names = {purpose: f"phaseline-{database}-{purpose.value}" for purpose in Purpose}
    if not set(names.values()) & set(project.roles):
        text = "no custom roles of Phaseline: its users are of your own making"
        yield Finding(Level.OK, "database users", text, "docs/atlas.md lists the rights that they need")
        return
    for purpose, name in names.items():
        role = project.roles.get(name)
        if role is None:
            yield Finding(Level.FAULT, f"role {name}", "it is missing", "deploy the stack with AtlasUsers again")
            continue
        missing = sorted(_wanted(purpose, database) - _granted(role))
        if missing:
            lacking = ", ".join(f"{action} on {collection}" for _, collection, action in missing)
            yield Finding(Level.FAULT, f"role {name}", f"it lacks {lacking}", "deploy the stack with AtlasUsers again")
            continue
        holders = [
            user for user in project.users if any(each.get("roleName") == name for each in user.get("roles") or [])
        ]
        if holders or purpose is Purpose.RETENTION:  # Which is needed only where a state machine has a retention.
            yield Finding(Level.OK, f"role {name}", f"complete; {len(holders)} users have it")
        else:
            yield Finding(Level.FAULT, f"role {name}", "no user has it", "deploy the stack with AtlasUsers again")


def _wanted(purpose: Purpose, database: str) -> set[tuple[str, str, str]]:
    grants = GRANTS[purpose].items()
    return {(database, collection, action) for collection, actions in grants for action in actions}


def _granted(role: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (str(each.get("db")), str(each.get("collection")), str(action.get("action")))
        for action in role.get("actions") or []
        for each in action.get("resources") or []
    }
