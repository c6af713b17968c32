"""The official Executor against the loopback: if it is content, the loopback is faithful."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.official.scripts import run_official
from tests.service.handle import Loopback

WORKERS = ["inline", "thread", "process", "parsl"]


@pytest.mark.parametrize("kind", WORKERS)
def test_submit(loopback: Loopback, tmp_path: Path, kind: str) -> None:
    report = run_official(
        loopback,
        tmp_path,
        loopback.endpoint(kind),
        """
        def double(x, *, plus=0):
            return 2 * x + plus

        def fail():
            raise ValueError("on purpose")

        with Executor(endpoint_id=endpoint, client=client()) as executor:
            futures = [executor.submit(double, n, plus=1) for n in range(20)]
            failing = executor.submit(fail)
            report["results"] = [future.result(60) for future in futures]
            try:
                failing.result(60)
            except TaskExecutionFailed as error:
                report["error"] = str(error)
            report["ids"] = [future.task_id for future in futures]
            report["group"] = str(executor.task_group_id)
        """,
    )
    assert report["results"] == [2 * n + 1 for n in range(20)]
    assert 'raise ValueError("on purpose")' in report["error"]
    assert "ValueError: on purpose" in report["error"]
    assert len(set(report["ids"])) == 20

    submits = loopback.requests("POST", "/submit")
    sent = [body for one in submits for bodies in one["body"]["tasks"].values() for body in bodies]
    assert len(sent) == 21
    assert all(one["body"]["create_queue"] for one in submits)
    assert all(one["status"] == 200 for one in loopback.requests())


@pytest.mark.parametrize("kind", ["inline", "parsl"])
def test_a_dead_worker_fails_its_task(loopback: Loopback, tmp_path: Path, kind: str) -> None:
    report = run_official(
        loopback,
        tmp_path,
        loopback.endpoint(kind),
        """
        def die():
            import os
            os._exit(7)

        def live():
            return "alive"

        with Executor(endpoint_id=endpoint, client=client()) as executor:
            try:
                executor.submit(die).result(90)
            except TaskExecutionFailed as error:
                report["error"] = str(error)
            report["then"] = executor.submit(live).result(90)
        """,
    )
    assert "WorkerLost" in report["error"]
    assert report["then"] == "alive"


def test_reload_tasks(loopback: Loopback, tmp_path: Path) -> None:
    endpoint_id = loopback.endpoint("inline")
    first = run_official(
        loopback,
        tmp_path,
        endpoint_id,
        """
        def square(x):
            return x * x

        executor = Executor(endpoint_id=endpoint, client=client())
        futures = [executor.submit(square, n) for n in range(5)]
        report["results"] = [future.result(60) for future in futures]
        report["group"] = str(executor.task_group_id)
        executor.shutdown()
        """,
    )
    again = run_official(
        loopback,
        tmp_path,
        endpoint_id,
        """
        executor = Executor(endpoint_id=endpoint, client=client(), task_group_id=given)
        futures = executor.reload_tasks()
        report["results"] = sorted(future.result(60) for future in futures)
        executor.shutdown()
        """,
        first["group"],
    )
    assert first["results"] == again["results"] == [0, 1, 4, 9, 16]


def test_result_serializers(loopback: Loopback, tmp_path: Path) -> None:
    report = run_official(
        loopback,
        tmp_path,
        loopback.endpoint("inline"),
        """
        def pair():
            return (1, 2)

        with Executor(endpoint_id=endpoint, client=client()) as executor:
            executor.result_serializers = [JSONData()]
            report["result"] = executor.submit(pair).result(60)
        """,
    )
    assert report["result"] == [1, 2]


def test_results_by_reference_are_fetched(loopback: Loopback, tmp_path: Path) -> None:
    loopback.result_fault(by_reference=True)
    report = run_official(
        loopback,
        tmp_path,
        loopback.endpoint("inline"),
        """
        def word():
            return "fetched"

        with Executor(endpoint_id=endpoint, client=client()) as executor:
            report["result"] = executor.submit(word).result(60)
        """,
    )
    assert report["result"] == "fetched"
    assert loopback.requests("POST", "/v2/batch_status")
