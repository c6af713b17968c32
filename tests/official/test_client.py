"""The official Client against the loopback: every route that it knows."""

from __future__ import annotations

from pathlib import Path

from tests.official.scripts import run_official
from tests.service.handle import Loopback


def test_functions(loopback: Loopback, tmp_path: Path) -> None:
    report = run_official(
        loopback,
        tmp_path,
        loopback.endpoint("inline"),
        """
        def greet():
            "Says hello."
            return "hello"

        gc = client()
        id = gc.register_function(greet)
        shown = gc.get_function(id)
        report["shown"] = [shown["function_name"], shown["description"]]
        source = gc.register_source_code("def two():\\n    return 2\\n", "two")
        task = gc.run(endpoint_id=endpoint, function_id=source)
        report["task"] = task
        gc.delete_function(id)
        try:
            gc.get_function(id)
        except globus_sdk.GlobusAPIError as error:
            report["deleted"] = [error.http_status, error.raw_json["code"], error.text]
        """,
    )
    assert report["shown"] == ["greet", "Says hello."]
    assert report["deleted"][:2] == [404, 3]


def test_batches(loopback: Loopback, tmp_path: Path) -> None:
    report = run_official(
        loopback,
        tmp_path,
        loopback.endpoint("inline"),
        """
        import time

        def add(x, y):
            return x + y

        def fail():
            raise RuntimeError("broken")

        gc = client()
        add_id, fail_id = gc.register_function(add), gc.register_function(fail)
        batch = gc.create_batch()
        for n in range(4):
            batch.add(add_id, (n,), {"y": 10})
        batch.add(fail_id)
        reply = gc.batch_run(endpoint, batch)
        ids = reply["tasks"][add_id]
        deadline = time.monotonic() + 60
        while any(one["pending"] for one in gc.get_batch_result(ids).values()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        states = gc.get_batch_result(ids)
        report["results"] = [states[id]["result"] for id in ids]
        report["states"] = sorted({states[id]["status"] for id in ids})
        report["one"] = gc.get_result(ids[2])
        while True:
            assert time.monotonic() < deadline
            try:
                gc.get_result(reply["tasks"][fail_id][0])
            except TaskPending:
                time.sleep(0.05)
            except TaskExecutionFailed as error:
                report["error"] = str(error)
                break
        """,
    )
    assert report["results"] == [10, 11, 12, 13]
    assert report["states"] == ["success"]
    assert report["one"] == 12
    assert "RuntimeError: broken" in report["error"]


def test_endpoints(loopback: Loopback, tmp_path: Path) -> None:
    record = {"endpoint_name": "mine", "metadata": {"python_version": "3.11.2"}}
    endpoint_id = loopback.new_endpoint("inline", record)
    report = run_official(
        loopback,
        tmp_path,
        endpoint_id,
        """
        gc = client()
        metadata = gc.get_endpoint_metadata(endpoint)
        report["name"] = metadata["name"]
        report["python"] = metadata["metadata"]["python_version"]
        report["status"] = gc.get_endpoint_status(endpoint)["status"]
        report["listed"] = endpoint in [one["uuid"] for one in gc.get_endpoints()]
        report["allowed"] = gc.get_allowed_functions(endpoint)["functions"]
        gc.stop_endpoint(endpoint)
        gc.delete_endpoint(endpoint)
        report["after"] = endpoint in [one["uuid"] for one in gc.get_endpoints()]
        """,
    )
    assert report == {
        "name": "mine",
        "python": "3.11.2",
        "status": "online",
        "listed": True,
        "allowed": [],
        "after": False,
    }


def test_refusals(loopback: Loopback, tmp_path: Path) -> None:
    report = run_official(
        loopback,
        tmp_path,
        loopback.endpoint("inline"),
        """
        def one():
            return 1

        gc = client()
        unknown = str(uuid.uuid4())
        known = gc.register_function(one)

        def refused(call):
            try:
                call()
            except globus_sdk.GlobusAPIError as error:
                return [error.http_status, error.raw_json["code"]]

        def submit(endpoint, function, group=None, argument=None):
            batch = gc.create_batch(task_group_id=group)
            batch.add(function, (argument,))
            return lambda: gc.batch_run(endpoint, batch)

        stranger = globus_sdk.AccessTokenAuthorizer("wrong")
        report["endpoint"] = refused(submit(unknown, known))
        report["function"] = refused(submit(endpoint, unknown))
        report["group"] = refused(submit(endpoint, known, unknown))
        report["size"] = refused(submit(endpoint, known, None, "x" * 10_500_000))
        report["task"] = refused(lambda: gc.get_task(unknown))
        report["uuid"] = refused(lambda: gc.get_task("nonsense"))
        report["token"] = refused(lambda: Client(authorizer=stranger))
        """,
    )
    assert report == {
        "endpoint": [404, 4],
        "function": [404, 3],
        "group": [404, 20],
        "size": [413, 0],
        "task": [404, 6],
        "uuid": [400, 22],
        "token": [401, 1],
    }
