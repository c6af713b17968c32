"""Decisions about time, with the clock in the test's hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc_jupyter.errors import (
    BadReply,
    ComputeError,
    LoginRequired,
    NotFound,
    RateLimited,
    ServiceRefused,
    ServiceUnreachable,
    SubmitUncertain,
)
from gc_jupyter.protocol.pacing import RateLimit, backoff, retry_delay

LIMIT, WINDOW_S = 20, 10.0

gaps = st.lists(
    st.one_of(st.just(0.0), st.floats(0, 0.5), st.floats(0, 30)), min_size=1, max_size=120
)


def most_in_a_window(times: list[float]) -> int:
    """The most of these (sorted) times in any closed window of 10 s."""
    most = start = 0
    for end, at in enumerate(times):
        while at - times[start] > WINDOW_S + 1e-6:
            start += 1
        most = max(most, end - start + 1)
    return most


@given(gaps, st.floats(0, 1e6))
def test_never_more_than_20_in_any_10_s(gaps: list[float], now: float) -> None:
    rate, sent = RateLimit(), []
    for gap in gaps:
        now += gap
        sent.append(now + rate.reserve(now))
    assert sent == sorted(sent)  # who asks first goes first
    assert most_in_a_window(sent) <= LIMIT


def test_the_wire_may_bunch_them_up() -> None:
    """What is granted leaves room: one request that arrives a second late breaks no limit."""
    rate = RateLimit()
    sent = [rate.reserve(0.0) for _ in range(60)]
    assert most_in_a_window(sent) < LIMIT


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3)), min_size=1, max_size=200))
def test_a_fan_out_leaves_budget_for_single_calls(steps: list[tuple[bool, float]]) -> None:
    """A fan-out that gathers for `spacing` before each request; single calls in between, at most
    one for each of its requests, wait less than 2 s."""
    rate, now, sent = RateLimit(), 0.0, []
    for single, later in steps:
        now += rate.spacing(now)
        wait = rate.reserve(now)
        sent.append(now + wait)
        now += wait
        if single:
            now += later
            wait = rate.reserve(now)
            assert wait < 2.0
            sent.append(now + wait)
    assert most_in_a_window(sent) <= LIMIT


def test_spacing_grows_with_use() -> None:
    rate = RateLimit()
    spacings = [rate.spacing(0.0)]
    for _ in range(12):
        rate.reserve(0.0)
        spacings.append(rate.spacing(0.0))
    assert spacings[:2] == [0.0, 0.0]  # a call now and then isn't held up
    assert spacings == sorted(spacings)
    assert 0 < spacings[2] < 0.05
    assert 0.9 <= spacings[-1] <= 1.5
    assert rate.spacing(1000.0) == 0.0


def test_what_can_wait_leaves_half_of_the_budget() -> None:
    rate, now = RateLimit(burst=10, per_second=1.0), 0.0
    for _ in range(8):
        now += rate.spare(now)
        assert rate.reserve(now) == 0.0
    assert now == pytest.approx(2.0)  # six at once, then as the budget refills
    assert [rate.reserve(now) for _ in range(4)] == [0.0] * 4  # single calls still go at once


def test_a_clock_that_steps_back_gives_and_takes_nothing() -> None:
    rate = RateLimit(burst=2, per_second=1.0)
    assert rate.reserve(100.0) == 0.0
    assert rate.reserve(50.0) == 0.0
    assert rate.reserve(50.0) == pytest.approx(1.0)
    assert rate.reserve(60.0) == 0.0


def test_rest_refills_to_the_burst_only() -> None:
    rate = RateLimit(burst=3, per_second=1.0)
    assert [rate.reserve(1e6) for _ in range(5)] == pytest.approx([0, 0, 0, 1, 2])


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_backoff_is_bounded(attempt: int, jitter: float) -> None:
    assert 0.1 <= backoff(attempt, jitter) <= 15.0


def test_backoff_doubles_up_to_its_cap() -> None:
    assert [backoff(n, 0.0, base=1.0, cap=4.0) for n in range(5)] == [0.5, 1, 2, 2, 2]
    assert backoff(0, 0.99) > backoff(0, 0.0)


def unreachable(*, sent: bool) -> ServiceUnreachable:
    error = ServiceUnreachable("no")
    error.sent = sent
    return error


def limited(after: float | None) -> RateLimited:
    error = RateLimited("slow down", status=429)
    error.retry_after = after
    return error


@pytest.mark.parametrize(
    ("error", "read", "submission"),
    [
        (limited(None), 0.5, 0.5),
        (limited(7.0), 7.0, 7.0),  # what the service asks for, at least
        (limited(0.0), 0.5, 0.5),
        (limited(60.0), 60.0, 60.0),
        (limited(61.0), None, None),  # told instead
        (unreachable(sent=False), 0.1, 0.1),
        (unreachable(sent=True), 0.1, None),
        (ServiceRefused("", status=500), 0.25, None),
        (ServiceRefused("", status=502), 0.25, None),
        (ServiceRefused("", status=503), 0.25, None),
        (ServiceRefused("", status=504), 0.25, None),
        (ServiceRefused("", status=501), None, None),
        (ServiceRefused("", status=413), None, None),
        (ServiceRefused("", status=422), None, None),
        (LoginRequired("", status=401), None, None),
        (LoginRequired("", status=403), None, None),
        (NotFound("", status=404), None, None),
        (SubmitUncertain("?"), None, None),
        (BadReply("?"), None, None),
        (ComputeError("?"), None, None),
    ],
    ids=lambda value: f"{type(value).__name__}{getattr(value, 'status', '')}",
)
def test_whether_to_send_again(
    error: ComputeError, read: float | None, submission: float | None
) -> None:
    assert retry_delay(error, 0, 0.0, repeatable=True) == read
    assert retry_delay(error, 0, 0.0, repeatable=False) == submission


@pytest.mark.parametrize(
    ("error", "tries"),
    [(limited(None), 5), (ServiceRefused("", status=503), 5), (unreachable(sent=False), 4)],
    ids=["429", "503", "unreachable"],
)
def test_gives_up(error: ComputeError, tries: int) -> None:
    delays = [retry_delay(error, attempt, 0.5, repeatable=True) for attempt in range(7)]
    assert delays.index(None) == tries - 1
    assert all(delay is None for delay in delays[tries - 1 :])
    given_delays = [delay for delay in delays if delay is not None]
    assert given_delays == sorted(given_delays)
