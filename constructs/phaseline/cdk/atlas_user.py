"""Database users of Atlas that are IAM roles: no password exists, so none can leak or has to be rotated.

Nothing imports this module but who uses it: its library is an extra, and slow to import. Proven on templates and on the
published source of the resource types alone: nothing here has met a real Atlas.
"""

# ruff: noqa: E402  (What is missing is said before anything is imported that would need it.)
from __future__ import annotations

from phaseline.extras import need

need("awscdk_resources_mongodbatlas", owner="phaseline.cdk.atlas_user", extra="atlas")

from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from awscdk_resources_mongodbatlas import (
    Action,
    CfnCustomDbRole,
    CfnDatabaseUser,
    CfnDatabaseUserPropsAwsiamType,
    CfnDatabaseUserPropsLdapAuthType,
    CfnDatabaseUserPropsX509Type,
    Resource,
    RoleDefinition,
    ScopeDefinition,
    ScopeDefinitionType,
)
from constructs import Construct

from phaseline.cdk.basics.accepted_findings import OF_MONGODB, accept
from phaseline.cdk.basics.arguments import expect, expect_construct, expect_list
from phaseline.cdk.basics.atlas_ids import check_id, check_profile
from phaseline.cdk.basics.names import Name
from phaseline.cdk.orchestration import Orchestration
from phaseline.cdk.stacks.neighbours import all_in_app
from phaseline_runtime.errors import UserError
from phaseline_runtime.store.grants import GRANTS, Purpose, role_name

__all__ = ["AtlasRoles", "AtlasUser", "AtlasUsers"]

MAX_USERS = 100
"""The most database users of an Atlas project (MongoDB Atlas, "Service Limits")."""

PURPOSES: Mapping[str, Purpose] = {"migrations_job": Purpose.MIGRATIONS, "retention_job": Purpose.RETENTION}
"""The bundled Lambdas whose users are not like all others."""


class AtlasRoles(Construct):
    """The custom roles of one database: for the runtime, for migrations, for retention.

    Args:
        project_id: the Atlas project: 24 hex digits.
        database: the database that they are about; each environment has its own.
        profile: the secret `cfn/atlas/profile/PROFILE` holds the API key that creates them.

    Raises:
        UserError: the id or the database is none, or others in the app make the same.
    """

    _made: tuple[str, str] | None = None
    """The project and the database, once nothing was refused."""

    def __init__(self, scope: Construct, id: str, *, project_id: str, database: str, profile: str = "default") -> None:
        super().__init__(scope, id)
        check_id("AtlasRoles", "project_id", project_id)
        check_profile("AtlasRoles", profile)
        Name.DATABASE.check("AtlasRoles: database", database)
        for other in all_in_app(self, AtlasRoles):
            if other._made == (project_id, database):
                raise UserError(
                    f"AtlasRoles {self.node.path}: {other.node.path} makes the roles of database {database!r} already, "
                    "and a project of Atlas has one of each name: give each environment a `database` of its own, or "
                    "a project"
                )
        self._made = (project_id, database)
        self.project_id = project_id
        self.profile = profile
        self.names: Mapping[Purpose, str] = {each: role_name(database, each) for each in Purpose}
        """The names of the roles, which are those of the project."""
        self.resources: Mapping[Purpose, CfnCustomDbRole] = {
            purpose: CfnCustomDbRole(
                self,
                purpose.value,
                project_id=project_id,
                profile=profile,
                role_name=name,
                actions=_actions(purpose, database),
            )
            for purpose, name in self.names.items()
        }
        """The roles themselves."""
        for resource in self.resources.values():
            accept(resource, OF_MONGODB)


