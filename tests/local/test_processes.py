"""Processes that outlive their starter, ports, and the state folder. Starts small processes of its own; seconds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from phaseline.local import Platform, ports, processes, toolchain
from phaseline.local import deploy as deploying
from phaseline.local.errors import PlatformMisuse, StageFailed
from phaseline.local.interrupts import uninterrupted
from phaseline.local.processes import Process
from phaseline.local.stages import Stages
from phaseline.local.state import Folder, Part, State, find_project
from tests.support.waiting import until

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """What a test has started; it is gone afterwards, whatever the test did."""
    known: list[Process] = []
    yield known
    for process in known:
        processes.stop(process, patience=0)


def start(command: list[str], folder: Path, started: list[Process]) -> Process:
    process = processes.spawn(command, env=dict(os.environ), cwd=folder, log=folder / "p.log")
    started.append(process)
    until((folder / "p.log").read_text, every=0.01)
    return process


def test_a_process_lives_in_a_session_of_its_own_and_is_stopped(tmp_path: Path, started: list[Process]) -> None:
    process = start(SLEEP, tmp_path, started)
    assert process.alive
    assert os.getsid(process.pid) == process.pid
    processes.stop(process)
    assert not process.alive


def test_a_process_that_ignores_the_request_is_ended_by_force(tmp_path: Path, started: list[Process]) -> None:
    process = start(STUBBORN, tmp_path, started)
    processes.stop(process, patience=0.3)
    assert not process.alive


def test_a_pid_that_belongs_to_somebody_else_by_now_is_left_alone(tmp_path: Path, started: list[Process]) -> None:
    process = start(SLEEP, tmp_path, started)
    stranger = Process(process.pid, "another time")
    assert not stranger.alive
    processes.stop(stranger)
    assert process.alive


def test_a_process_without_proc_is_known_by_ps(
    tmp_path: Path, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS."""
    try:
        subprocess.run(["ps", "-p", "1"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no ps here")
    monkeypatch.setattr(processes, "PROC", tmp_path / "none")
    process = start(SLEEP, tmp_path, started)
    assert process.alive
    processes.stop(process)
    assert not process.alive


def test_what_was_left_behind_is_found_by_its_folder(tmp_path: Path, started: list[Process]) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "worker.py").write_text(SLEEP[2])
    worker = start([sys.executable, str(tmp_path / "tmp" / "worker.py")], tmp_path, started)
    other = start([sys.executable, "-c", SLEEP[2], str(tmp_path / "tmp2" / "x")], tmp_path, started)
    longer = start([sys.executable, "-c", SLEEP[2], f"/home{tmp_path / 'tmp' / 'worker.py'}"], tmp_path, started)
    assert processes.stop_mentioning(tmp_path / "tmp") == 1
    assert not worker.alive
    assert other.alive
    assert longer.alive


def test_the_log_before_is_kept(tmp_path: Path, started: list[Process]) -> None:
    start([sys.executable, "-c", "print('first')"], tmp_path, started)
    start([sys.executable, "-c", "print('second')"], tmp_path, started)
    assert (tmp_path / "p.log.1").read_text() == "first\n"
    assert (tmp_path / "p.log").read_text() == "second\n"


def test_a_taken_port_is_not_chosen() -> None:
    chosen = ports.choose("aws", "/some/project")
    assert ports.choose("aws", "/some/project") == chosen
    with socket.create_server((ports.HOST, chosen)):
        assert not ports.is_free(chosen)
        assert ports.choose("aws", "/some/project") == chosen + 1
    assert ports.is_free(chosen)


def test_the_state_survives_and_is_nobody_elses(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.create()
    state = State().having("mongo", Part(pid=1, started="then", port=27017, uri="mongodb://u:secret@h"))
    folder.write(state)
    assert folder.read() == state
    assert (folder.path / "platform.json").stat().st_mode & 0o077 == 0


def test_a_broken_state_file_says_what_to_do(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.create()
    (folder.path / "platform.json").write_text("[]")
    with pytest.raises(PlatformMisuse, match="delete it"):
        folder.read()


def test_a_folder_that_cannot_be_written_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / ".phaseline").write_text("in the way")
    with pytest.raises(PlatformMisuse, match="--project"):
        Folder(tmp_path).create()


def test_several_processes_may_make_the_folder_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Folder(tmp_path).create(), range(400)))
    assert sorted(path.name for path in Folder(tmp_path).path.iterdir()) == ["data", "logs", "tmp"]


