"""The service refuses, asks for pauses, or breaks off; see also `tests/test_executor_faults.py`."""

from __future__ import annotations

import logging

import pytest

from gc_jupyter import Executor
from gc_jupyter.errors import RateLimited, SubmitUncertain
from gc_jupyter.runtime import recovery, requests
from tests.faults.storm import double
from tests.service.handle import Loopback

TIMEOUT = 60
SUBMIT = r"/v3/endpoints/.*/submit"


@pytest.mark.parametrize(
    ("pause", "said"),
    [("301", "301"), ("86400", "86,400"), ("9" * 400, "31,536,000")],
    ids=["five minutes", "a day", "for ever"],
)
def test_a_pause_that_nobody_would_sit_out(
    executor: Executor, loopback: Loopback, pause: str, said: str
) -> None:
    """The futures end and say how long the service wants to be left alone."""
    loopback.fault(path=SUBMIT, status=429, headers={"Retry-After": pause})
    error = executor.submit(double, 1).exception(TIMEOUT)
    assert isinstance(error, RateLimited)
    assert f"Wait {said} s" in error.next_step
    assert executor.submit(double, 2).result(TIMEOUT) == 4


def test_a_long_pause_is_said_once(
    executor: Executor,
    loopback: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(requests, "TOLD_PAUSE_S", 0.9)
    caplog.set_level(logging.WARNING, "gc_jupyter")
    loopback.fault(path=SUBMIT, status=429, headers={"Retry-After": "1"}, times=2)
    assert executor.submit(double, 1).result(TIMEOUT) == 2
    said = [one.getMessage() for one in caplog.records]
    assert said == ["The service asks for a pause: the next request leaves in 1 s."]


def test_a_storm_of_refusals_and_cut_replies(
    executor: Executor, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each future has its result or an error; each task was sent once; the group knows the rest."""
    monkeypatch.setattr(recovery, "LATE_S", 0.1)
    faults = [
        {"status": 429, "headers": {"Retry-After": "0.2"}},
        {"status": 500},
        {"drop": "after"},
        {"status": 502},
        {"drop": "before"},
        {"drop": "midway"},
    ]
    loopback.clear()
    futures = []
    for n in range(2 * len(faults)):
        loopback.fault(path=SUBMIT, **faults[n % len(faults)])
        futures += [executor.submit(double, 10 * n + one) for one in range(10)]
        futures[-1].exception(TIMEOUT)
    errors = [future.exception(TIMEOUT) for future in futures]
    assert {type(error) for error in errors} == {type(None), SubmitUncertain}
    taken = [
        payload
        for one in loopback.requests("POST", "/submit")
        if one["status"] != 429
        for tasks in one["body"]["tasks"].values()
        for payload in tasks
    ]
    assert len(taken) == len(set(taken)) == len(futures)
    done = sorted(future.result() for future in futures if future.exception() is None)
    group = [future.result(TIMEOUT) for future in executor.reload_tasks()]
    assert len(done) == len(set(done))
    assert len(group) == len(set(group)) + 1  # the fixture's task gives 0 too
    assert {*done} <= {*group} <= {2 * n for n in range(len(futures))}
