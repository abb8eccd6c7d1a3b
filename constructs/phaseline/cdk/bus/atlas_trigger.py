"""The trigger of MongoDB Atlas that puts each status on a partner event bus.

Nothing imports this module but who uses it: its library is an extra, and slow to import. Proven on templates and on the
published source of the resource type alone: nothing here has met a real Atlas.
"""

# ruff: noqa: E402  (What is missing is said before anything is imported that would need it.)
from __future__ import annotations

from phaseline.extras import need

need("awscdk_resources_mongodbatlas", owner="EventSource.atlas_trigger", extra="atlas")

import json
from collections.abc import Sequence

from aws_cdk import Fn, Stack
from awscdk_resources_mongodbatlas import (
    CfnTrigger,
    DatabaseConfig,
    DatabaseConfigOperationTypes,
    Event,
    EventAwseventbridge,
    EventAwseventbridgeAwsConfig,
)
from constructs import Construct

from phaseline.atlas.checks import PARTNER
from phaseline.cdk.basics.accepted_findings import OF_MONGODB, accept
from phaseline.cdk.basics.names import Name
from phaseline.cdk.bus import patterns
from phaseline_runtime.envelope import PROJECTION


class AtlasTrigger(Construct):
    """A database trigger on the inserts into `statuses`, in the account and the region of its stack.

    Args:
        app_id, service_id, project_id, profile, tolerate_resume_errors: as in `EventSource.atlas_trigger`.
        database: the database.
        name: of the trigger, one in its app.
        events: statuses that are wanted besides those of the bundled Lambdas and the jobs.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        app_id: str,
        service_id: str,
        project_id: str,
        database: str,
        name: str,
        profile: str = "default",
        events: Sequence[str] = (),
        tolerate_resume_errors: bool = True,
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        Name.TRIGGER.check("EventSource.atlas_trigger: name", name)
        self.resource = CfnTrigger(
            self,
            "Resource",
            app_id=app_id,
            project_id=project_id,
            profile=profile,
            name=name,
            type="DATABASE",
            disabled=False,
            # The resource's handler fails without any of these four (its source, `newEventTrigger`).
            database_trigger=DatabaseConfig(
                service_id=service_id,
                database=database,
                collection=patterns.COLLECTION,
                operation_types=[DatabaseConfigOperationTypes.INSERT],
                match=_json(patterns.wanted(events)),
                project=_json(PROJECTION),
                # Statuses carry no order that anybody relies on, and in order one event would wait for the other.
                unordered=True,
                skip_catchup_events=False,
                tolerate_resume_errors=tolerate_resume_errors,
            ),
            event_processors=Event(
                awseventbridge=EventAwseventbridge(
                    aws_config=EventAwseventbridgeAwsConfig(
                        account_id=stack.account, region=stack.region, extended_json_enabled=False
                    )
                )
            ),
        )
        accept(self.resource, OF_MONGODB)
        # The attribute and never `Ref`: that is the trigger's id with project, app and name.
        self.event_source_name = Fn.join("", [PARTNER, self.resource.attr_id])
        """The partner event source that Atlas makes for the trigger."""


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
