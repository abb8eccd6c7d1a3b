"""`from phaseline import Client`: typed, there at once, and without the CDK or the command line."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import phaseline
from phaseline_runtime import client

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PATHS = [str(ROOT / "constructs"), str(ROOT / "lambdas")]
FORBIDDEN = {"aws_cdk", "constructs", "jsii", "typer", "rich", "click", "ruamel", "phaseline.cdk", "phaseline.cli"}

RUNTIME = ROOT / "lambdas/phaseline_runtime"
BUNDLED = [f"phaseline_runtime.bundled.{path.stem}" for path in sorted((RUNTIME / "bundled").glob("*_job.py"))]
ENTRY_POINTS = ["phaseline_runtime.runner", *BUNDLED]


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after this code."""
    program = f"import sys; sys.path[:0] = {PATHS!r}\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_the_client_loads_neither_the_cdk_nor_the_command_line() -> None:
    loaded = loaded_by("from phaseline import Client; Client.start")
    assert {"phaseline_runtime.client", "pymongo"} <= loaded
    assert not FORBIDDEN & loaded


def test_the_package_alone_loads_no_client() -> None:
    loaded = loaded_by("import phaseline")
    assert not ({"pymongo", "phaseline_runtime"} | FORBIDDEN) & loaded


def test_what_lambdas_import_at_their_start_is_pymongo_and_ours() -> None:
    everything = "; ".join(f"import {module}" for module in ENTRY_POINTS)
    before, after = (loaded_by(code) for code in ("from pymongo import MongoClient", everything))
    assert {name.partition(".")[0] for name in after - before} - sys.stdlib_module_names == {"phaseline_runtime"}


def test_an_extra_of_the_constructs_brings_them() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    sources = [path.read_text() for path in (ROOT / "constructs/phaseline/cdk").glob("*.py")]
    named = {extra for source in sources for extra in re.findall(r'^need\(.*extra="(\w+)"\)$', source, re.M)}
    assert named == {"cdk", "monitoring", "atlas"}
    for extra in named - {"cdk"}:
        assert "phaseline[cdk]" in extras[extra], f"{extra} alone cannot be imported"


def test_only_the_store_queries_mongodb() -> None:
    query = re.compile(
        r"(statuses|executions|definitions|database|])\.(find|insert_|update_|delete_|aggregate|command)"
    )
    found = {str(path.relative_to(RUNTIME)) for path in RUNTIME.rglob("*.py") if query.search(path.read_text())}
    assert "store/store.py" in found
    assert {path for path in found if not path.startswith("store/")} == set()


def test_the_names_are_the_client_s_own() -> None:
    assert phaseline.Client is client.Client
    assert phaseline.Execution is client.Execution
    assert set(phaseline.__all__) <= set(dir(phaseline))


def test_another_name_is_an_ordinary_error() -> None:
    with pytest.raises(AttributeError, match="'phaseline' has no attribute 'Clinet'"):
        phaseline.Clinet  # type: ignore[attr-defined]  # noqa: B018


def test_a_type_checker_passes_the_example_of_the_readme_and_no_mistake(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    (example,) = re.findall(r"^```python\n(from phaseline import Client\n.*?)^```$", README.read_text(), re.M | re.S)
    program.write_text(example + "reveal_type(execution)\nclient.start(1)\n")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--follow-imports=silent", str(program)]
    done = subprocess.run(
        [*mypy, "--config-file="],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"MYPYPATH": ":".join(PATHS)},
    )
    assert 'Revealed type is "phaseline_runtime.client.Execution"' in done.stdout, done.stdout + done.stderr
    assert "Found 1 error" in done.stdout
    assert 'Argument 1 to "start" of "Client" has incompatible type "int"; expected "str"' in done.stdout
    for package in PATHS:
        assert list(Path(package).glob("*/py.typed"))
