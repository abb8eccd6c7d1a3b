"""Users and types of Atlas: the least rights, and nothing invoked before its user is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template
from constructs import Construct

from phaseline.cdk import AtlasTypes, EventSource, JobStacks, MongoConnection, Orchestration
from phaseline.cdk.atlas_types import TYPES
from phaseline.cdk.atlas_user import MAX_USERS, AtlasRoles, AtlasUser, AtlasUsers
from phaseline.cdk.jobs.making import OF_A_JOB
from phaseline_runtime.errors import UserError
from stacks import atlas_types
from tests.support.options import JOBS_OF_EVERY_KIND, a_function
from tests.support.stacks import Made, make

PROJECT = "64f0c0ffee64f0c0ffee64f2"
CONFIG = """
jobs:
  pay: {code: jobs/boat, mongo: [shop.orders, shop.ledger]}
  row: {code: jobs/boat}
state_machines:
  trip:
    retention: 90d
    phases:
      thinking: {jobs: {pay: , row: }}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return with_users(tmp_path_factory.mktemp("users"), CONFIG, cluster="cluster0")


def with_users(folder: Path, text: str, **options: Any) -> Made:
    made = make(folder, text, mongo=MongoConnection.iam("cluster0.ab1cd.mongodb.net"))
    AtlasUsers(made.stack, "Users", orchestration=made.orchestration, project_id=PROJECT, **options)
    return made


def users(made: Made) -> dict[str, dict[str, Any]]:
    return {
        id: item["Properties"] for id, item in made.resources.items() if item["Type"] == "MongoDB::Atlas::DatabaseUser"
    }


def of(made: Made, part: str) -> dict[str, Any]:
    (found,) = [item for id, item in users(made).items() if part in id]
    return found


def test_every_function_has_a_user_that_is_its_own_role(made: Made) -> None:
    roles = [item["Properties"]["Role"] for item in made.of_type("AWS::Lambda::Function")]
    assert len(roles) == 10
    names = [user["Username"] for user in users(made).values()]
    assert sorted(map(str, names)) == sorted(map(str, roles))
    for user in users(made).values():
        kept = {
            key: user[key] for key in ("DatabaseName", "AWSIAMType", "LdapAuthType", "X509Type", "ProjectId", "Profile")
        }
        assert kept == {
            "DatabaseName": "$external",
            "AWSIAMType": "ROLE",
            "LdapAuthType": "NONE",
            "X509Type": "NONE",
            "ProjectId": PROJECT,
            "Profile": "default",
        }
        assert "Password" not in user
        assert user["Scopes"] == [{"Name": "cluster0", "Type": "CLUSTER"}]


@pytest.mark.parametrize(
    ("function", "role"),
    [
        ("Jobsrow", "runtime"),
        ("statemachinejob", "runtime"),
        ("starterjob", "runtime"),
        ("migrationsjob", "migrations"),
        ("retentionjob", "retention"),
    ],
)
def test_a_user_has_the_role_of_its_purpose_and_no_other(made: Made, function: str, role: str) -> None:
    granted = {"RoleName": f"phaseline-phaseline_test-{role}", "DatabaseName": "admin"}
    assert of(made, function)["Roles"] == [granted]


def test_a_transactional_job_may_write_the_collections_that_its_config_names(made: Made) -> None:
    assert of(made, "Jobspay")["Roles"][1:] == [
        {"RoleName": "readWrite", "DatabaseName": "shop", "CollectionName": name} for name in ("orders", "ledger")
    ]


def test_the_runtime_may_find_and_insert_and_update_executions_alone(made: Made) -> None:
    role = made.one("MongoDB::Atlas::CustomDBRole", "runtime")
    assert role["RoleName"] == "phaseline-phaseline_test-runtime"
    assert {each["Action"]: [item["Collection"] for item in each["Resources"]] for each in role["Actions"]} == {
        "FIND": ["state-machines", "statuses", "definitions", "deployments"],
        "INSERT": ["state-machines", "statuses", "definitions"],
        "UPDATE": ["state-machines"],
    }
    resources = [item for each in role["Actions"] for item in each["Resources"]]
    assert all((item["DB"], item["Cluster"]) == ("phaseline_test", False) for item in resources)


