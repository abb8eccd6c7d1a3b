"""A limit in time, alone, inside of another one, and where nothing can be interrupted."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from phaseline_runtime.time_limit import time_limit

LONG, SHORT = 30.0, 0.02


class Inner(BaseException):
    pass


class Outer(BaseException):
    pass


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    yield
    assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)) == before


def test_what_takes_too_long_is_interrupted() -> None:
    with pytest.raises(Inner), time_limit(SHORT, Inner):
        time.sleep(LONG)


def test_what_ends_in_time_is_not() -> None:
    with time_limit(SHORT, Inner):
        pass
    time.sleep(2 * SHORT)


def test_the_limit_around_holds_on_after_the_inner_one() -> None:
    def limited() -> None:
        with time_limit(SHORT, Inner):
            pass
        time.sleep(LONG)

    with pytest.raises(Outer), time_limit(5 * SHORT, Outer):
        limited()


def test_the_limit_around_is_kept_although_the_inner_one_was_exceeded() -> None:
    def limited() -> None:
        with suppress(Inner), time_limit(SHORT, Inner):
            time.sleep(LONG)
        time.sleep(LONG)

    with pytest.raises(Outer), time_limit(5 * SHORT, Outer):
        limited()


def test_the_limit_around_comes_first_where_it_is_shorter() -> None:
    with pytest.raises(Outer), time_limit(SHORT, Outer), time_limit(LONG, Inner):
        time.sleep(LONG)


def test_another_thread_has_no_limit() -> None:
    def limited() -> None:
        with time_limit(SHORT, Inner):
            time.sleep(2 * SHORT)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(limited).result()
