"""What may import what: a folder of ours is called `constructs`, and only `phaseline.cdk` may start Node."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import constructs
import pytest

ROOT = Path(__file__).parents[2]

ABOVE_STORE = tuple(
    f"phaseline_runtime.{name}"
    for name in (
        *("advance", "alive", "bundled", "client", "invoker", "operations"),
        *("relay", "runner", "starting", "transactions", "undelivered"),
    )
)
ABOVE_ENGINE = ("phaseline_runtime.store", "phaseline_runtime.clock", *ABOVE_STORE)

FLOORS = {
    "cdk": ("basics", "functions", "bus", "bundled", "stacks", "jobs", "planning", "orchestration"),
    "config": ("reading", "expressions", "checks", "compiled_phases", "compiler", "loading"),
}
"""What the folders of a package are built on: each on those before it."""


def loaded_by(*modules: str) -> set[str]:
    """The top-level names and the packages of ours that importing these loads, in a fresh interpreter."""
    code = f"import sys; sys.path[:0] = {[str(ROOT / 'constructs'), str(ROOT / 'lambdas')]!r}\n"
    code += "".join(f"import {module}\n" for module in modules) + "print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_our_folder_never_shadows_the_package_constructs() -> None:
    assert not (ROOT / "constructs/__init__.py").exists()
    assert not (ROOT / "tests/constructs/__init__.py").exists()
    assert not str(constructs.__file__).startswith(str(ROOT / "constructs"))


@pytest.mark.parametrize("module", ["phaseline", "phaseline.config", "phaseline.cli", "phaseline.testing.execution"])
def test_only_the_constructs_import_the_cdk(module: str) -> None:
    assert not {"aws_cdk", "jsii", "phaseline.cdk"} & loaded_by(module)


def test_the_testing_kit_imports_nothing_before_its_first_use() -> None:
    """Its plugin is loaded by each run of pytest in an environment that has Phaseline."""
    ours = {name for name in loaded_by("phaseline.testing", "phaseline.testing.plugin") if name.startswith("phaseline")}
    assert ours == {"phaseline", "phaseline.testing", "phaseline.testing.plugin"}
    assert not {"pymongo", "secantus"} & loaded_by("phaseline.testing.plugin")


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("lambdas/phaseline_runtime", ("phaseline", "aws_cdk", "constructs", "yaml", "ruamel", "pydantic", "secantus")),
        ("lambdas/phaseline_runtime/engine", ("pymongo", "bson", "boto3", "time", "random", "secrets", *ABOVE_ENGINE)),
        ("lambdas/phaseline_runtime/store", ABOVE_STORE),
        ("constructs/phaseline/config", ("aws_cdk", "constructs", "phaseline.cdk", "phaseline.cli", "phaseline.local")),
        ("constructs/phaseline/cdk", ("phaseline.cli", "phaseline.local")),
        *(
            (
                f"constructs/phaseline/{package}/{folder}",
                tuple(f"phaseline.{package}.{above}" for above in folders[place + 1 :]),
            )
            for package, folders in FLOORS.items()
            for place, folder in enumerate(folders)
            if (ROOT / "constructs/phaseline" / package / folder).is_dir()
        ),
    ],
)
def test_imports_run_one_way(folder: str, forbidden: tuple[str, ...]) -> None:
    names = "|".join(re.escape(name) for name in forbidden)
    pattern = re.compile(rf"^\s*(?:from|import) (?:{names})(?:\.|\s|$)", re.MULTILINE)
    files = list((ROOT / folder).rglob("*.py"))
    assert files
    assert [str(file) for file in files if pattern.search(file.read_text())] == []


@pytest.mark.parametrize(
    ("package", "missing", "said"),
    [
        (
            "phaseline.cdk",
            "aws_cdk",
            "phaseline.cdk needs aws_cdk, which is not installed: pip install 'phaseline[cdk]'",
        ),
        ("phaseline.config", "ruamel", "needs ruamel.yaml, which is not installed: pip install 'phaseline[cdk]'"),
    ],
)
def test_a_package_without_its_extra_says_how_to_get_it(package: str, missing: str, said: str) -> None:
    blocked = f"""
import sys
sys.path[:0] = {[str(ROOT / "constructs"), str(ROOT / "lambdas")]!r}
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
import {package}
"""
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=False, cwd=ROOT)
    assert said in done.stderr