def test_only_retention_may_remove(made: Made) -> None:
    roles = [item["Properties"] for item in made.of_type("MongoDB::Atlas::CustomDBRole")]
    removing = [role["RoleName"] for role in roles if any(each["Action"] == "REMOVE" for each in role["Actions"])]
    assert removing == ["phaseline-phaseline_test-retention"]


def before(made: Made, id: str) -> set[str]:
    """What CloudFormation has made by then, as far as `DependsOn` says so."""
    found: set[str] = set()
    ahead = [id]
    while ahead:
        more = set(made.resources[ahead.pop()].get("DependsOn", ())) - found
        found |= more
        ahead += more
    return found


def test_nothing_is_triggered_or_migrated_before_its_user_and_no_user_before_its_role(made: Made) -> None:
    for part in ("Jobspay", "Jobsrow", "statemachinejob", "orchestratorjob"):
        (user,) = [id for id in users(made) if part in id]
        (rule,) = [id for id, item in made.resources.items() if item["Type"] == "AWS::Events::Rule" and part in id]
        assert user in before(made, rule)
    (migrating,) = [id for id in users(made) if "migrationsjob" in id]
    (publication,) = made.of_type("Custom::PhaselinePublication")
    assert migrating in publication["DependsOn"]
    for item in made.of_type("MongoDB::Atlas::DatabaseUser"):
        assert any("UsersRoles" in id for id in item["DependsOn"])


def test_what_is_kept_warm_waits_for_its_user_as_well(tmp_path: Path) -> None:
    made = with_users(
        tmp_path, CONFIG.replace("row: {code: jobs/boat}", "row: {code: jobs/boat, provisioned_concurrency: 1}")
    )
    (user,) = [id for id in users(made) if "Jobsrow" in id]
    (rule,) = [id for id, item in made.resources.items() if item["Type"] == "AWS::Events::Rule" and "Jobsrow" in id]
    assert user in before(made, rule)


def test_more_functions_than_a_project_has_users_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phaseline.cdk.atlas_user.MAX_USERS", 9)
    assert MAX_USERS == 100
    with pytest.raises(UserError, match="there are 10 functions, and a project of Atlas may have 9 database users"):
        with_users(tmp_path, CONFIG)


def test_a_user_for_a_person_is_made_alone(tmp_path: Path) -> None:
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path)), "test")
    roles = AtlasRoles(stack, "Roles", project_id=PROJECT, database="phaseline_dev")
    people = cdk.aws_iam.Role.from_role_arn(stack, "People", "arn:aws:iam::111122223333:role/people")
    AtlasUser(stack, "User", roles=roles, role=people)
    (user,) = Template.from_stack(stack).find_resources("MongoDB::Atlas::DatabaseUser").values()
    assert user["Properties"]["Username"] == "arn:aws:iam::111122223333:role/people"
    with pytest.raises(UserError, match="writes: got 'orders'"):
        AtlasUser(stack, "Other", roles=roles, role=people, writes=["orders"])
    with pytest.raises(UserError, match="AtlasRoles: project_id"):
        AtlasRoles(stack, "Wrong", project_id="shop", database="phaseline_dev")


def test_types_are_activated_with_a_role_that_reads_the_api_key_alone(tmp_path: Path) -> None:
    stack = cdk.Stack(cdk.App(outdir=str(tmp_path)), "types")
    AtlasTypes(stack, "Types", profiles=["dev", "prod"], types=[*TYPES, TYPES[0]])
    template = Template.from_stack(stack)
    found = template.find_resources("AWS::CloudFormation::TypeActivation")
    assert [item["Properties"]["TypeName"] for item in found.values()] == [
        "MongoDB::Atlas::Trigger",
        "MongoDB::Atlas::CustomDBRole",
        "MongoDB::Atlas::DatabaseUser",
    ]
    (role_id,) = template.find_resources("AWS::IAM::Role")
    for item in found.values():
        assert item["Properties"]["Type"] == "RESOURCE"
        assert item["Properties"]["PublisherId"] == "bb989456c78c398a858fef18f2ca1bfc1fbba082"
        assert item["Properties"]["ExecutionRoleArn"] == {"Fn::GetAtt": [role_id, "Arn"]}
    role = template.find_resources("AWS::IAM::Role")[role_id]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "resources.cloudformation.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert len(trust["Condition"]["StringLike"]["aws:SourceArn"]) == 3
    reads = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    assert {each["Action"] for each in reads} == {"secretsmanager:GetSecretValue"}
    assert [each["Resource"]["Fn::Join"][1][-1] for each in reads] == [
        ":secret:cfn/atlas/profile/dev-??????",
        ":secret:cfn/atlas/profile/prod-??????",
    ]


