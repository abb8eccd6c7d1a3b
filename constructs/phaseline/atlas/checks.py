"""What is wrong with a project of Atlas, from what is known of it: no request is made here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from phaseline.atlas.expressions import flat, names
from phaseline.atlas.matching import dropped
from phaseline.atlas.project import Grant, Project, Trigger, User
from phaseline_runtime.envelope import PROJECTION
from phaseline_runtime.store.grants import GRANTS, Purpose, role_name

COLLECTION = "statuses"

PARTNER = "aws.partner/mongodb.com/stitch.trigger/"
"""What the partner event source of a trigger begins with, and so its bus; the trigger's id follows."""

CHANGE_STREAMS: Mapping[str, int] = {"M0": 5, "M2": 5, "M5": 5, "M10": 100, "M20": 100}
"""How many change streams a tier allows (MongoDB Atlas, "Service Limits"); each trigger opens one."""
LARGER = 1_000
"""The same of every larger tier."""


_AGAIN = (
    "deploy again; where the stack has not changed, that changes nothing: then set it in Atlas as the template has it"
)
"""CloudFormation compares a template with the last one, and not with what somebody has changed in Atlas."""


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


def ours(triggers: Iterable[Trigger], database: str, bus: str | None = None) -> list[Trigger]:
    """The trigger that carries the statuses of this database; more than one where that is not known.

    `bus` is the one that the rules are on, where that is known. All other triggers are somebody else's: of other
    collections, and on `statuses` those that call a function, or tell of changes and deletions alone.
    """
    there = [each for each in triggers if each.covers(database, COLLECTION)]
    of_bus = [each for each in there if f"{PARTNER}{each.id}" == bus]
    sending = [each for each in there if each.sends and "INSERT" in each.operations]
    # One that is made for nothing else, and sends nothing, was probably changed by hand.
    own = [each for each in sending or there if each.is_for(database, COLLECTION)]
    return of_bus or own or sending


def check(project: Project, database: str, bus: str | None = None, *, by_role: bool | None = None) -> list[Finding]:
    """Everything that can be said of the triggers, the cluster and the users of this database.

    `bus` is the one that the rules are on, where that is known; `by_role` says whether the functions connect as their
    IAM roles, where that is.
    """
    on_it = ours(project.triggers, database, bus)
    found = [
        *_triggers(project, on_it, database, bus),
        *_bus(on_it, bus),
        *(finding for trigger in on_it for finding in _trigger(trigger, _about(trigger, on_it), database)),
        *(finding for trigger in on_it for finding in _cluster(project, trigger, _about(trigger, on_it))),
        *_users(project, database, _clusters(project, on_it), by_role),
    ]
    return list(dict.fromkeys(found))  # Of two triggers on one cluster, it is said once.


def _triggers(project: Project, on_it: list[Trigger], database: str, bus: str | None) -> Iterator[Finding]:
    about = f"triggers on {database}.{COLLECTION}"
    if not on_it and bus is not None and not bus.startswith(PARTNER):
        text = f"there is none, and the rules are on {bus}"
        yield Finding(Level.WARNING, about, text, "that is right where a relay feeds it: docs/relay.md")
    elif not on_it:
        others = ", ".join(sorted({each.database or "all" for each in project.triggers})) or "none"
        yield Finding(
            Level.FAULT,
            about,
            f"there is none (databases with a trigger: {others})",
            "deploy the stack with EventSource.atlas_trigger and the ids above, or name another --database",
        )
    if len([each for each in on_it if not each.disabled]) > 1:
        several = ", ".join(f"{each.name} ({each.id})" for each in on_it)
        remedy = "delete those that no stack has made; --env knows which one the stack's is"
        yield Finding(Level.WARNING, about, f"there are {len(on_it)}: {several}", remedy)


def _bus(on_it: list[Trigger], bus: str | None) -> Iterator[Finding]:
    sources = [f"{PARTNER}{each.id}" for each in on_it]
    if bus is not None and sources and bus not in sources:
        yield Finding(
            Level.FAULT,
            "bus",
            f"the rules are on {bus}, and the trigger sends to {', '.join(sources)}: nothing arrives",
            "deploy again with EventSource.atlas_trigger, or with EventSource.bus and the name that it sends to",
        )


