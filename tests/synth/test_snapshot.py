"""What a deploy of the example makes, to be read when it changes: every resource by name, and one job in full."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from phaseline.testing import masked
from tests.support.stacks import example


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Snapshots as JSON files, which read like the template that they are from."""
    return snapshot.use_extension(JSONSnapshotExtension)


def test_the_resources_of_the_example(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    found = example("dev", tmp_path)["Resources"]
    assert {id: item["Type"] for id, item in found.items()} == snapshot


def test_one_job_in_full(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    found = example("dev", tmp_path)["Resources"]
    assert {id: masked(item) for id, item in found.items() if "catchfish" in id} == snapshot


def test_the_publication_in_full(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    found = example("dev", tmp_path)["Resources"]
    assert {id: masked(item) for id, item in found.items() if "Publication" in id} == snapshot
