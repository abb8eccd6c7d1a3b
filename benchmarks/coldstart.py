"""What a cold start imports, and how large the layer is: each Lambda of ours against bare pymongo.

    python benchmarks/coldstart.py [--runs 15]

Each import runs in a fresh process of this interpreter that sees the content of the runtime layer and nothing else, and
right behind one of pymongo, so that what else the machine does meets both alike; CPU time counts, and of the runs'
ratios the median. `as_in_lambda` compiles all that it imports, as Lambda does: the layer holds no bytecode, and cannot
be written. `with_bytecode` is the same with a cache of it. Prints JSON; ends with 1 where a limit is passed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from phaseline.cdk.functions.bundling import IGNORED
from phaseline.cdk.functions.pip_install import Target, install

BASE = "from pymongo import MongoClient"
RATIO = 1.3
"""How much longer than that an import of ours may take."""
BUNDLE = 8_000_000
"""The largest layer in bytes, unpacked."""
RUNTIME = Path(__file__).parents[1] / "lambdas/phaseline_runtime"

PROGRAM = """
import sys, time
sys.path.insert(0, {path!r})
begun = time.process_time()
{code}
print(time.process_time() - begun)
"""


def layer(folder: Path, target: Target) -> Path:
    """The content of the runtime layer for this target."""
    requirements = RUNTIME / "requirements.txt"
    installed = install(requirements, owner="the layer", target=target, cache=folder / "cache", complete=True)
    made = folder / target.key.split()[-1]
    shutil.copytree(installed, made)
    shutil.copytree(RUNTIME, made / RUNTIME.name, ignore=shutil.ignore_patterns(*IGNORED))
    return made


def modules() -> Iterator[str]:
    """The modules that hold the handlers."""
    yield from ("phaseline_runtime.runner", "phaseline_runtime.invoker")
    for path in sorted((RUNTIME / "bundled").glob("*_job.py")):
        yield f"phaseline_runtime.bundled.{path.stem}"


def seconds(content: Path, code: str, *, bytecode: bool) -> float:
    """The CPU time of one import in a fresh process."""
    # Isolated, without site-packages; -B writes no bytecode, and without having written any there is none to read.
    options = ["-I", "-S", *([] if bytecode else ["-B"])]
    program = PROGRAM.format(path=str(content), code=code)
    done = subprocess.run([sys.executable, *options, "-c", program], capture_output=True, text=True, check=True)
    return float(done.stdout)


def imports(content: Path, runs: int, *, bytecode: bool) -> dict[str, Any]:
    """Milliseconds of each import and its ratio to that of pymongo before it, medians of the runs."""
    codes = {name.rpartition(".")[2]: f"import {name}" for name in modules()}
    if bytecode:
        for code in (BASE, *codes.values()):
            seconds(content, code, bytecode=True)
    pairs: Mapping[str, list[tuple[float, float]]] = {name: [] for name in codes}
    for _ in range(runs):
        for name, code in codes.items():
            pairs[name].append((seconds(content, BASE, bytecode=bytecode), seconds(content, code, bytecode=bytecode)))
    base = statistics.median(before for measured in pairs.values() for before, _ in measured)
    found = {"pymongo": {"ms": round(base * 1000, 1), "ratio": 1.0}}
    for name, measured in pairs.items():
        own = statistics.median(taken for _, taken in measured)
        ratio = statistics.median(taken / before for before, taken in measured)
        found[name] = {"ms": round(own * 1000, 1), "ratio": round(ratio, 3)}
    return found


def size(content: Path) -> dict[str, int]:
    """The bytes of the layer, unpacked and as the archive that is sent."""
    unpacked = sum(path.stat().st_size for path in content.rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as folder:
        archive = shutil.make_archive(f"{folder}/layer", "zip", content)
        return {"unpacked": unpacked, "zip": Path(archive).stat().st_size}


def main() -> int:
    """Measure, print, and say by the exit code whether the limits hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = size(layer(folder, Target.on_aws("python3.13", arm=True)))
        content = layer(folder, Target.here())
        found = {
            "as_in_lambda": imports(content, runs, bytecode=False),
            "with_bytecode": imports(content, runs, bytecode=True),
        }
    worst = max(item["ratio"] for measured in found.values() for item in measured.values())
    kept = worst <= RATIO and sizes["unpacked"] <= BUNDLE
    limits = {"ratio": RATIO, "bundle_bytes": BUNDLE}
    report = {"python": sys.version.split()[0], "bundle_bytes": sizes, "import": found, "worst_ratio": worst}
    print(json.dumps({**report, "limits": limits, "within_limits": kept}, indent=2))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