def test_a_type_is_activated_once_in_an_account_and_region() -> None:
    app, here = cdk.App(), cdk.Environment(account="111122223333", region="eu-central-1")
    stack = cdk.Stack(app, "types", env=here)
    AtlasTypes(stack, "First", types=TYPES[:1])
    with pytest.raises(UserError, match="types/First activates MongoDB::Atlas::Trigger already, and an account does"):
        AtlasTypes(stack, "Types")
    with pytest.raises(UserError, match="types/First activates MongoDB::Atlas::Trigger already"):
        AtlasTypes(cdk.Stack(app, "others", env=here), "Types", types=TYPES[:1])
    AtlasTypes(stack, "Rest", types=TYPES[1:])
    AtlasTypes(cdk.Stack(app, "there", env=cdk.Environment(account="111122223333", region="eu-west-1")), "Types")
    for name in ("one", "two"):  # Of which nobody says where they are.
        AtlasTypes(cdk.Stack(app, name), "Types")


@pytest.mark.parametrize("apart", [True, False])
def test_types_are_activated_in_another_stack_than_what_is_of_them(apart: bool) -> None:
    """CloudFormation refuses a template with a type that is not there yet, in whatever order it was made."""
    app = cdk.App()
    stack = cdk.Stack(app, "test")
    AtlasTypes(stack, "Types")
    AtlasRoles(cdk.Stack(app, "others") if apart else stack, "Roles", project_id=PROJECT, database="shop")
    if apart:
        Template.from_stack(stack)
        return
    with pytest.raises(RuntimeError, match=r"AtlasTypes: test/Roles/runtime in the same stack .* a stack of its own"):
        Template.from_stack(stack)


def test_a_collection_that_is_named_twice_is_granted_once() -> None:
    stack = cdk.Stack(cdk.App(), "test")
    roles = AtlasRoles(stack, "Roles", project_id=PROJECT, database="shop")
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    AtlasUser(stack, "User", roles=roles, role=role, writes=["shop.orders", "shop.orders"])
    (user,) = Template.from_stack(stack).find_resources("MongoDB::Atlas::DatabaseUser").values()
    assert [each.get("CollectionName") for each in user["Properties"]["Roles"]] == [None, "orders"]


@pytest.mark.parametrize("argument", ["profiles", "types"])
def test_one_text_is_no_list_of_letters(argument: str) -> None:
    with pytest.raises(UserError, match=f"AtlasTypes: {argument}: got a value of type str; expected is a list"):
        AtlasTypes(cdk.Stack(cdk.App(), "test"), "Types", **{argument: "MongoDB"})


def test_the_app_of_the_types_is_one_stack(tmp_path: Path) -> None:
    atlas_types.main(str(tmp_path))
    assert [path.name for path in tmp_path.glob("*.template.json")] == ["phaseline-atlas-types.template.json"]


IAM = MongoConnection.iam("cluster0.ab1cd.mongodb.net")
SECRET = MongoConnection.secret("phaseline/test/mongo")
PARAMETER = MongoConnection.uri_parameter("/phaseline/test/mongo")


def of_all_stacks(made: Made, kind: str) -> list[dict[str, Any]]:
    stacks = [each for each in made.stack.node.root.node.find_all() if isinstance(each, cdk.Stack)]
    return [item["Properties"] for each in stacks for item in Template.from_stack(each).find_resources(kind).values()]


