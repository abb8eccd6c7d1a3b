"""Whole state machines in memory: what a result says of them."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from phaseline.config import ConfigError, load
from phaseline.testing import fails, memory, returns, run, start, takes
from phaseline.testing.memory import matches
from phaseline_runtime.errors import InvalidInput, UserError
from tests.testing.conftest import Write

GROUND = {"go_to_fishing_ground": returns({"ground": "Lofoten", "distance_km": 1_700})}
"""Its own code needs a library that only its Lambda has."""

EXAMPLE = load(Path(__file__).parents[2] / "phaseline.yaml", values={"FISHING_LICENCE": "L-1"})


def test_the_example_runs_with_its_own_jobs() -> None:
    result = run(EXAMPLE, "catch_the_fish", {"age": 20, "wanted_kilos": 6}, mocks=GROUND)
    assert result.status == "success"
    assert result.phases == ["arriving", "fishing", "fishing", "coming_home"]
    assert result.order[0] == "go_to_fishing_ground"
    assert result.finished[-1] == "go_home"
    assert result.attempts["drink_beer"] == 2
    assert result.attempts["share_with_neighbours"] == 0
    assert result.skipped == {"share_with_neighbours": "when"}
    assert result.outputs["catch_fish"]["kilos"] >= 6
    assert result.errors == {}
    assert result.error is None


def test_it_takes_milliseconds_although_the_jobs_sleep() -> None:
    run(EXAMPLE, "catch_the_fish", {"age": 20}, mocks=GROUND)  # Starts what evaluates expressions.
    begun, cpu = time.perf_counter(), time.process_time()
    result = run(EXAMPLE, "catch_the_fish", {"age": 20}, mocks=GROUND)
    assert result.duration > 0.5
    assert time.process_time() - cpu < 0.3, time.perf_counter() - begun


def test_handlers_run_with_their_own_modules_and_variables(project: Write) -> None:
    source = (
        "import os\nimport shared\n\ndef handler(event, context):\n    import late\n"
        "    return [os.environ['WHO'], shared.NAME, late.NAME]\n"
    )
    file = project(
        {"p": {"jobs": {"a": {}, "b": {}}}},
        jobs={name: {"environment": {"WHO": f"who {name}"}} for name in "ab"},
        handlers={"a": source, "b": source},
    )
    for name in "ab":
        (file.parent / "jobs" / name / "shared.py").write_text(f"NAME = 'shared of {name}'\n")
        (file.parent / "jobs" / name / "late").mkdir()
        (file.parent / "jobs" / name / "late" / "__init__.py").write_text(f"NAME = 'late of {name}'\n")
    before = list(sys.path)
    result = run(file, "m")
    assert result.outputs == {name: [f"who {name}", f"shared of {name}", f"late of {name}"] for name in "ab"}
    assert sys.path == before
    assert not {"handler", "shared", "late"} & sys.modules.keys()
    assert "WHO" not in os.environ
    assert not list(file.parent.rglob("__pycache__")), "they would change the job's asset"


def test_a_job_s_modules_are_the_same_after_a_sleep_in_which_another_job_ran(project: Write) -> None:
    source = (
        "import time\nimport shared\n\ndef handler(event, context):\n"
        "    shared.seen.append(event)\n    time.sleep(1)\n    import shared as again\n    return again.seen\n"
    )
    file = project({"p": {"jobs": {"a": {"input": "a"}, "b": {"input": "b"}}}}, handlers={"a": source, "b": source})
    for name in "ab":
        (file.parent / "jobs" / name / "shared.py").write_text("seen = []\n")
    assert run(file, "m").outputs == {"a": ["a"], "b": ["b"]}


def test_a_handler_may_be_asynchronous_and_ask_for_its_attempt(project: Write) -> None:
    source = (
        "import asyncio\nimport phaseline_runtime\n\n"
        "async def handler(event, context):\n"
        "    await asyncio.sleep(5)\n"
        "    return [phaseline_runtime.current().idempotency_key, context.get_remaining_time_in_millis()]\n"
    )
    result = run(project({"p": {"jobs": {"a": {}}}}, handlers={"a": source}), "m", id="e")
    assert result.outputs["a"] == ["e/1/a", 35_000], "Lambda ends it 10 s behind the attempt's timeout"
    assert result.duration == 5.0


def test_the_context_tells_the_time_that_the_function_has_for_all_its_uses(project: Write) -> None:
    uses = {
        "a": {"job": "j", "timeout": "20s"},
        "b": {"job": "j", "timeout": "5m"},
        "c": {"job": "k", "timeout": "890s"},
    }
    source = "def handler(event, context):\n    return context.get_remaining_time_in_millis()\n"
    result = run(project({"p": {"jobs": uses}}, handlers={"j": source, "k": source}), "m")
    assert result.outputs == {"a": 310_000, "b": 310_000, "c": 900_000}


def test_the_context_is_enough_for_the_decorators_of_powertools(
    project: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    source = (
        "from aws_lambda_powertools import Logger\n\nlogger = Logger(service='shop')\n\n"
        "@logger.inject_lambda_context\ndef handler(event, context):\n"
        "    logger.info('sold')\n    return [context.log_group_name, context.function_version]\n"
    )
    result = run(project({"p": {"jobs": {"sell": {}}}}, handlers={"sell": source}), "m")
    assert result.outputs["sell"] == ["/aws/lambda/sell", "$LATEST"]
    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["function_name"]) == ("sold", "sell")


def test_what_a_job_logs_is_there_for_pytest_and_what_the_product_logs_is_not(
    project: Write, caplog: pytest.LogCaptureFixture
) -> None:
    source = "import logging\n\ndef handler(event, context):\n    logging.getLogger('shop').warning('sold')\n"
    file = project({"p": {"jobs": {"sell": {}}, "wait": "20m"}}, handlers={"sell": source})
    assert run(file, "m").status == "success"
    assert caplog.messages == ["sold"]


def test_data_is_never_read_as_an_operator(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {}, "b": {"after": "a", "input": {"got": "$results.a", "given": "$input"}}}}})
    data = {"$where": "$input", "a.b": [{"$gt": "$$NOW"}]}
    result = run(file, "m", data, mocks={"a": returns(data), "b": lambda event, context: event})
    assert result.outputs["b"] == {"got": data, "given": data}


def test_an_expression_that_fails_fails_its_job_alone(project: Write) -> None:
    jobs = {"a": {"input": {"n": {"$divide": [1, "$input.n"]}}, "on_failure": "continue"}, "b": {}}
    result = run(project({"p": {"jobs": jobs}}), "m", {"n": 0})
    assert result.status == "success"
    assert result.errors["a"]["type"] == "Phaseline.ExpressionFailed"
    assert result.order == ["b"]


def test_a_loop_goes_round(project: Write) -> None:
    phases = {
        "fishing": {
            "jobs": {"cast": {}},
            "next": [{"when": {"results.cast": {"$lt": 3}}, "to": "resting"}, {"to": "end"}],
        },
        "resting": {"wait": "10m", "next": "fishing"},
    }
    result = run(project(phases), "m", mocks={"cast": returns(1, 2, 3)})
    assert result.phases == ["fishing", "resting", "fishing", "resting", "fishing"]
    assert [(a.round, a.number, a.output) for a in result.attempts_of("cast")] == [(1, 1, 1), (3, 1, 2), (5, 1, 3)]
    assert result.waits == [("resting", 600.0), ("resting", 600.0)]
    assert result.duration == 1_200.0


def test_a_phase_that_was_not_entered_yet_was_entered_0_times(project: Write) -> None:
    phases = {
        "fishing": {"jobs": {"cast": {"input": "$visits"}}, "next": "resting"},
        "resting": {"when": {"visits.resting": {"$lt": 2}}, "wait": "10m", "next": "fishing"},
    }
    result = run(project(phases), "m")
    assert result.inputs("cast") == [{"fishing": n, "resting": n - 1} for n in (1, 2, 3)]
    assert result.duration == 1_200.0


def test_what_was_done_is_undone_backwards(project: Write) -> None:
    jobs = {
        "rent": {"compensate": "give_back"},
        "pay": {"after": "rent", "compensate": {"job": "refund", "input": {"sum": "$results.pay.sum"}}},
        "sail": {"after": "pay"},
    }
    file = project({"p": {"jobs": jobs}}, jobs={"give_back": {}, "refund": {}})
    mocks = {"pay": returns({"sum": 7}), "sail": fails("Storm"), "refund": lambda event, context: event["sum"]}
    result = run(file, "m", mocks=mocks)
    assert result.status == "failed"
    assert result.phases == ["p", "compensation"]
    assert result.order == ["rent", "pay", "sail", "undo-pay-1", "undo-rent-1"]
    assert result.inputs("undo-rent-1") == [{"input": {}, "output": "rent"}]
    assert result.attempts_of("undo-pay-1")[0].output == 7
    assert result.error is not None
    assert result.error["type"] == "Storm"


def test_a_filter_sees_a_number_that_is_none_as_the_event_has_it(project: Write) -> None:
    filters = {"a": {"kilos": [{"anything-but": 0}]}, "b": {"kilos": {"$numberDouble": ["NaN"]}}}
    file = project({"p": {"jobs": {name: {} for name in filters}}}, jobs={k: {"filter": v} for k, v in filters.items()})
    result = run(file, "m", {"kilos": float("nan")})
    assert result.outputs == {"b": "b"}
    assert result.errors["a"]["type"] == "Phaseline.NotStarted"


def test_a_filter_that_refuses_the_input_leaves_the_job_unstarted(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {}}}}, jobs={"a": {"filter": {"region": [{"prefix": "eu-"}]}}})
    assert run(file, "m", {"region": "eu-west-1"}).status == "success"
    refused = run(file, "m", {"region": "us-east-1"})
    assert refused.errors["a"]["type"] == "Phaseline.NotStarted"
    assert refused.attempts["a"] == 0
    assert refused.duration == 900.0


def test_a_job_s_transaction_commits_with_its_success(project: Write) -> None:
    from phaseline.testing.mongo import client

    source = (
        "def handler(event, context, session):\n"
        "    session.client['testing_kit']['payments'].insert_one({'paid': event['sum']}, session=session)\n"
        "    if event['sum'] < 0:\n        raise ValueError('negative')\n"
    )
    payments = client()["testing_kit"]["payments"]
    payments.drop()
    file = project({"p": {"jobs": {"pay": {}}}}, handlers={"pay": source})
    assert run(file, "m", {"sum": -1}).status == "failed"
    assert run(file, "m", {"sum": 5}).status == "success"
    assert [found["paid"] for found in payments.find()] == [5]
    payments.drop()


def test_the_text_of_a_result_tells_the_story(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {"retry": {"interval": "2s"}}, "b": {"when": {"input.no": 1}}}}})
    story = str(run(file, "m", mocks={"a": fails("Storm", "too much wind", times=1)}))
    assert story.startswith("m: success after 2 s\n     0.000 s  execution execution started\n")
    assert "     0.000 s  phase     choice of the first phase success\n" in story
    assert "     0.000 s  job       a failed Storm: too much wind, again in 2 s\n" in story
    assert "     2.000 s  job       a (2) success\n" in story
    assert "b skipped when\n" in story


def test_the_order_is_that_in_which_things_happened_where_no_time_passes(project: Write) -> None:
    uses = {"a": {}, "y": {"after": "a"}, "z": {"after": "y"}, "b": {"after": ["a", "z"]}}
    result = run(project({"p": {"jobs": uses}}), "m")
    assert result.order == result.finished == ["a", "y", "z", "b"]


@pytest.mark.parametrize("lost", ["Phaseline.NotStarted", "Phaseline.Unavailable"])
def test_what_starts_at_a_later_attempt_alone_has_its_place_in_the_order(project: Write, lost: str) -> None:
    retry = {"errors": "Phaseline.ALL", "max_attempts": 1, "interval": "5s"}
    file = project({"p": {"jobs": {"a": {"retry": retry, "on_failure": "continue"}, "b": {"after": "a"}}}})
    result = run(file, "m", mocks={"a": fails(lost, times=1)})
    assert result.order == result.finished == ["a", "b"]
    never = run(file, "m", mocks={"a": fails(lost)})
    assert never.order == []
    assert never.finished == ["a"], "it has failed for good without a start"


def test_what_failed_and_is_not_tried_again_has_finished(project: Write) -> None:
    retry = {"max_attempts": 3, "interval": "10s"}
    wrong = {"input": {"x": {"$divide": [1, 0]}}, "on_failure": "continue"}
    file = project({"p": {"wait_for": "any", "jobs": {"a": {}, "b": {"retry": retry}, "c": wrong}}})
    given_up = run(file, "m", mocks={"a": takes("5s"), "b": fails("Storm")})
    assert given_up.finished == ["c", "b", "a"]
    left_behind = run(file, "m", mocks={"b": takes("20s", fails("Storm"))})
    assert left_behind.finished == ["c", "a", "b"]
    assert "b failed Storm: Storm, again in 10 s" in str(given_up)
    with start(file, "m", mocks={"a": takes("5s"), "b": fails("Storm")}) as execution:
        assert execution.advance(seconds=2).finished == ["c"], "a retry is to come"


def test_the_text_of_a_result_says_what_was_not_undone(project: Write) -> None:
    uses = {"a": {"compensate": "u"}, "b": {"after": "a"}}
    file = project({"p": {"jobs": uses}}, jobs={"u": {}})
    story = str(run(file, "m", mocks={"b": fails("Storm"), "u": fails("Sunk")}))
    assert story.endswith("execution failed Storm: Storm; not undone: a (round 1)")


@pytest.mark.parametrize(
    ("undo", "last"), [(returns(None), "cancelled"), (fails("Sunk"), "failed not undone: a (round 1)")]
)
def test_the_text_of_a_cancel_that_was_undone_needs_no_error(project: Write, undo: Any, last: str) -> None:
    file = project({"p": {"jobs": {"a": {"compensate": "u"}, "b": {"after": "a", "wait": "1h"}}}}, jobs={"u": {}})
    with start(file, "m", mocks={"u": undo}) as execution:
        execution.advance(minutes=5)
        execution.cancel(compensate=True)
        assert str(execution.run()).endswith(f"execution execution {last}")


def test_a_name_that_the_machine_has_not_is_no_job_that_did_not_run(project: Write) -> None:
    jobs = {"rent": {"job": "boat", "compensate": "give_back"}}
    result = run(project({"p": {"jobs": jobs}}, jobs={"give_back": {}}), "m")
    assert result.attempts == {"rent": 1}
    assert result.attempts["undo-rent-1"] == 0
    assert result.inputs("undo-rent-1") == []
    for ask in (result.attempts.__getitem__, result.attempts_of, result.inputs):
        with pytest.raises(UserError, match=r"no name 'boat' in m \(allowed rent\)"):
            ask("boat")
    with pytest.raises(UserError, match=r"no name 'rnet' in m \(allowed rent; did you mean rent\?\)"):
        result.inputs("rnet")


def test_an_execution_is_closed_with_what_runs_in_it(project: Write) -> None:
    import threading

    with start(
        project({"p": {"jobs": {"a": {}, "b": {}}}}), "m", mocks={"a": takes("10s"), "b": takes("20s")}
    ) as execution:
        execution.advance(seconds=15)
        assert execution.result.finished == ["a"]
        [running] = [thread for thread in threading.enumerate() if thread.name.startswith("job ")]
        assert running.name == "job b"
    running.join(10)
    assert not running.is_alive()
    assert execution.result.finished == ["a"]
    for go_on in (execution.run, execution.advance, execution.cancel, execution.pause, lambda: execution.rerun("p")):
        with pytest.raises(UserError, match="execution of m: it is closed; go on with it before that"):
            go_on()
    execution.close()


def test_executions_in_several_threads_keep_apart_and_log_nothing(
    project: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project({"p": {"jobs": {"a": {"input": {"$add": ["$input.n", 1]}, "wait": "1m"}}}})
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: run(file, "m", {"n": n}, mocks={"a": lambda event, _: event}), range(12)))
    assert [result.outputs["a"] for result in results] == list(range(1, 13))
    assert capsys.readouterr().out == ""


def test_a_machine_or_an_input_that_is_none_is_said(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {}}}}, input_schema={"type": "object", "required": ["age"]})
    with pytest.raises(UserError, match=r"no state machine 'n' in phaseline.yaml \(allowed m"):
        run(file, "n")
    with pytest.raises(InvalidInput, match="'age' is a required property"):
        run(file, "m")
    with pytest.raises(InvalidInput, match="cannot be stored"):
        run(file, "m", {"age": object()})
    given: Any = {"jobs": {}}
    with pytest.raises(UserError, match=r"config: got \{'jobs': \{\}\}; allowed are what `phaseline.config.load`"):
        run(given, "m")


def test_what_makes_no_sense_for_an_execution_is_said(project: Write) -> None:
    file = project({"p": {"jobs": {"a": {}}}})
    with pytest.raises(UserError, match=r"at: got '2026-01-01'; allowed is a datetime"):
        run(file, "m", at="2026-01-01")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"values: .* load it with them"):
        run(load(file), "m", values={"WHO": "Ada"})
    with (
        start(file, "m") as execution,
        pytest.raises(UserError, match=r"advance: got -1 day, 23:59:55; time goes forward"),
    ):
        execution.advance(seconds=-5)


def test_a_name_without_a_value_is_said_before_anything_runs_otherwise_than_in_production(project: Write) -> None:
    file = project({"p": {"wait": "${PAUSE}", "jobs": {"a": {}}}})
    with pytest.raises(ConfigError, match=r"phases.p.wait  there is no value for \$\{PAUSE\}"):
        run(file, "m")
    with pytest.raises(ConfigError, match=r"phases.p.wait  there is no value for \$\{PAUSE\}: load it with `values`"):
        run(load(file), "m")
    assert run(file, "m", values={"PAUSE": "5m"}).waits == [("p", 300)]
    assert run(load(file, values={"PAUSE": "5m"}), "m").waits == [("p", 300)]


def test_code_that_cannot_be_imported_here_is_no_failure_of_the_job(project: Write) -> None:
    file = project(
        {"p": {"jobs": {"a": {}}}}, handlers={"a": "import no_such_library\n\ndef handler(event, context): ...\n"}
    )
    with pytest.raises(UserError, match=r"job a: handler.handler in .* cannot be imported .*no_such_library.*mocks="):
        run(file, "m")
    assert run(file, "m", mocks={"a": returns(1)}).status == "success"


def test_a_job_without_code_here_wants_a_mock_once_it_is_reached(project: Write) -> None:
    config = load(project({"p": {"jobs": {"a": {"when": {"input.go": True}, "retry": {}}}}}))
    shutil.rmtree(str(config.jobs["a"].code))
    assert run(config, "m").skipped == {"a": "when"}
    with pytest.raises(
        UserError, match=r"job a cannot run here: it has no Python code on this machine; mock it: mocks=\{'a'"
    ):
        run(config, "m", {"go": True})
    with pytest.raises(UserError, match="say with `then` what comes behind it"):
        run(config, "m", {"go": True}, mocks={"a": fails("E", times=1)})
    assert run(config, "m", {"go": True}, mocks={"a": fails("E", times=1).then(returns(1))}).status == "success"


def test_a_machine_that_goes_in_a_circle_is_told_from_one_that_is_slow(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phaseline.testing.execution.MOST_STATUSES", 60)
    phases = {
        "p": {"jobs": {"a": {}}, "next": [{"when": {"input.never": {"$exists": False}}, "to": "p"}, {"to": "end"}]}
    }
    file = project(phases)
    with pytest.raises(UserError, match=r"more than 60 statuses and no end .* circle"):
        run(file, "m", mocks={"a": returns(1)})
    with start(file, "m", mocks={"a": takes("10s")}) as execution:
        for _ in range(5):
            execution.advance(seconds=60)
        assert execution.status == "running"
        assert len(execution.result.statuses) > 60


def test_a_round_costs_no_more_behind_many_others(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = Counter[str]()

    def counted(*args: Any) -> bool:
        looked["documents"] += 1
        return matches(*args)

    monkeypatch.setattr(memory, "matches", counted)
    phases = {
        "p": {
            "wait": "10m",
            "jobs": {"a": {}},
            "next": [{"when": {"$expr": {"$lt": ["$visits.p", "$input"]}}, "to": "p"}, {"to": "end"}],
        }
    }
    file, counts = project(phases), []
    for rounds in (15, 30):
        looked.clear()
        assert run(file, "m", rounds, mocks={"a": returns(1)}).attempts["a"] == rounds
        counts.append(looked.total())
    assert counts[1] < 2.2 * counts[0]
