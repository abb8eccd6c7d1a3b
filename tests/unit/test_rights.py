"""What a database user may not do, by what MongoDB says of its privileges."""

from __future__ import annotations

from typing import Any

import pytest

from phaseline_runtime.store.grants import GRANTS, Purpose, lacking

READ_WRITE = ["collStats", "find", "insert", "listIndexes", "remove", "update"]
"""Some of the actions of MongoDB's role `readWrite`."""


def on(db: str, collection: str, *actions: str) -> dict[str, Any]:
    return {"resource": {"db": db, "collection": collection}, "actions": list(actions)}


EXACT = [
    on("shop", collection, *(action.lower() for action in actions))
    for collection, actions in GRANTS[Purpose.RUNTIME].items()
]


@pytest.mark.parametrize(
    "privileges",
    [
        EXACT,
        [on("shop", "", *READ_WRITE)],
        [on("", "", *READ_WRITE)],
        [{"resource": {"anyResource": True}, "actions": READ_WRITE}],
    ],
)
def test_enough_is_enough_however_it_is_given(privileges: list[dict[str, Any]]) -> None:
    assert lacking(privileges, "shop", Purpose.RUNTIME) == []


def test_what_is_missing_is_told_by_action_and_collection() -> None:
    privileges = [on("shop", "", "find"), on("shop", "statuses", "insert"), on("other", "", *READ_WRITE)]
    assert lacking(privileges, "shop", Purpose.RUNTIME) == [
        "insert on state-machines",
        "update on state-machines",
        "insert on definitions",
    ]
    cluster = [{"resource": {"cluster": True}, "actions": READ_WRITE}]
    assert "find on statuses" in lacking(cluster, "shop", Purpose.RUNTIME)


def test_each_right_of_the_runtime_is_missed_if_it_is_taken_away() -> None:
    for index, privilege in enumerate(EXACT):
        for action in privilege["actions"]:
            left = [*EXACT[:index], {**privilege, "actions": [each for each in privilege["actions"] if each != action]}]
            expected = f"{action} on {privilege['resource']['collection']}"
            assert lacking([*left, *EXACT[index + 1 :]], "shop", Purpose.RUNTIME) == [expected]