def _about(trigger: Trigger, on_it: list[Trigger]) -> str:
    """The trigger, with its id where another has the same name: in another app it may."""
    alone = [each.name for each in on_it].count(trigger.name) == 1
    return f"trigger {trigger.name}" if alone else f"trigger {trigger.name} ({trigger.id})"


def _trigger(trigger: Trigger, about: str, database: str) -> Iterator[Finding]:
    yield _state(trigger, about)
    yield from _breadth(trigger, about, database)
    operations = list(trigger.operations)
    if operations != ["INSERT"]:
        level = Level.WARNING if "INSERT" in operations else Level.FAULT
        yield Finding(level, about, f"it fires on {operations}, and has to on inserts alone", _AGAIN)
    if not trigger.unordered:
        yield Finding(Level.WARNING, about, "it is ordered: each event waits for the one before", _AGAIN)
    yield from _projection(trigger, about)
    yield from _match(trigger, about, database)
    if not trigger.sends:
        yield Finding(Level.FAULT, about, "it does not send to EventBridge", _AGAIN)
    elif trigger.extended_json:
        text = "extended JSON is on: a filter on a number or a date matches nothing"
        yield Finding(Level.WARNING, about, text, "turn it off in Atlas")


def _breadth(trigger: Trigger, about: str, database: str) -> Iterator[Finding]:
    """It does what it has to, and costs more: each event is paid for, and a large one of any collection suspends it."""
    if trigger.is_for(database, COLLECTION):
        return
    if trigger.databases is None:
        where = "all databases of its cluster" if trigger.collections is None else "collections of all databases"
        remedy = f"set its database to {database} and its collection to {COLLECTION} in Atlas"
    else:
        where = "all" if trigger.collections is None else "several"
        where = f"{where} collections of {', '.join(sorted(trigger.databases))}"
        remedy = f"set its collection to {COLLECTION} in Atlas"
    text = f"it is on {where}: what is inserted into any is an event, and one that is too large suspends it"
    yield Finding(Level.WARNING, about, text, f"{remedy}, or deploy with EventSource.atlas_trigger if others need it")


def _projection(trigger: Trigger, about: str) -> Iterator[Finding]:
    if trigger.projection is None:
        text = "its projection cannot be read: whether it keeps what is needed is not known"
        yield Finding(Level.WARNING, about, text, _AGAIN)
        return
    project = flat(trigger.projection)
    kept = {path for path, wanted in project.items() if wanted}
    missing = sorted(
        field for field in PROJECTION if not any(field == path or field.startswith(f"{path}.") for path in kept)
    )
    if not project.get("_id", True):  # The resume token: Atlas suspends a trigger that has none.
        yield Finding(Level.FAULT, about, "its projection drops _id, and with it its place in the oplog", _AGAIN)
    if kept and missing:
        yield Finding(Level.FAULT, about, f"its projection drops {', '.join(missing)}", _AGAIN)
    elif not kept or "fullDocument" in kept:
        what = "it has no projection" if not project else "its projection does not say what is kept of a status"
        text = f"{what}: events carry outputs and errors, and a large one suspends it"
        yield Finding(Level.WARNING, about, text, _AGAIN)


def _match(trigger: Trigger, about: str, database: str) -> Iterator[Finding]:
    match, every = trigger.match, {"ns.db": database, "ns.coll": COLLECTION, "operationType": "insert"}
    # What holds for every insert into the collection drops none.
    kept = match and {key: each for key, each in match.items() if every.get(key) not in (names(match, key) or ())}
    missing = None if kept is None else dropped(kept)
    if missing is None:
        what = "is none of ours" if match is not None else "cannot be read"
        text = f"its match {what}: whether it lets through what jobs and bundled Lambdas need is not known"
        yield Finding(Level.WARNING, about, text, f"{_AGAIN}, or take it away there")
    elif missing:
        yield Finding(Level.FAULT, about, f"its match drops {', '.join(missing)}", _AGAIN)


def _state(trigger: Trigger, about: str) -> Finding:
    resume = "mend the cause, then `phaseline atlas resume`"
    if trigger.failing and trigger.fired_since is None and not trigger.disabled:
        text = (
            f"it failed at {trigger.failed_at:%Y-%m-%d %H:%M:%S %Z}: {trigger.failure}; whether it has fired since is "
            "not known: the newest entries of its app's log are of others"
        )
        return Finding(
            Level.WARNING, about, text, "look in Atlas whether it is suspended; if so, `phaseline atlas resume`"
        )
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
    where = "the part of its log that was read" if trigger.log_cut else "its log"
    return Finding(Level.OK, about, f"enabled, and no failure in {where}")


