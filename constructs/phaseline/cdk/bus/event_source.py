"""Where the statuses come from: the four ways to a bus that carries them.

A source makes or finds the bus and nothing else. The rules on it are the same, whichever source it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from aws_cdk import Reference, Token, Tokenization
from aws_cdk.aws_events import EventBus, IEventBus
from constructs import Construct

from phaseline.cdk.basics.arguments import expect, expect_texts
from phaseline.cdk.basics.atlas_ids import check_id, check_profile
from phaseline.cdk.basics.names import Name
from phaseline.config.reading.texts import check_event
from phaseline_runtime.errors import UserError


class EventSource(ABC):
    """Where the statuses come from: made by one of its factories, and given to `Orchestration`.

    Example:
        ```python
        EventSource.relay("phaseline-dev")
        ```
    """

    @abstractmethod
    def bind(self, scope: Construct, *, database: str, subscribed: Sequence[str]) -> IEventBus:
        """Make or find the bus, in this scope.

        Args:
            scope: the construct of the bus.
            database: the MongoDB database whose statuses it carries.
            subscribed: what people are told of: `execution.failed`, `job.*`, `*`. A source that leaves out what no
                rule wants keeps these, besides what the jobs and the bundled Lambdas need.
        """

    @property
    def bus_name(self) -> str | None:
        """The name of the bus, where it is known before a deploy."""
        return None

    def trigger(self, database: str) -> tuple[str, str] | None:
        """The trigger of Atlas that it makes, by its app and its name; None where it makes none."""
        return None

    @staticmethod
    def relay(name: str | None = None) -> EventSource:
        """A custom bus that the stack creates and `phaseline_runtime.relay` feeds: works wherever a MongoDB is.

        The relay is a process that you run (docs/relay.md); the local platform runs one.

        Args:
            name: the name of the bus; by default one that CloudFormation makes up.

        Raises:
            UserError: it is none.
        """
        if name is not None:
            Name.OWN_BUS.check("EventSource.relay: name", name)
        return Relay(name)

    @staticmethod
    def bus(name: str) -> EventSource:
        """An existing bus, by name: a shared one, or the bus of a partner source that somebody associated before.

        Raises:
            UserError: it is none.
        """
        if hasattr(name, "event_bus_name"):
            raise UserError("EventSource.bus: name: got a bus of the app; expected is its `event_bus_name`")
        Name.BUS.check("EventSource.bus: name", name)
        if _is_arn_of_bus(name):
            raise UserError("EventSource.bus: name: got the ARN of a bus of the app; expected is its `event_bus_name`")
        return ExistingBus(name)

    @staticmethod
    def partner(name: str) -> EventSource:
        """An existing partner event source, by name: what an Atlas trigger with EventBridge makes.

        Deploying fails where a bus of that name exists already, since somebody has associated it in the console: then
        use `bus` with the same name.

        Raises:
            UserError: it is none.
        """
        Name.PARTNER.check("EventSource.partner: name", name)
        return Partner(name)

    @staticmethod
    def atlas_trigger(
        app_id: str,
        service_id: str,
        project_id: str,
        *,
        name: str | None = None,
        profile: str = "default",
        events: Sequence[str] = (),
        tolerate_resume_errors: bool = True,
    ) -> EventSource:
        """A trigger of MongoDB Atlas that the stack creates, with its partner event source and the bus on that.

        One deploy makes it all, for each environment its own. The account needs the resource type once, from
        `AtlasTypes`, and the package `awscdk-resources-mongodbatlas`, from `pip install 'phaseline[atlas]'`.

        Args:
            app_id: the `_id` of the App Services app that holds the project's triggers: 24 hex digits. No resource
                of CloudFormation has it; `phaseline atlas doctor` finds it, and the next.
            service_id: the `_id` of the app's data source that is linked to the cluster: 24 hex digits.
            project_id: the Atlas project: 24 hex digits.
            name: of the trigger, one in its app; by default `phaseline-DATABASE`. Another name is another trigger and
                another bus: what is inserted between the two is found by the watchdog. 64 characters at most.
            profile: the secret `cfn/atlas/profile/PROFILE` in Secrets Manager holds the API key that creates it.
            events: statuses that rules of your own on the bus want, as `notifications` has them: `job.started`,
                `phase.*`. What no rule wants never leaves MongoDB.
            tolerate_resume_errors: whether the trigger goes on from now where its place in the oplog is lost, which
                skips what has been inserted meanwhile: the watchdog finds it. By default it does; else Atlas
                suspends the trigger, and nothing moves until somebody resumes it.

        Raises:
            UserError: an id, a name or a status is none, or an argument of another kind.
        """
        for argument, given in {"app_id": app_id, "service_id": service_id, "project_id": project_id}.items():
            check_id("EventSource.atlas_trigger", argument, given)
        check_profile("EventSource.atlas_trigger", profile)
        if name is not None:
            Name.TRIGGER.check("EventSource.atlas_trigger: name", name)
        expect_texts("EventSource.atlas_trigger", "events", events, check_event)
        expect("EventSource.atlas_trigger", "tolerate_resume_errors", tolerate_resume_errors, bool, "True or False")
        return Atlas(app_id, service_id, project_id, name, profile, tuple(events), tolerate_resume_errors)


def _is_arn_of_bus(text: str) -> bool:
    """Whether a text that is not known yet is the ARN of a bus that the app makes."""
    if not Token.is_unresolved(text):
        return False
    token = Tokenization.reverse_string(text).first_token
    return Reference.is_reference(token) and cast(Reference, token).display_name == "Arn"


@dataclass(frozen=True, slots=True)
class Relay(EventSource):
    """See `EventSource.relay`."""

    name: str | None

    @property
    def bus_name(self) -> str | None:
        """As it is given."""
        return self.name

    def bind(self, scope: Construct, *, database: str, subscribed: Sequence[str]) -> IEventBus:
        """A bus of the stack's own."""
        return EventBus(
            scope, "Bus", event_bus_name=self.name, description=f"Statuses of Phaseline, database {database}"
        )


