"""Decisions about time, with the clock in the test's hand."""

from __future__ import annotations

import math

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
from gc_jupyter.protocol.pacing import (
    PATIENCE_S,
    SUBMISSIONS,
    WINDOW_S,
    Brake,
    Window,
    backoff,
    question_gap,
    retry_delay,
)


def most_in_a_window(times: list[float]) -> int:
    """The most of these times in any 10 s."""
    times = sorted(times)
    most = start = 0
    for end, at in enumerate(times):
        while at - times[start] >= WINDOW_S - 1e-6:
            start += 1
        most = max(most, end - start + 1)
    return most


#: When a request wants to leave after the one before; seconds of its way, and of its reply's.
calls = st.lists(
    st.tuples(
        st.one_of(st.just(0.0), st.floats(0, 0.5), st.floats(0, 30)),
        st.one_of(st.just(0.0), st.floats(0, 0.3), st.floats(0, 40)),
        st.one_of(st.just(0.0), st.floats(0, 0.3), st.floats(0, 40)),
    ),
    min_size=1,
    max_size=150,
)


@given(calls, st.floats(0, 1e6), st.integers(1, 3))
def test_never_more_than_20_arrive_in_any_10_s(
    calls: list[tuple[float, float, float]], now: float, kernels: int
) -> None:
    """Whatever the delays are, and with several kernels that share the slots' times."""
    windows = [Window() for _ in range(kernels)]
    shared = list(windows[0].free_at)
    under_way: list[tuple[float, int, int]] = []  # (reply at, kernel, slot)
    arrivals = []

    def settle(until: float) -> None:
        for reply_at, kernel, slot in sorted(under_way):
            if reply_at <= until:
                under_way.remove((reply_at, kernel, slot))
                windows[kernel].give_back(slot, reply_at)
                shared[slot] = windows[kernel].free_at[slot]

    for number, (gap, there, back) in enumerate(calls):
        now += gap
        kernel = number % kernels
        window = windows[kernel]
        while True:
            settle(now)
            window.learn(shared, now)
            locked = {slot for _, _, slot in under_way}
            free = [slot for slot in window.free(now) if slot not in locked]
            if free:
                break
            now += max(window.wait(now), 0.25)  # 0.25: locked by another for longer than its time
        window.take(free[0])
        shared[free[0]] = now + WINDOW_S
        arrivals.append(now + there)
        under_way.append((now + there + back, kernel, free[0]))
    assert most_in_a_window(arrivals) <= SUBMISSIONS


def test_20_at_once_and_the_next_10_s_after_the_first_reply() -> None:
    window = Window()
    for number in range(20):
        (slot, *_) = window.free(0.0)
        window.take(slot)
        window.give_back(slot, 0.1 * number)
    assert window.free(0.0) == []
    assert window.wait(0.0) == pytest.approx(10.0)
    assert window.wait(9.5) == pytest.approx(0.5)
    assert len(window.free(10.25)) == 3
    assert window.wait(11.0) == 0.0


def test_what_never_arrived_costs_nothing() -> None:
    window = Window(1)
    window.take(0)
    assert window.wait(3.0) == WINDOW_S  # no reply yet
    window.give_back(0, 4.0, arrived=False)
    assert window.free(4.0) == [0]


def test_long_runs_take_two_a_second() -> None:
    window, now, left = Window(), 0.0, []
    for _ in range(200):
        now += window.wait(now)
        slot = window.free(now)[0]
        window.take(slot)
        left.append(now)
        now += 0.2
        window.give_back(slot, now)
    assert left[19] < 4.0
    assert left[-1] / 10 == pytest.approx(10.0, rel=0.1)


@pytest.mark.parametrize(
    ("said", "free"),
    [
        ([100.0] * 20, 20),  # free since now
        ([109.9] * 20, 0),
        ([110.1] * 20, 20),  # of another start of this machine
        ([-5.0] * 20, 20),
        ([math.inf] * 20, 20),
        ([math.nan] * 20, 20),
        ([109.0] * 3, 17),  # a file that is too short
        ([109.0] * 50, 0),  # or too long
        ([], 20),
    ],
)
def test_what_others_say_of_slots(said: list[float], free: int) -> None:
    window = Window()
    window.learn(said, 100.0)
    assert len(window.free(100.0)) == free


def test_others_free_no_slot_that_is_taken_here() -> None:
    window = Window(2)
    window.take(0)
    window.learn([101.0, 105.0], 100.0)
    window.give_back(1, 100.0)
    window.learn([101.0, 105.0], 100.0)
    assert window.free(109.0) == []
    assert window.free(110.0) == [1]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3)), min_size=1, max_size=200))
