"""The trigger rules as a table. Columns: what the predecessors did; S succeeded, F failed, K skipped, - pending."""

from __future__ import annotations

from itertools import permutations

import pytest

from phaseline_runtime.engine.rules import ACCEPTS_FAILURE, RULES, Outcome, Verdict, judge

COLUMNS = ["SS", "SF", "FF", "SK", "FK", "KK", "S-", "F-", "K-", "--"]
TABLE = """
all_success                  run  fail fail skip fail skip wait fail skip wait
all_failed                   skip skip run  skip skip skip skip wait skip wait
all_done                     run  run  run  run  run  run  wait wait wait wait
all_skipped                  skip skip skip skip skip run  skip skip wait wait
all_done_min_one_success     run  run  fail run  fail skip wait wait wait wait
one_success                  run  run  fail run  fail skip run  wait wait wait
one_failed                   skip run  run  skip run  skip wait run  wait wait
one_done                     run  run  run  run  run  skip run  run  wait wait
none_failed                  run  fail fail run  fail run  wait fail wait wait
none_failed_min_one_success  run  fail fail run  fail skip wait fail wait wait
none_skipped                 run  run  run  skip skip skip wait wait skip wait
always                       run  run  run  run  run  run  run  run  run  run
"""
OUTCOMES = {"S": Outcome.SUCCESS, "F": Outcome.FAILED, "K": Outcome.SKIPPED, "-": Outcome.PENDING}
VERDICTS = {
    "run": Verdict.RUN,
    "wait": Verdict.WAIT,
    "fail": Verdict.UPSTREAM_FAILED,
    "skip": Verdict.UPSTREAM_SKIPPED,
}
ROWS = {line.split()[0]: line.split()[1:] for line in TABLE.strip().splitlines()}


def test_the_table_has_every_rule() -> None:
    assert set(ROWS) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("column", range(len(COLUMNS)))
def test_rule(rule: str, column: int) -> None:
    for order in permutations(COLUMNS[column]):
        assert judge(rule, [OUTCOMES[letter] for letter in order]) is VERDICTS[ROWS[rule][column]]


@pytest.mark.parametrize("rule", RULES)
def test_a_job_without_predecessors_runs(rule: str) -> None:
    assert judge(rule, []) is Verdict.RUN


def test_a_rule_accepts_failure_where_some_column_with_a_failure_runs() -> None:
    failures = [number for number, column in enumerate(COLUMNS) if "F" in column]
    accepting = {rule for rule, row in ROWS.items() if any(row[number] == "run" for number in failures)}
    assert accepting == ACCEPTS_FAILURE
