"""Assets without Docker: what is in them, that they are reproducible, cached, and that a failure is explained.

pip is the real one; it finds hand-made wheels in a folder, so that no network is needed.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from phaseline.cdk import Bundling
from phaseline.cdk.functions.bundling import check_package
from phaseline.cdk.functions.pip_install import Target, install
from phaseline_runtime.errors import UserError
from tests.support.stacks import CONFIG, Made, make

ROOT = Path(__file__).parents[2]


def wheel(
    folder: Path, name: str, tag: str = "py3-none-any", content: str = "FISH = 1\n", needs: Sequence[str] = ()
) -> None:
    """A wheel with one module and a console script."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as made:
        made.writestr(f"{name}.py", content)
        required = "".join(f"Requires-Dist: {each}\n" for each in needs)
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{required}")
        made.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n")
        made.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
        made.writestr(f"{info}/RECORD", "")


@pytest.fixture
def requires(tmp_path: Path) -> Callable[[str], Path]:
    """Gives the job of `make` these requirements, to be found in the folder `wheels`."""

    def write(line: str) -> Path:
        file = tmp_path / "jobs/boat/requirements.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"--no-index\n--find-links {tmp_path / 'wheels'}\n{line}\n")
        return file

    return write


@pytest.fixture(autouse=True)
def small_layer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """In place of the runtime: its requirements are many, and the local platform's tests install them."""
    folder = tmp_path / "small" / "phaseline_runtime"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "runner.py").write_text("")
    (folder / "__pycache__" / "runner.pyc").write_text("")
    monkeypatch.setattr("phaseline.cdk.functions.runtime_layer.runtime_source", lambda: folder)
    return folder


def bundled(tmp_path: Path, cache: str = "cache") -> Made:
    return make(tmp_path, bundled=True, bundling=Bundling.for_this_interpreter(cache=tmp_path / cache))


def asset(made: Made, folder: Path, function: str) -> Path:
    key: str = made.one("AWS::Lambda::Function", function)["Code"]["S3Key"]
    return folder / "cdk.out" / f"asset.{key.removesuffix('.zip')}"


def files(folder: Path) -> set[str]:
    return {str(item.relative_to(folder)) for item in folder.rglob("*") if item.is_file()}