def test_a_fan_out_leaves_slots_for_single_calls(steps: list[tuple[bool, float]]) -> None:
    """A fan-out that gathers for `spacing` before each request; single calls in between, up to one
    for each two of its requests, find a slot at once."""
    window, now = Window(), 0.0

    def send() -> float:
        nonlocal now
        wait = window.wait(now)
        now += wait
        slot = window.free(now)[0]
        window.take(slot)
        now += 0.05
        window.give_back(slot, now)
        return wait

    for number, (single, later) in enumerate(steps):
        now += window.spacing(now)
        assert send() == 0.0
        if single and number % 2:
            now += later
            assert send() == 0.0


def test_spacing_grows_with_use() -> None:
    window = Window()
    spacings = []
    for slot in range(20):
        spacings.append(window.spacing(0.0))
        window.take(slot)
    assert spacings[:2] == [0.0, 0.0]  # a call now and then isn't held up
    assert spacings == sorted(spacings)
    assert 0 < spacings[2] < 0.05
    assert spacings[-1] == 1.0


def test_what_has_no_room_for_more_leaves_two_slots() -> None:
    window = Window()
    for slot in range(18):
        assert window.spacing(0.0, full=True) == 0.0
        window.take(slot)
        window.give_back(slot, slot / 10)
    assert window.spacing(2.0, full=True) == 8.0  # until the first one is free again
    assert window.spacing(10.0, full=True) == 0.0
    for slot in range(20):
        window.take(slot)
    assert window.spacing(0.0, full=True) == 10.0


def test_requests_pass_freely_until_one_is_refused() -> None:
    brake = Brake()
    assert [brake.reserve(5.0) for _ in range(100)] == [0.0] * 100
    assert brake.over(5.0) == 0.0
    brake.refused(10.0, 1.0)
    assert [brake.reserve(10.0) for _ in range(4)] == pytest.approx([1.0, 1.5, 2.0, 2.5])


def test_a_pause_holds_and_one_storm_counts_once() -> None:
    brake = Brake()
    for _ in range(8):  # they were under way together
        brake.refused(10.0, 3.0)
    assert brake.reserve(10.0) == pytest.approx(3.0)
    assert brake.gap(10.0) == 0.5


def test_refused_again_and_again_and_recovered() -> None:
    brake, now, gaps = Brake(), 0.0, []
    for _ in range(6):
        brake.refused(now, 1.0)
        gaps.append(brake.gap(now))
        now += 2.0
    assert gaps == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    quiet = now - 2.0  # since the last refusal
    eased = [brake.gap(quiet + after) for after in (9.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0)]
    assert eased == [4.0, 2.0, 1.0, 0.5, 0.25, 0.125, 0.0]


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 300)), min_size=1, max_size=20))
def test_what_can_wait_waits_until_all_pass_freely(refusals: list[tuple[float, float]]) -> None:
    brake, now = Brake(), 0.0
    for gap, pause in refusals:
        now += gap
        brake.refused(now, pause)
    over = brake.over(now)
    assert over > 0
    assert brake.over(now + over + 1e-3) == 0.0
    assert brake.reserve(now + over + 1e-3) == 0.0


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
        (limited(300.0), 300.0, 300.0),
        (limited(301.0), None, None),  # told instead
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
    [(ServiceRefused("", status=503), 5), (unreachable(sent=False), 4)],
    ids=["503", "unreachable"],
)
def test_gives_up(error: ComputeError, tries: int) -> None:
    delays = [retry_delay(error, attempt, 0.5, repeatable=True) for attempt in range(7)]
    assert delays.index(None) == tries - 1
    assert all(delay is None for delay in delays[tries - 1 :])
    given_delays = [delay for delay in delays if delay is not None]
    assert given_delays == sorted(given_delays)


@pytest.mark.parametrize("after", [None, 2.0])
@pytest.mark.parametrize("repeatable", [True, False])
def test_a_429_is_tried_again_by_time_and_not_by_count(
    after: float | None, repeatable: bool
) -> None:
    elapsed, tries = 0.0, 0
    while True:
        delay = retry_delay(limited(after), tries, 0.5, repeatable=repeatable, elapsed=elapsed)
        if delay is None:
            break
        elapsed += delay
        tries += 1
    assert PATIENCE_S - 15 < elapsed <= PATIENCE_S
    assert tries > 20


def test_an_hour_of_questions() -> None:
    """What a centre's address sends for each kernel that no stream reaches."""
    at, asked = 0.0, 0
    while at < 3600:
        at += question_gap(at)
        asked += 1
    assert 250 < asked < 270
    assert question_gap(3600) == question_gap(1e6) == 60
    assert all(question_gap(age) <= 2 for age in (0, 60, 120))