def test_the_project_is_the_nearest_one_upwards(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_project(inner) == inner
    (tmp_path / "phaseline.yaml").touch()
    assert find_project(inner) == tmp_path


def test_a_project_folder_that_is_not_there_is_the_users_mistake_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(PlatformMisuse, match=r"--project .*misspelt: there is no such folder"):
        find_project(tmp_path / "misspelt")
    assert list(tmp_path.iterdir()) == []


def interrupt_and_go_on(done: list[str]) -> None:
    with uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("the body")
    done.append("what follows")


def test_what_must_not_be_interrupted_comes_to_its_end_first() -> None:
    before, done = signal.getsignal(signal.SIGINT), list[str]()
    with pytest.raises(KeyboardInterrupt):
        interrupt_and_go_on(done)
    assert done == ["the body"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_process_started_meanwhile_can_be_interrupted_itself(tmp_path: Path, started: list[Process]) -> None:
    with uninterrupted():
        process = start(SLEEP, tmp_path, started)
    os.kill(process.pid, signal.SIGINT)
    until(lambda: not process.alive, every=0.01)


def test_a_deployment_a_second_one_and_a_stop_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cdk.json").write_text("{}")
    Folder(tmp_path).create()
    monkeypatch.setattr(Platform, "require", lambda platform, *_: platform.state)
    under_way, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def deploys(*_: Any) -> None:
        done.append("begun")
        under_way.set()
        assert go_on.wait(30)
        done.append("ended")

    monkeypatch.setattr(deploying, "_deploy", deploys)
    said: list[str] = []
    stages = Stages(Console(quiet=True))

    def begin(what: Callable[[Platform], object]) -> threading.Thread:
        thread = threading.Thread(target=what, args=(Platform(tmp_path, said.append),))
        thread.start()
        return thread

    threads = [begin(lambda platform: deploying.deploy(platform, stages))]
    assert under_way.wait(30)
    threads.append(begin(lambda platform: deploying.deploy(platform, stages)))
    threads.append(begin(lambda platform: done.append(f"stopped: {platform.down()}")))
    until(lambda: len(said) == 2)
    assert done == ["begun"]
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert said == ["another command is changing the platform: waiting for it"] * 2
    assert sorted(done) == ["begun", "begun", "ended", "ended", "stopped: False"]
    assert done.index("ended") == 1, "nobody has come between"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_stage_whose_command_is_ended_from_outside_leaves_nothing_running(
    tmp_path: Path, started: list[Process], number: signal.Signals
) -> None:
    """By Ctrl-C, by a CI that gives up, or with the terminal that is closed."""
    Folder(tmp_path).create()
    program = (
        # Whoever runs the tests in the background may have them ignore these.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "signal.signal(signal.SIGHUP, signal.SIG_DFL); signal.signal(signal.SIGTERM, signal.SIG_DFL); "
        "import os, sys; from pathlib import Path; from phaseline.local import toolchain; "
        "from phaseline.local.state import Folder; "
        "command = [sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(60)']; "
        "place = Path(sys.argv[1]); "
        "toolchain.run(command, stage='synth', folder=Folder(place), place=place, env=os.environ, hint='')"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    runs = processes.spawn(command, env=dict(os.environ), cwd=tmp_path, log=tmp_path / "p.log")
    started.append(runs)
    log = Folder(tmp_path).log("synth")
    tool = int(until(lambda: log.exists() and log.read_text(), every=0.01))
    assert runs.alive
    os.kill(runs.pid, number)
    until(lambda: not runs.alive)
    assert processes._start_time(tool) is None
    assert "KeyboardInterrupt" in (tmp_path / "p.log").read_text()


def test_a_part_ends_with_all_that_it_has_started_once_its_folder_is_gone(
    tmp_path: Path, started: list[Process]
) -> None:
    """Deleted with the project, or by `git clean -fdx`: nobody knows of it any more."""
    folder = tmp_path / "local"
    folder.mkdir()
    (tmp_path / "sleeps.py").write_text(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(sys.argv[1], child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(tmp_path), *sys.path])}
    command = [sys.executable, "-m", "phaseline.local.part", str(folder), "sleeps", "argument"]
    part = processes.spawn(command, env=env, cwd=tmp_path, log=tmp_path / "p.log")
    started.append(part)
    argument, child = until((tmp_path / "p.log").read_text, every=0.01).split()
    assert argument == "argument"
    time.sleep(1.5)
    assert part.alive
    folder.rename(tmp_path / "gone")
    folder.mkdir()  # As the next `up` does at once.
    until(lambda: not part.alive)
    until(lambda: processes._start_time(int(child)) is None)


def test_a_deployment_under_which_the_platform_has_ended_needs_no_purge_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would delete all executions is the last thing to try."""
    Folder(tmp_path).create()
    monkeypatch.setattr(toolchain, "node", lambda: tmp_path)
    (tmp_path / "node").write_text("#!/bin/sh\necho connect ECONNREFUSED; exit 1\n")
    (tmp_path / "node").chmod(0o755)
    with pytest.raises(StageFailed, match="ECONNREFUSED") as raised:
        deploying._cdk(Platform(tmp_path), dict(os.environ), ["deploy"])
    first, _, last = str(raised.value).partition("`phaseline local deploy` again")
    assert "`phaseline local up`" in first
    assert "--purge" not in first
    assert "--purge` deletes everything" in last