def _cluster(project: Project, trigger: Trigger, about_trigger: str) -> Iterator[Finding]:
    source = project.source(trigger)
    if source is None:
        text = f"it is on data source {trigger.service_id}, which its app has not linked"
        yield Finding(Level.FAULT, about_trigger, text, "link the cluster, and deploy with its service id")
        return
    about = f"cluster {source.cluster}"
    if source.cluster in project.flex:
        yield Finding(Level.FAULT, about, "it is a Flex cluster, which has no triggers", "upgrade it to M10 or larger")
        return
    cluster = project.clusters.get(source.cluster)
    if cluster is None:
        yield Finding(Level.FAULT, about, "the project has no such cluster", "link another in App Services")
        return
    if cluster.paused:
        yield Finding(Level.FAULT, about, "it is paused", "resume it in Atlas")
    allowed = CHANGE_STREAMS.get(cluster.tier, LARGER)
    # Of whichever app: it is the cluster that bounds them.
    opened = [each for each in project.triggers if not each.disabled and _clusters(project, [each]) == {cluster.name}]
    text = f"tier {cluster.tier}, MongoDB {cluster.version}: {len(opened)} of {allowed} change streams"
    if len(opened) > allowed:
        yield Finding(Level.FAULT, about, text, "use a larger tier, or delete triggers")
    elif len(opened) * 5 > allowed * 4 or cluster.tier in ("M0", "M2", "M5"):
        yield Finding(Level.WARNING, about, text, "use a larger tier: yours and the drivers' own count too")
    else:
        yield Finding(Level.OK, about, text)


def _clusters(project: Project, on_it: Sequence[Trigger]) -> set[str]:
    """The names of the clusters that the triggers are on."""
    sources = [project.source(trigger) for trigger in on_it]
    return {source.cluster for source in sources if source is not None}


def _users(project: Project, database: str, clusters: set[str], by_role: bool | None) -> Iterator[Finding]:
    roles = {purpose: role_name(database, purpose) for purpose in Purpose}
    if not set(roles.values()) & set(project.roles):
        if by_role and not any(user.is_iam_role for user in project.users):
            text = "the functions connect as their IAM roles, and no user of the project is a role"
            yield Finding(Level.FAULT, "database users", text, "add AtlasUsers to the stack, and deploy")
            return
        text = "no custom roles of Phaseline: its users are of your own making"
        yield Finding(Level.OK, "database users", text, "docs/atlas.md lists the rights that they need")
        return
    for purpose, name in roles.items():
        # Of retention_job, a user is needed only where a state machine has a retention.
        needed = by_role is not False and purpose is not Purpose.RETENTION
        yield _role(project, name, _wanted(purpose, database), clusters, needed=needed)


def _role(project: Project, name: str, wanted: set[Grant], clusters: set[str], *, needed: bool) -> Finding:
    about, granted = f"role {name}", project.roles.get(name)
    if granted is None:
        return Finding(Level.FAULT, about, "it is missing", _AGAIN)
    missing = sorted(wanted - granted)
    if missing:
        lacking = ", ".join(f"{action} on {collection}" for _, collection, action in missing)
        return Finding(Level.FAULT, about, f"it lacks {lacking}", _AGAIN)
    holders = [user for user in project.users if name in user.roles]
    if not holders and needed:
        return Finding(Level.FAULT, about, "no user has it", _AGAIN)
    elsewhere = [user for user in holders if not _reaches(user, clusters)]
    if elsewhere:
        text = f"{len(elsewhere)} of {len(holders)} users that have it may not reach {', '.join(sorted(clusters))}"
        return Finding(Level.FAULT, about, text, "deploy again with the name of that cluster in AtlasUsers")
    return Finding(Level.OK, about, f"complete; {len(holders)} users have it")


def _reaches(user: User, clusters: set[str]) -> bool:
    return not clusters or not user.clusters or not clusters.isdisjoint(user.clusters)


def _wanted(purpose: Purpose, database: str) -> set[Grant]:
    grants = GRANTS[purpose].items()
    return {(database, collection, action) for collection, actions in grants for action in actions}
