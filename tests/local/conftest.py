"""One deployed project for the whole session: its jobs do as their input says, its machines are the cases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.deployment import Deployment

HANDLER = """
import os
import signal
import time
import phaseline_runtime


def handler(event, context):
    attempt = phaseline_runtime.current()
    with open(RUNS, "a") as runs:
        runs.write(f"{attempt.execution} {attempt.name} {attempt.attempt}\\n")
    event = event or {}
    time.sleep(event.get("sleep", 0))
    if attempt.attempt in event.get("crash_at", []):
        os._exit(9)
    if attempt.attempt in event.get("too_big_at", []):
        taken = b"x" * (context.memory_limit_in_mb * 2**20)
        os.kill(os.getpid(), signal.SIGKILL)  # What Lambda does then. The emulator does not look at memory.
    while attempt.attempt in event.get("deaf_at", []):
        try:
            time.sleep(60)
        except BaseException:
            pass
    if attempt.attempt < event.get("succeed_at", 1):
        raise TimeoutError(f"attempt {attempt.attempt} was told to fail")
    if attempt.name in event.get("fail", []):
        raise ValueError(f"{attempt.name} was told to fail")
    return {"n": event.get("n", 0) + 1, "round": attempt.round}
"""

PAY = """
import os
import phaseline_runtime


def payments(session):
    return session.client["shop"]["payments"]


def handler(event, context, session):
    attempt = phaseline_runtime.current()
    payments(session).insert_one({"execution": attempt.execution, "attempt": attempt.attempt}, session=session)
    if attempt.attempt in event.get("crash_at", []):
        os._exit(9)
    return "receipt of " + attempt.execution


def refund(effect, context):
    with phaseline_runtime.transaction() as session:
        payments(session).delete_one({"execution": effect["output"].removeprefix("receipt of ")}, session=session)
"""


PLAIN = """
import time


class BoatTaken(Exception):
    pass


def handler(event, context):
    with open(RUNS, "a") as runs:
        runs.write(f"{event['key']} plain 1\\n")
    with open(RUNS) as runs:
        calls = sum(line.startswith(f"{event['key']} plain") for line in runs)
    time.sleep(event.get("sleep", 0))
    if calls < event.get("succeed_at", 1):
        raise BoatTaken(f"told to fail: {calls}")
    return {"given": event}
"""
"""A function that knows nothing of Phaseline: it is told by its event what to do."""

NODE = """
class BoatTaken extends Error {
  constructor(message) { super(message); this.name = "BoatTaken"; }
}