def test_a_jobs_asset_is_the_users_code_and_what_it_requires(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    wheel(tmp_path / "wheels", "fishfinder")
    requires("fishfinder==1.0")
    found = files(asset(bundled(tmp_path), tmp_path, "rentaboat"))
    assert {"handler.py", "fishfinder.py"} <= found
    assert not any(name.startswith(("bin/", "phaseline")) or "pycache" in name for name in found)


def test_a_module_of_the_users_wins_over_an_installed_one(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    wheel(tmp_path / "wheels", "handler", content="raise SystemExit\n")
    requires("handler")
    folder = asset(bundled(tmp_path), tmp_path, "rentaboat")
    assert "def handler" in (folder / "handler.py").read_text()


def test_what_is_cached_stays_as_pip_installed_it(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    wheel(tmp_path / "wheels", "handler", content="raise SystemExit\n")
    requires("handler")
    bundled(tmp_path)
    [cached] = (tmp_path / "cache").glob("*/handler.py")
    assert cached.read_text() == "raise SystemExit\n"


def test_two_builds_give_the_same_asset(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    wheel(tmp_path / "wheels", "fishfinder")
    requires("fishfinder")
    first, second = bundled(tmp_path, "one"), bundled(tmp_path, "other")
    assert asset(first, tmp_path, "rentaboat") == asset(second, tmp_path, "rentaboat")


def test_a_second_synth_asks_pip_for_nothing(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    wheel(tmp_path / "wheels", "fishfinder")
    requires("fishfinder")
    bundled(tmp_path)
    (tmp_path / "wheels/fishfinder-1.0-py3-none-any.whl").unlink()
    assert "fishfinder.py" in files(asset(bundled(tmp_path), tmp_path, "rentaboat"))


def test_the_layer_holds_the_runtime_below_python(tmp_path: Path) -> None:
    made = bundled(tmp_path)
    key: str = made.one("AWS::Lambda::LayerVersion")["Content"]["S3Key"]
    found = files(tmp_path / "cdk.out" / f"asset.{key.removesuffix('.zip')}")
    assert found == {"python/phaseline_runtime/runner.py"}


def test_a_failure_names_the_job_and_repeats_pips_last_lines(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    requires("there_is_no_such_fish==9")
    with pytest.raises(UserError) as caught:
        bundled(tmp_path)
    text = str(caught.value)
    assert text.startswith("job rent_a_boat: pip could not install ")
    assert "requirements.txt for python3." in text
    assert "No matching distribution found for there_is_no_such_fish==9" in text
    assert "What to do: check names and versions" in text
    assert "JavaScript" not in text
    assert not list((tmp_path / "cache").iterdir())


def test_for_aws_pip_takes_the_wheel_of_lambdas_platform(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    wheels = tmp_path / "wheels"
    wheel(wheels, "sonar", "cp313-cp313-manylinux_2_28_aarch64", "FOR = 'arm'\n")
    wheel(wheels, "sonar", "cp313-cp313-manylinux_2_28_x86_64", "FOR = 'x86'\n")
    file = requires("sonar")
    arm = install(file, owner="job x", target=Target.on_aws("python3.13", arm=True), cache=tmp_path / "cache")
    x86 = install(file, owner="job x", target=Target.on_aws("python3.13", arm=False), cache=tmp_path / "cache")
    assert (arm / "sonar.py").read_text() == "FOR = 'arm'\n"
    assert (x86 / "sonar.py").read_text() == "FOR = 'x86'\n"
    with pytest.raises(UserError, match=r"needs a wheel for python3\.12 on arm64 \(sources are not built\)"):
        install(file, owner="job x", target=Target.on_aws("python3.12", arm=True), cache=tmp_path / "cache")


def test_jobs_of_the_same_folder_each_get_the_wheels_of_their_own_python(
    tmp_path: Path, requires: Callable[[str], Path]
) -> None:
    for version in ("312", "313"):
        tag = f"cp{version}-cp{version}-manylinux2014_aarch64"
        wheel(tmp_path / "wheels", "fishfinder", tag, content=f"FOR = {version}\n")
    requires("fishfinder==1.0")
    row = "\n  row: {code: jobs/boat, runtime: python3.12}\nstate_machines:"
    text = CONFIG.replace("\nstate_machines:", row).replace("{rent_a_boat: }", "{rent_a_boat: , row: }")
    made = make(tmp_path, text, bundled=True, bundling=Bundling.for_aws(cache=tmp_path / "cache"))
    found = {job: (asset(made, tmp_path, job) / "fishfinder.py").read_text() for job in ("rentaboat", "row")}
    assert found == {"rentaboat": "FOR = 313\n", "row": "FOR = 312\n"}


def test_markers_are_those_of_the_function_and_not_of_this_machine(
    tmp_path: Path, requires: Callable[[str], Path]
) -> None:
    wheels = tmp_path / "wheels"
    needs = ["old; python_version < '3.12'", "new; python_version >= '3.14'"]
    needs += ["arm; platform_machine == 'aarch64'", "windows; sys_platform == 'win32'"]
    for name in ("old", "new", "arm", "windows", "mine"):
        wheel(wheels, name)
    wheel(wheels, "net", needs=needs)
    file = requires("net\nmine; python_full_version >= '3.14.0'")

    def installed(runtime: str, *, arm: bool) -> set[str]:
        target = Target.on_aws(runtime, arm=arm)
        folder = install(file, owner="job x", target=target, cache=tmp_path / "cache")
        return {each.stem for each in folder.glob("*.py")}

    assert installed("python3.11", arm=True) == {"net", "old", "arm"}
    assert installed("python3.13", arm=False) == {"net"}
    assert installed("python3.14", arm=True) == {"net", "new", "arm", "mine"}


def test_a_module_that_is_called_like_one_of_pythons_is_not_pips(
    tmp_path: Path, requires: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)  # It may have the folder in which something runs.
    wheel(tmp_path / "wheels", "fishfinder")
    (requires("fishfinder").parent / "logging.py").write_text("raise SystemExit('not for pip')\n")
    assert "fishfinder.py" in files(asset(bundled(tmp_path), tmp_path, "rentaboat"))


def test_python_311_gets_no_wheel_for_a_newer_c_library(tmp_path: Path) -> None:
    assert "manylinux_2_28_aarch64" not in Target.on_aws("python3.11", arm=True).options
    assert "manylinux_2_26_aarch64" in Target.on_aws("python3.11", arm=True).options


def test_requirements_that_refer_to_files_are_installed_anew(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    wheel(tmp_path / "wheels", "fishfinder")
    file = requires("-r more.txt")
    (file.parent / "more.txt").write_text("")
    here = Target.here()
    assert not (install(file, owner="x", target=here, cache=tmp_path / "cache") / "fishfinder.py").exists()
    (file.parent / "more.txt").write_text("fishfinder")
    assert (install(file, owner="x", target=here, cache=tmp_path / "cache") / "fishfinder.py").exists()


@pytest.mark.parametrize("path", ["{}", "./{}", "vendor/{}", "fishfinder @ file://{folder}/{}"])
def test_a_wheel_beside_the_file_is_installed_anew(tmp_path: Path, requires: Callable[[str], Path], path: str) -> None:
    file = requires(path.format("fishfinder-1.0-py3-none-any.whl", folder=tmp_path / "jobs/boat"))
    for number in (1, 2):
        for folder in (file.parent, file.parent / "vendor"):
            wheel(folder, "fishfinder", content=f"FISH = {number}\n")
        found = install(file, owner="x", target=Target.on_aws("python3.13", arm=True), cache=tmp_path / "cache")
        assert (found / "fishfinder.py").read_text() == f"FISH = {number}\n"


def test_a_cache_that_cannot_be_written_is_explained(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UserError, match=r"job x: the cache of requirements .*cache cannot be written"):
        install(requires("x"), owner="job x", target=Target.here(), cache=tmp_path / "cache")


def test_an_interpreter_without_pip_is_told_so(
    tmp_path: Path, requires: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(UserError, match="install pip for"):
        install(requires("x"), owner="job x", target=Target.here(), cache=tmp_path / "cache")


def test_the_layers_requirements_are_all_pinned_to_the_versions_that_the_tests_pass_with() -> None:
    pinned = pins(ROOT / "lambdas/phaseline_runtime/requirements.txt")
    locked = pins(ROOT / "requirements.lock")
    assert {"pymongo", "dnspython", "jsonschema"} <= set(pinned)
    assert pinned.items() <= locked.items()


def pins(file: Path) -> dict[str, str]:
    lines = [line.split(";")[0].split("#")[0].strip() for line in file.read_text().splitlines()]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines if line)
    return dict(line.split("==") for line in lines if line)


def test_a_package_that_lambda_would_not_take_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "model.bin").open("wb") as file:
        file.truncate(241 * 2**20)  # It takes no place on the disk.
    said = r"job row: has 241 MB of code and requirements; Lambda takes 250 with its layers, of which it may have 240"
    with pytest.raises(UserError, match=said):
        check_package("job row", tmp_path)
    with (tmp_path / "model.bin").open("wb") as file:
        file.truncate(239 * 2**20)
    check_package("job row", tmp_path)


def test_what_is_no_part_of_an_asset_is_not_counted_as_one(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "lib").mkdir(parents=True)
    with (tmp_path / ".venv" / "lib" / "model.bin").open("wb") as file:
        file.truncate(251 * 2**20)
    check_package("job row", tmp_path)


@pytest.mark.parametrize("requirement", [None, "fishfinder==1.0"])
@pytest.mark.parametrize("job", ["{code: .}", "{code: ., runtime: nodejs22.x}", "{image: .}"])
def test_a_folder_that_the_synth_itself_writes_into_is_copied_without_that(
    job: str, requirement: str | None, tmp_path: Path
) -> None:
    text = f"jobs: {{row: {job}}}\nstate_machines: {{trip: {{phases: {{p: {{jobs: {{row: }}}}}}}}}}\n"
    for file in ("handler.py", "index.mjs", "Dockerfile"):
        (tmp_path / file).write_text("def handler(event, context): ...\n")
    if requirement is not None:
        wheel(tmp_path / "wheels", "fishfinder")
        (tmp_path / "requirements.txt").write_text(f"--no-index\n--find-links {tmp_path / 'wheels'}\n{requirement}\n")
    (tmp_path / ".phaseline").mkdir()
    (tmp_path / ".phaseline" / "state.json").write_text("{}")
    bundling = Bundling.for_this_interpreter(cache=tmp_path / ".phaseline" / "cache")
    make(tmp_path, text, bundled=True, bundling=bundling)
    [found] = [each.parent for each in (tmp_path / "cdk.out").glob("asset.*/index.mjs")]
    assert "handler.py" in files(found)
    assert not list(found.glob("cdk.out/*")) + list(found.glob(".phaseline/*"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_requirements_may_be_in_an_encoding_of_windows(
    encoding: str, tmp_path: Path, requires: Callable[[str], Path]
) -> None:
    wheel(tmp_path / "wheels", "fishfinder")
    file = requires("fishfinder==1.0")
    file.write_text(file.read_text(), encoding=encoding)
    assert "fishfinder.py" in files(asset(bundled(tmp_path), tmp_path, "rentaboat"))


def test_requirements_that_are_no_text_are_named(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    file = requires("fishfinder==1.0")
    file.write_bytes("# für uns\n".encode("latin-1"))
    with pytest.raises(UserError, match=rf"job rent_a_boat: {file} is no text in UTF-8: save it as that"):
        bundled(tmp_path)


def test_a_link_that_leads_nowhere_is_left_out(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    wheel(tmp_path / "wheels", "fishfinder")
    (requires("fishfinder==1.0").parent / ".#handler.py").symlink_to("me@here.4711")
    found = files(asset(bundled(tmp_path), tmp_path, "rentaboat"))
    assert {"handler.py", "fishfinder.py"} <= found


def test_code_that_cannot_be_copied_is_named(tmp_path: Path, requires: Callable[[str], Path]) -> None:
    wheel(tmp_path / "wheels", "fishfinder")
    folder = requires("fishfinder==1.0").parent
    (folder / "itself").symlink_to(".")
    with pytest.raises(UserError, match=rf"job rent_a_boat: the code in {folder} cannot be copied: .*itself"):
        bundled(tmp_path)