@pytest.mark.parametrize(
    ("mongo", "retention", "text", "stacks"),
    [
        (IAM, None, JOBS_OF_EVERY_KIND, None),
        (IAM, SECRET, JOBS_OF_EVERY_KIND, None),
        (IAM, SECRET, JOBS_OF_EVERY_KIND, JobStacks.direct(2)),
        (IAM, PARAMETER, JOBS_OF_EVERY_KIND, None),
        (IAM, MongoConnection.iam("other.ab1cd.mongodb.net"), JOBS_OF_EVERY_KIND, None),
        (IAM, SECRET, JOBS_OF_EVERY_KIND.replace("    retention: 90d\n", ""), None),
        (SECRET, IAM, JOBS_OF_EVERY_KIND, None),
        (PARAMETER, IAM, JOBS_OF_EVERY_KIND, None),
    ],
)
def test_users_are_exactly_the_functions_that_connect_by_their_roles(
    tmp_path: Path, mongo: MongoConnection, retention: MongoConnection | None, text: str, stacks: JobStacks | None
) -> None:
    """By what the functions are told: jobs of all kinds, bundled Lambdas and retention, whatever connects otherwise."""
    (tmp_path / "jobs/node").mkdir(parents=True)
    (tmp_path / "jobs/node/index.mjs").write_text("export const handler = async (event) => ({});\n")
    made = make(tmp_path, text, functions=a_function, mongo=mongo, retention_mongo=retention, job_stacks=stacks)
    AtlasUsers(made.stack, "Users", orchestration=made.orchestration, project_id=PROJECT)
    uris = {
        str(each["Role"]): each.get("Environment", {}).get("Variables", {}).get("PHASELINE_MONGO_URI", "")
        for each in of_all_stacks(made, "AWS::Lambda::Function")
    }
    by_role = sorted(role for role, uri in uris.items() if "authMechanism=MONGODB-AWS" in uri)
    assert by_role
    assert sorted(str(each["Username"]) for each in of_all_stacks(made, "MongoDB::Atlas::DatabaseUser")) == by_role


def test_functions_that_connect_otherwise_take_none_of_a_projects_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(tmp_path, CONFIG, mongo=IAM, retention_mongo=SECRET)
    monkeypatch.setattr("phaseline.cdk.atlas_user.MAX_USERS", 9)
    AtlasUsers(made.stack, "Users", orchestration=made.orchestration, project_id=PROJECT)


def test_a_connection_of_a_retention_job_that_is_not_there_makes_no_user(tmp_path: Path) -> None:
    made = make(tmp_path, mongo=SECRET, retention_mongo=IAM)
    with pytest.raises(UserError, match="nor such a `retention_mongo` for a retention_job: nobody would use them"):
        AtlasUsers(made.stack, "Users", orchestration=made.orchestration, project_id=PROJECT)


def test_a_function_is_a_user_of_one_project(tmp_path: Path) -> None:
    made = with_users(tmp_path, CONFIG)
    with pytest.raises(UserError, match="of test/Orchestration have their users already, from test/Users"):
        AtlasUsers(made.stack, "Others", orchestration=made.orchestration, project_id=PROJECT[::-1])


def test_users_that_nobody_would_use_are_refused(tmp_path: Path) -> None:
    made = make(tmp_path, CONFIG)
    with pytest.raises(UserError, match=r"the orchestration has no `mongo=MongoConnection\.iam"):
        AtlasUsers(made.stack, "Users", orchestration=made.orchestration, project_id=PROJECT)