export const handler = async (event) => {
  if (event.fail) throw new BoatTaken("told to fail");
  return { node: process.version, given: event };
};
"""

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


def _phases(**phases: Any) -> dict[str, Any]:
    return {"phases": phases}


def _use(*after: str, **more: Any) -> dict[str, Any]:
    return {"job": "work", **({"after": list(after)} if after else {}), **more}


CHAIN = [f"c{number}" for number in range(12)]
WIDE = [f"w{number}" for number in range(50)]
CONFIG: dict[str, Any] = {
    # Where a test lets time pass, a slow machine still gets its time to start a function.
    "defaults": {"runtime": "python3.13", "memory": 256, "timeout": "30s", "start_timeout": "1h"},
    "jobs": {
        "work": {"code": "jobs/work"},
        "only_eu": {"code": "jobs/work", "filter": {"region": [{"prefix": "eu-"}]}, "start_timeout": "3s"},
        "hasty": {"code": "jobs/work", "timeout": "1s"},
        "doomed": {"code": "jobs/work"},
        "gone": {"code": "jobs/work", "retry": {"max_attempts": 0}},
        "switched_off": {"code": "jobs/work"},
        "pay": {"code": "jobs/pay", "retry": {"errors": "Phaseline.Crashed", "interval": "1s"}},
        "refund": {"code": "jobs/pay", "handler": "handler.refund"},
        "captain": {"function": "given", "retry": {"errors": "BoatTaken", "interval": "1s", "max_attempts": 1}},
        "hurried": {"function": "given", "timeout": "1s"},
        "harbour": {"function_arn": f"{ARN}harbour"},
        "nobody": {"function_arn": f"{ARN}nobody"},
        "node": {"code": "jobs/node", "runtime": "nodejs22.x", "provisioned_concurrency": 1},
    },
    "state_machines": {
        "chain": _phases(p={"jobs": {name: _use(*CHAIN[:index][-1:]) for index, name in enumerate(CHAIN)}}),
        "wide": _phases(p={"jobs": {**{name: _use() for name in WIDE}, "join": _use(*WIDE)}}),
        "diamond": _phases(p={"jobs": {"a": _use(), "b": _use("a"), "c": _use("a"), "d": _use("b", "c")}}),
        "loop": _phases(
            again={
                "jobs": {"turn": _use(input={"n": {"$ifNull": ["$results.turn.n", 0]}})},
                "next": [{"when": {"results.turn.n": {"$lt": 5}}, "to": "again"}],
            }
        ),
        "conditions": _phases(
            first={
                "jobs": {"yes": _use(when={"input.age": {"$gte": 18}}), "no": _use(when={"input.age": {"$lt": 18}})}
            },
            never={"when": {"results.yes.n": 99}, "jobs": {"unseen": _use()}},
            last={"jobs": {"after_no": _use(input={"n": "$results.yes.n"})}},
        ),
        "rules": {
            "on_failure": "continue",
            **_phases(
                p={
                    "jobs": {
                        "good": _use(),
                        "bad": _use(),
                        "skipped": _use(when={"input.nothing": True}),
                        "all_success": _use("good", "bad"),
                        "all_done": _use("good", "bad", "skipped", run_if="all_done"),
                        "one_failed": _use("good", "bad", run_if="one_failed"),
                        "one_success": _use("good", "bad", run_if="one_success"),
                        "all_failed": _use("bad", run_if="all_failed"),
                        "none_failed": _use("good", "skipped", run_if="none_failed"),
                        "none_skipped": _use("good", "skipped", run_if="none_skipped"),
                        "all_skipped": _use("skipped", run_if="all_skipped"),
                    }
                }
            ),
        },
        "failing": _phases(
            p={
                "jobs": {
                    "bad": _use(),
                    "follower": _use("bad"),
                    "tidy": _use("follower", run_if="all_done", on_failure="continue"),
                }
            },
            unseen={"jobs": {"later": _use()}},
        ),
        "elsewhere": _phases(
            p={"jobs": {"bad": _use(on_failure={"to": "rescue"})}, "next": "end"},
            rescue={"jobs": {"boat": _use(input={"n": 41})}},
        ),
        "any": _phases(
            p={
                "jobs": {"fast": _use(input={"n": 1}), "slow": _use(input={"n": 2, "sleep": 1.5})},
                "wait_for": "any",
            },
            q={"jobs": {"next_one": _use(input={"n": 3})}},
        ),
        "saga": _phases(
            buying={"jobs": {"pay": {"compensate": "refund"}}},
            shipping={"wait": "2s", "jobs": {"ship": _use(input={"fail": "$input.fail"})}},
        ),
        "stormy": {
            "retry": {"interval": "1s", "max_attempts": 50, "backoff_rate": 1},
            "timeout": "5s",
            **_phases(p={"jobs": {"a": _use(), "b": _use("a"), "c": _use("a"), "d": _use("b", "c")}}),
        },
        "retried": _phases(
            p={
                "jobs": {
                    "a": _use(retry=[{"errors": "TimeoutError", "interval": "1s", "max_attempts": 2}]),
                    "b": _use("a", input={}),
                }
            }
        ),
        "crashing": _phases(p={"jobs": {"a": _use(retry={"errors": ["Phaseline.Crashed"], "interval": "1s"})}}),
        "hasty": _phases(
            p={"jobs": {"hasty": {"on_failure": [{"errors": "Phaseline.Timeout", "to": "q"}]}}},
            q={"jobs": {"calm": _use(input={})}},
        ),
        "deaf": _phases(p={"jobs": {"hasty": {"retry": {"errors": "Phaseline.Timeout", "interval": "1s"}}}}),
        **{
            name: _phases(p={"jobs": {name: {"input": "$input"}}})
            for name in ("captain", "hurried", "harbour", "nobody", "node")
        },
        "filtered": _phases(p={"jobs": {"eu": {"job": "only_eu"}}}),
        "doomed": _phases(p={"jobs": {"first": _use(), "doomed": {"after": "first"}}}),
        "gone": _phases(p={"jobs": {"gone": {}}}),
        "switched_off": _phases(p={"jobs": {"first": _use(), "switched_off": {"after": "first"}}}),
        "impatient": {"start_timeout": "2s", **_phases(p={"jobs": {"switched_off": {}}})},
        "forgotten": {"retention": "1d", **_phases(p={"jobs": {"a": _use()}})},
    },
}


HANDLERS = {
    "work": HANDLER,
    "pay": PAY,
    "node": NODE,
    **dict.fromkeys(("captain", "hurried", "harbour"), PLAIN),
}


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The deployment of CONFIG."""
    deployment = Deployment(tmp_path_factory.mktemp("deployment"), CONFIG, HANDLERS)
    try:
        deployment.up()
        yield deployment
    finally:
        deployment.down()