class AtlasUser(Construct):
    """A database user that is this IAM role: what takes the role reaches MongoDB with no secret at all.

    Args:
        roles: the custom roles of the database.
        role: the role of a function.
        purpose: what the function is for, which decides what it may do; by default the runtime.
        writes: collections of yours that it may read and write, `database.collection` each: those of a transactional
            job.
        cluster: the name of the one cluster that it may reach; by default all of the project.

    Raises:
        UserError: a collection has no database before it, the cluster's name is none, or an argument is of another
            kind.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        roles: AtlasRoles,
        role: iam.IRole,
        purpose: Purpose = Purpose.RUNTIME,
        writes: Sequence[str] = (),
        cluster: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        expect("AtlasUser", "roles", roles, AtlasRoles, "`AtlasRoles(…)`, or the `roles` of `AtlasUsers`")
        expect_construct("AtlasUser", "role", role, "role_arn", "a role as a construct, such as that of a function")
        expect("AtlasUser", "purpose", purpose, Purpose, "one of `Purpose`")
        expect_list("AtlasUser", "writes", writes, "of collections: `database.collection`")
        if cluster is not None:
            Name.CLUSTER.check("AtlasUser: cluster", cluster)
        self.resource = CfnDatabaseUser(
            self,
            "Resource",
            project_id=roles.project_id,
            profile=roles.profile,
            # Users that are IAM roles are known to MongoDB as users of this database.
            database_name="$external",
            username=role.role_arn,
            awsiam_type=CfnDatabaseUserPropsAwsiamType.ROLE,
            ldap_auth_type=CfnDatabaseUserPropsLdapAuthType.NONE,
            x509_type=CfnDatabaseUserPropsX509Type.NONE,
            roles=[
                RoleDefinition(role_name=roles.names[purpose], database_name="admin"),
                *{name: _read_write(name) for name in writes}.values(),
            ],
            scopes=None if cluster is None else [ScopeDefinition(name=cluster, type=ScopeDefinitionType.CLUSTER)],
        )
        """The user itself."""
        self.resource.node.add_dependency(roles.resources[purpose])
        accept(self.resource, OF_MONGODB)


class AtlasUsers(Construct):
    """A database user for each function of an orchestration that connects by its role, with just the rights it needs.

    Where `retention_mongo` is another kind of connection than `mongo`, retention_job is none of them, or the only one.
    Jobs that name collections by `mongo` may read and write those besides. No function is invoked, and nothing is
    migrated, before its user exists.

    Args:
        orchestration: whose functions they are; its `mongo` or its `retention_mongo` is `MongoConnection.iam`.
        project_id: the Atlas project: 24 hex digits.
        profile: the secret `cfn/atlas/profile/PROFILE` holds the API key that creates them.
        cluster: the name of the one cluster that they may reach; by default all of the project.

    Raises:
        UserError: an id is none, no function connects by its role, they are more than a project may have users, or have
            theirs already.

    Example:
        ```python
        AtlasUsers(stack, "Users", orchestration=orchestration, project_id=project_id)
        ```
    """

    _made: tuple[str, int, Orchestration] | None = None
    """The project, how many users they are, and whose, once nothing was refused."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        orchestration: Orchestration,
        project_id: str,
        profile: str = "default",
        cluster: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        expect("AtlasUsers", "orchestration", orchestration, Orchestration, "an `Orchestration`")
        bundled = {name: each for name, each in orchestration.functions.items() if _by_role(orchestration, name)}
        jobs = orchestration.jobs if orchestration.settings.mongo.users else {}
        functions = len(bundled) + len(jobs)
        if not functions:
            raise UserError(
                "AtlasUsers: the orchestration has no `mongo=MongoConnection.iam(…)`, nor such a `retention_mongo` for "
                "a retention_job: nobody would use them"
            )
        made = {each.node.path: each._made for each in all_in_app(self, AtlasUsers) if each._made is not None}
        for path, (project, _, owner) in made.items():
            if owner is orchestration and project != project_id:
                raise UserError(
                    f"AtlasUsers: the functions of {owner.node.path} have their users already, from {path}, in project "
                    f"{project}: a cluster is in one project"
                )
        there = {path: count for path, (project, count, _) in made.items() if project == project_id}
        if functions + sum(there.values()) > MAX_USERS:
            beside = f" beside the {sum(there.values())} of {', '.join(there)}" if there else ""
            raise UserError(
                f"AtlasUsers: there are {functions} functions{beside}, and a project of Atlas may have {MAX_USERS} "
                "database users: use MongoConnection.secret, with one user for all"
            )
        self.roles = AtlasRoles(
            self, "Roles", project_id=project_id, database=orchestration.settings.database, profile=profile
        )
        """The custom roles, for users of your own."""
        self._made = (project_id, functions, orchestration)
        for name, function in bundled.items():
            self._user(function, name, PURPOSES.get(name, Purpose.RUNTIME), (), cluster)
        for name, job in jobs.items():
            self._user(job.runner, name, Purpose.RUNTIME, orchestration.config.jobs[name].mongo, cluster)

    def _user(
        self, function: lambda_.Function, name: str, purpose: Purpose, writes: Sequence[str], cluster: str | None
    ) -> None:
        if function.role is None:
            raise UserError(f"AtlasUsers: function {name} has no role that is known here: give it a user of its own")
        # In the function itself: whatever waits for that, the publication, waits for the user too.
        user = AtlasUser(
            function,
            "AtlasUser",
            roles=self.roles,
            role=function.role,
            purpose=purpose,
            writes=writes,
            cluster=cluster,
        )
        # Its rule waits for this (and that of an alias for all of the function).
        delivered = function.node.try_find_child("EventInvokeConfig")
        if delivered is not None:
            delivered.node.add_dependency(user)


def _by_role(orchestration: Orchestration, bundled: str) -> bool:
    """Whether this bundled Lambda is a user of the database itself: retention_job may have a connection of its own."""
    mongo = orchestration.retention_mongo if bundled == "retention_job" else orchestration.settings.mongo
    return mongo is not None and mongo.users > 0


def _actions(purpose: Purpose, database: str) -> list[Action]:
    """The grants the other way round, as Atlas has them: by action, the collections."""
    grants = GRANTS[purpose]
    actions = dict.fromkeys(action for allowed in grants.values() for action in allowed)
    return [
        Action(
            action=action,
            resources=[
                Resource(db=database, collection=collection, cluster=False)
                for collection, allowed in grants.items()
                if action in allowed
            ],
        )
        for action in actions
    ]


def _read_write(name: str) -> RoleDefinition:
    database, _, collection = name.partition(".") if isinstance(name, str) else ("", "", "")
    if not database or not collection:
        raise UserError(f"AtlasUser: writes: got {name!r}; expected is `database.collection`")
    return RoleDefinition(role_name="readWrite", database_name=database, collection_name=collection)