@pytest.mark.parametrize(
    ("argument", "given", "message"),
    [
        ("roles", "phaseline-shop-runtime", "roles: got a value of type str; expected is `AtlasRoles"),
        (
            "role",
            "arn:aws:iam::111122223333:role/row",
            "role: got a value of type str; expected is a role as a construct",
        ),
        ("purpose", "runtime", "purpose: got a value of type str; expected is one of `Purpose`"),
        ("writes", [None], "writes: got None; expected is `database.collection`"),
        ("writes", [["shop.orders"]], r"writes: got \['shop\.orders'\]; expected is `database.collection`"),
    ],
)
def test_a_user_of_something_else_is_refused(argument: str, given: Any, message: str) -> None:
    stack = cdk.Stack(cdk.App(), "test")
    roles = AtlasRoles(stack, "Roles", project_id=PROJECT, database="shop")
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    with pytest.raises(UserError, match=f"AtlasUser: {message}"):
        AtlasUser(stack, "User", **{"roles": roles, "role": role, argument: given})


def test_roles_are_those_of_a_database() -> None:
    with pytest.raises(UserError, match=r"AtlasRoles: database: got 'a\.b'; expected is 1 to 63"):
        AtlasRoles(cdk.Stack(cdk.App(), "test"), "Roles", project_id=PROJECT, database="a.b")


def test_roles_are_those_of_a_project_and_so_are_made_once(made: Made) -> None:
    """Whatever the account and the cluster: a deploy would find it out half-way."""
    stack = cdk.Stack(cdk.Stage.of(made.stack), "other", env=cdk.Environment(account="999922223333"))
    for number in range(2):  # One that was refused makes none.
        with pytest.raises(
            UserError, match=r"test/Users/Roles makes the roles of database 'phaseline_test' already, and"
        ):
            AtlasRoles(Construct(stack, f"Part{number}"), "Roles", project_id=PROJECT, database="phaseline_test")
    AtlasRoles(stack, "OfAnotherDatabase", project_id=PROJECT, database="phaseline_dev")
    AtlasRoles(stack, "OfAnotherProject", project_id=PROJECT[::-1], database="phaseline_test")


def test_users_of_all_orchestrations_are_those_of_one_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = with_users(tmp_path, CONFIG)  # Ten functions.
    other = Orchestration(
        cdk.Stack(cdk.Stage.of(made.stack), "other"),
        "Orchestration",
        config=made.orchestration.config,
        mongo=MongoConnection.iam("cluster1.ab1cd.mongodb.net"),
        event_source=EventSource.relay(),
        database="phaseline_dev",
    )
    stack = cdk.Stack.of(other)
    monkeypatch.setattr("phaseline.cdk.atlas_user.MAX_USERS", 19)
    with pytest.raises(
        UserError, match=r"there are 10 functions beside the 10 of test/Users, and a project .* have 19"
    ):
        AtlasUsers(stack, "Refused", orchestration=other, project_id=PROJECT)
    AtlasUsers(stack, "Users", orchestration=other, project_id=PROJECT[::-1])


def test_jobs_in_stacks_of_their_own_have_their_users_beside_them(tmp_path: Path) -> None:
    made = make(tmp_path, CONFIG, mongo=MongoConnection.iam("c.ab1cd.mongodb.net"), job_stacks=JobStacks.direct(1))
    AtlasUsers(made.stack, "Users", orchestration=made.orchestration, project_id=PROJECT)
    (stack,) = {cdk.Stack.of(job.function) for job in made.orchestration.jobs.values()}
    template = Template.from_stack(stack)
    assert len(template.find_resources("MongoDB::Atlas::DatabaseUser")) == 2
    assert not template.find_resources("MongoDB::Atlas::CustomDBRole")
    assert "Fn::ImportValue" not in str(template.to_json())


def test_a_job_is_reckoned_with_its_user(made: Made, tmp_path: Path) -> None:
    """Seventy jobs fit into one stack, and seventy with a user each do not: said before anything is made."""
    assert sum("Jobsrow" in id for id in made.resources) == OF_A_JOB + made.orchestration.settings.mongo.users
    jobs = "".join(f"  j{number}: {{code: jobs/boat}}\n" for number in range(70))
    uses = "".join(f"          j{number}:\n" for number in range(70))
    text = f"jobs:\n{jobs}state_machines:\n  m:\n    phases:\n      p:\n        jobs:\n{uses}"
    with pytest.raises(UserError, match=r"70 would put 490 resources into one stack; allowed for jobs are 420"):
        with_users(tmp_path, text)
