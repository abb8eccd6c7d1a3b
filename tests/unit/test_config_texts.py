"""Single texts of the file: schedules, durations, handlers, and what a module defines."""

from __future__ import annotations

from pathlib import Path

import pytest

from phaseline.config.checks.handlers import check_handler_of
from phaseline.config.reading.durations import seconds, written
from phaseline.config.reading.schedules import check_schedule, check_timezone
from phaseline.config.reading.texts import check_event


@pytest.mark.parametrize(
    "text",
    [
        "rate(1 minute)",
        "rate(5 minutes)",
        "rate(1 day)",
        "cron(0 8 ? * MON-FRI *)",
        "cron(0/15 * * * ? *)",
        "cron(0 10 L * ? *)",
        "cron(0 10 15W * ? *)",
        "cron(0 10 ? * 2#1 *)",
        "cron(0 10 ? JAN,MAR FRIL 2026-2030)",
        "cron(5,35 14 1-7 */2 ? 2026/2)",
    ],
)
def test_a_schedule_that_eventbridge_takes(text: str) -> None:
    assert check_schedule(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(0 minutes)", "a rate is 1 at least"),
        ("rate(1 minutes)", "EventBridge wants the singular for 1"),
        ("rate(2 minute)", "EventBridge wants the singular for 1"),
        ("rate(2 weeks)", "is no unit of a rate"),
        ("every hour", "is no schedule"),
        ("at(2026-11-24T10:00:00)", "is no schedule"),
        ("cron(0 8 * * ?)", "a cron has six fields"),
        ("cron(60 8 * * ? *)", "the field minutes of the cron is wrong"),
        ("cron(0 24 * * ? *)", "the field hours of the cron is wrong"),
        ("cron(0 8 32 * ? *)", "the field day of month of the cron is wrong"),
        ("cron(0 8 * 13 ? *)", "the field month of the cron is wrong"),
        ("cron(0 8 ? * 0 *)", "the field day of week of the cron is wrong"),
        ("cron(0 8 * * ? 1969)", "the field year of the cron is wrong"),
        ("cron(0/0 8 * * ? *)", "the field minutes of the cron is wrong"),
        ("cron(0 8 * * * *)", "one of day of month and day of week must be `?`"),
        ("cron(0 8 ? * ? *)", "one of day of month and day of week must be `?`"),
    ],
)
def test_a_schedule_that_eventbridge_refuses(text: str, expected: str) -> None:
    assert str(check_schedule(text)).startswith(expected)


@pytest.mark.parametrize(
    "event",
    ["execution.paused", "execution.resumed", "execution.cancel_requested", "execution.overdue", "phase.overdue"],
)
def test_one_can_be_told_of_what_people_and_clocks_do_to_an_execution(event: str) -> None:
    assert check_event(event) is None
    assert "unknown event" in str(check_event(event.replace("execution", "job").replace("phase", "job")))


def test_time_zones() -> None:
    assert check_timezone("Europe/Oslo") is None
    assert "did you mean Europe/Oslo?" in str(check_timezone("Europe/Olso"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("30s", 30), ("10m", 600), ("1h", 3600), ("90d", 7_776_000), ("45", 45), (45, 45), (0, 0)],
)
def test_durations(value: object, expected: int) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize("value", ["", "s", "1 h", "1.5h", "-1s", "1w", "1h30m", "٣s", -1, 1.5, True, None, [], 10**10])
def test_what_is_no_duration(value: object) -> None:
    assert seconds(value) is None


def test_a_duration_is_written_in_its_largest_unit() -> None:
    assert [written(value) for value in (0, 30, 60, 90, 3600, 86_400)] == ["0s", "30s", "1m", "90s", "1h", "1d"]


DEFINES = [
    "def handler(input, context): ...",
    "async def handler(input, context): ...",
    "def handler(*arguments): ...",
    "def handler(input, context, more=1): ...",
    "def handler(input, context, *, more=1): ...",
    "@wraps\ndef handler(): ...",
    "from elsewhere import handler",
    "from elsewhere import main as handler",
    "from elsewhere import *",
    "handler = make()",
    "first, handler = make()",
    "handler: object = make()",
    "class handler: ...",
    "if True:\n    def handler(input, context): ...",
    "try:\n    from fast import handler\nexcept ImportError:\n    from slow import handler",
    "def handler(input, context, session): ...",
    "def handler(:  # A newer Python may read it.",
]


@pytest.mark.parametrize("source", DEFINES)
def test_a_module_that_defines_its_handler(tmp_path: Path, source: str) -> None:
    (tmp_path / "handler.py").write_text(source, encoding="utf-8")
    assert check_handler_of(tmp_path, "handler.handler") is None


LACKS = [
    ("", 'handler.py defines no `handler` (got "handler.handler")'),
    (
        "def handel(input, context): ...",
        'handler.py defines no `handler` (got "handler.handler"; allowed handel; did you mean handel?)',
    ),
    ("def outer():\n    def handler(input, context): ...", "handler.py defines no `handler`"),
    ("def handler(input): ...", "`handler` in handler.py cannot be called as a handler (got (input)"),
    ("def handler(a, b, c, d): ...", "`handler` in handler.py cannot be called as a handler (got (a, b, c, d)"),
    ("def handler(a, b, *, c): ...", "`handler` in handler.py cannot be called as a handler (got (a, b, c)"),
    ("def handler(): ...", "`handler` in handler.py cannot be called as a handler (got ()"),
]


@pytest.mark.parametrize(("source", "expected"), LACKS)
def test_a_module_that_does_not(tmp_path: Path, source: str, expected: str) -> None:
    (tmp_path / "handler.py").write_text(source, encoding="utf-8")
    assert str(check_handler_of(tmp_path, "handler.handler")).startswith(expected)


def test_a_handler_in_a_package(tmp_path: Path) -> None:
    (tmp_path / "shop" / "buy").mkdir(parents=True)
    (tmp_path / "shop" / "buy" / "__init__.py").write_text("def run(input, context): ...", encoding="utf-8")
    assert check_handler_of(tmp_path, "shop.buy.run") is None
    assert str(check_handler_of(tmp_path, "shop.sell.run")).startswith("there is no shop/sell.py in the folder")