@dataclass(frozen=True, slots=True)
class ExistingBus(EventSource):
    """See `EventSource.bus`."""

    name: str

    @property
    def bus_name(self) -> str:
        """As it is given."""
        return self.name

    def bind(self, scope: Construct, *, database: str, subscribed: Sequence[str]) -> IEventBus:
        """Nothing is made."""
        return EventBus.from_event_bus_name(scope, "ExistingBus", self.name)


@dataclass(frozen=True, slots=True)
class Partner(EventSource):
    """See `EventSource.partner`."""

    name: str

    @property
    def bus_name(self) -> str:
        """That of the source: AWS lets it have no other."""
        return self.name

    def bind(self, scope: Construct, *, database: str, subscribed: Sequence[str]) -> IEventBus:
        """The bus of a partner source has its name, and takes no description."""
        return EventBus(scope, "PartnerBus", event_source_name=self.name)


@dataclass(frozen=True, slots=True)
class Atlas(EventSource):
    """See `EventSource.atlas_trigger`."""

    app_id: str
    service_id: str
    project_id: str
    name: str | None
    profile: str
    events: tuple[str, ...]
    tolerate_resume_errors: bool

    def trigger(self, database: str) -> tuple[str, str]:
        """Its name is the database's, where none is given."""
        return self.app_id, f"phaseline-{database}" if self.name is None else self.name

    def bind(self, scope: Construct, *, database: str, subscribed: Sequence[str]) -> IEventBus:
        """The trigger, and the bus of the partner source that it makes."""
        # Only here: the library takes a second to import.
        from phaseline.cdk.bus.atlas_trigger import AtlasTrigger

        trigger = AtlasTrigger(
            scope,
            "Trigger",
            app_id=self.app_id,
            service_id=self.service_id,
            project_id=self.project_id,
            database=database,
            name=self.trigger(database)[1],
            profile=self.profile,
            events=[*subscribed, *self.events],
            tolerate_resume_errors=self.tolerate_resume_errors,
        )
        return Partner(trigger.event_source_name).bind(scope, database=database, subscribed=subscribed)
