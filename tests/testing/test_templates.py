"""Templates in tests: what changes at each build is masked, and nothing else is lost by it."""

from __future__ import annotations

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Template

from phaseline.testing import masked
from phaseline_runtime.errors import UserError

ONE, TWO, THREE = ("0" * 63 + digit for digit in "123")
"""Hashes as CDK makes them of assets."""


def test_hashes_are_masked_in_keys_and_in_values_at_any_depth() -> None:
    assert masked({3: ONE, (ONE,): 4}) == {3: "<hash>", (ONE,): 4}, "keys that are no text are left as they are"
    version = "BoatCurrentVersion0A1B2C3D" + "0" * 32
    assert masked({version: {"Key": [f"{ONE}.zip"]}, "Boat": 1}) == {
        "BoatCurrentVersion0A1B2C3D<hash>": {"Key": ["<hash>.zip"]},
        "Boat": 1,
    }


def test_keys_that_differ_by_their_hashes_alone_stay_apart() -> None:
    assert masked({ONE: "a", TWO: "b", "x": "c"}) == {"<hash>": "a", "<hash>-2": "b", "x": "c"}
    assert masked({ONE: "a", TWO: "a", THREE: "a"}) == dict.fromkeys(("<hash>", "<hash>-2", "<hash>-3"), "a")
    assert masked({ONE: "a", TWO: "a"}) != masked({ONE: "a"}), "one that is lost is seen"


def test_which_of_them_is_which_depends_neither_on_the_hashes_nor_on_the_order() -> None:
    before = masked({"files": {ONE: {"path": f"asset.{ONE}"}, TWO: {"path": f"{TWO}.json"}}})
    assert before == masked({"files": {THREE: {"path": f"{THREE}.json"}, ONE: {"path": f"asset.{ONE}"}}})


def test_an_object_of_which_a_snapshot_would_show_nothing_is_refused() -> None:
    stack = Stack()
    for given in (Template.from_stack(stack), [stack]):
        with pytest.raises(
            UserError, match=r"masked: got a \w+; give one that is JSON, .*`Template.from_stack\(stack\)"
        ):
            masked(given)
