"""The Executor on a loopback Globus Compute: what its user guide promises, over the real wire."""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from gc_jupyter import Client, Executor, TaskFuture
from gc_jupyter.errors import NotFound, TaskExecutionFailed
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.serialize import AllCodeStrategies, ComputeSerializer, DillDataBase64, JSONData
from tests.conftest import connect
from tests.service.handle import Loopback

TIMEOUT = 60
ENGINES = ["inline", "thread", "process", "parsl"]


def double(x: int, *, plus: int = 0) -> int:
    """Twice x."""
    return 2 * x + plus


def fail(word: str) -> None:
    raise ValueError(f"on purpose: {word}")


@pytest.fixture
def executor(client: Client, loopback: Loopback) -> Iterator[Executor]:
    with Executor(loopback.endpoint("inline"), client=client) as made:
        yield made


@pytest.fixture
def instant(client: Client, loopback: Loopback) -> Iterator[Executor]:
    """An executor whose every task returns None at once."""
    with Executor(loopback.endpoint("instant"), client=client) as made:
        yield made


def submits(loopback: Loopback) -> list[dict[str, Any]]:
    """The bodies of the submissions that arrived."""
    return [one["body"] for one in loopback.requests("POST", "/submit")]


def tasks_in(body: dict[str, Any]) -> int:
    return sum(len(tasks) for tasks in body["tasks"].values())


# --- submit --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENGINES)
def test_submit(client: Client, loopback: Loopback, kind: str) -> None:
    with Executor(endpoint_id=loopback.endpoint(kind), client=client) as executor:
        futures = [executor.submit(double, n, plus=1) for n in range(20)]
        failing = executor.submit(fail, "here")
        assert [future.result(TIMEOUT) for future in futures] == [2 * n + 1 for n in range(20)]
        with pytest.raises(TaskExecutionFailed, match="ValueError: on purpose: here"):
            failing.result(TIMEOUT)
    assert executor.task_count_submitted == 21


def test_submit_names_itself(executor: Executor) -> None:
    """`self`, `fn` and `future` are names that a user's function may have, too."""

    def function(self: int, fn: int, future: int) -> int:
        return self + fn + future

    assert executor.submit(function, self=1, fn=2, future=3).result(TIMEOUT) == 6


def test_source(executor: Executor, loopback: Loopback) -> None:
    function = SourceFunction("f", "def g(x): return x + 1\ndef f(x): return g(x) * 2")
    assert executor.submit(function, 20).result(TIMEOUT) == 42
    assert executor.submit(function, 0).result(TIMEOUT) == 2
    assert len(loopback.requests("POST", "/v3/functions")) == 1


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + 1,
        functools.partial(double, plus=1),
        functools.lru_cache(double),
    ],
    ids=["lambda", "partial", "decorated"],
)
def test_callables_of_every_kind(executor: Executor, function: Any) -> None:
    assert executor.submit(function, 3).result(TIMEOUT) == function(3)


def test_a_function_that_has_changed_is_sent_anew(executor: Executor) -> None:
    namespace: dict[str, Any] = {}
    exec("factor = 2\ndef scale(x): return factor * x", namespace)
    scale = namespace["scale"]
    assert executor.submit(scale, 1).result(TIMEOUT) == 2
    namespace["factor"] = 3
    assert executor.submit(scale, 1).result(TIMEOUT) == 3


def test_arguments_are_taken_at_submission(executor: Executor) -> None:
    data = [1, 2]
    future = executor.submit(sum, data)
    data.append(100)
    assert future.result(TIMEOUT) == 3


def test_one_registration_serves_many_tasks(instant: Executor, loopback: Loopback) -> None:
    concurrent.futures.wait([instant.submit(double, n) for n in range(50)], TIMEOUT)
    (registered,) = loopback.requests("POST", "/v3/functions")
    assert registered["body"]["function_name"] == "double"
    assert registered["body"]["description"] == "Twice x."


# --- map -----------------------------------------------------------------------------------


def test_map_keeps_order(executor: Executor) -> None:
    numbers = range(30)
    assert list(executor.map(double, numbers)) == [2 * n for n in numbers]
    assert list(executor.map(pow, [2, 3], itertools.count(2), timeout=TIMEOUT)) == [4, 27]
    assert list(executor.map(double, [])) == []


def test_map_submits_at_once_and_waits_for_one_result_at_a_time(
    client: Client, loopback: Loopback
) -> None:
    endpoint_id = loopback.new_endpoint("offline")
    executor = Executor(endpoint_id, client=client)
    pulled = []
    results = executor.map(double, (pulled.append(n) or n for n in range(3)))  # type: ignore[func-returns-value]
    assert pulled == [0, 1, 2]
    loopback.bring_online(endpoint_id)
    assert next(results) == 0
    assert list(results) == [2, 4]


def test_map_times_out(client: Client, loopback: Loopback) -> None:
    executor = Executor(loopback.new_endpoint("offline"), client=client)
    results = executor.map(double, range(3), timeout=0.05)
    with pytest.raises(concurrent.futures.TimeoutError):
        next(results)


def test_map_raises_where_the_task_failed(executor: Executor) -> None:
    results = executor.map(lambda n: 1 // n, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(TaskExecutionFailed, match="ZeroDivisionError"):
        next(results)


def test_map_sends_few_requests(instant: Executor, loopback: Loopback) -> None:
    list(instant.map(double, range(2000)))
    assert len(submits(loopback)) < 60


# --- registered functions ------------------------------------------------------------------


def test_register_function(executor: Executor, loopback: Loopback) -> None:
    function_id = executor.register_function(double)
    assert uuid.UUID(function_id)
    assert executor.submit(double, 4).result(TIMEOUT) == 8
    assert (
        executor.submit_to_registered_function(function_id, (4,), {"plus": 1}).result(TIMEOUT) == 9
    )
    assert executor.submit_to_registered_function(uuid.UUID(function_id), [4]).result(TIMEOUT) == 8
    assert len(loopback.requests("POST", "/v3/functions")) == 1
    assert {*submits(loopback)[-1]["tasks"]} == {function_id}


def test_register_twice(executor: Executor) -> None:
    function_id = executor.register_function(double)
    assert executor.register_function(double, function_id) == function_id
    with pytest.raises(ValueError, match=f"already registered as function id: {function_id}"):
        executor.register_function(double)
    with pytest.raises(ValueError, match="already registered"):
        executor.register_function(double, str(uuid.uuid4()))


def test_register_with_an_id_makes_no_request(
    executor: Executor, client: Client, loopback: Loopback
) -> None:
    function_id = client.register_function(double)
    loopback.clear()
    other = Executor(executor.endpoint_id, client=client)
    assert other.register_function(fail, uuid.UUID(function_id)) == function_id
    assert not loopback.requests()
    assert other.submit(fail, 4).result(TIMEOUT) == 8  # what is registered runs


def test_registered_functions_of_others(executor: Executor, client: Client) -> None:
    function_id = client.register_function(double, description="mine", public=True)
    assert executor.submit_to_registered_function(function_id, args=(5,)).result(TIMEOUT) == 10
    with pytest.raises(NotFound):
        executor.submit_to_registered_function(uuid.uuid4()).result(TIMEOUT)
    with pytest.raises(ValueError, match="function_id"):
        executor.submit_to_registered_function("no id")


# --- shutdown ------------------------------------------------------------------------------


def test_context_manager_waits(client: Client, loopback: Loopback) -> None:
    with Executor(loopback.endpoint("inline"), client=client) as executor:
        futures = [executor.submit(double, n) for n in range(10)]
    assert all(future.done() for future in futures)
    for call in (
        lambda: executor.submit(double, 1),
        lambda: executor.submit_to_registered_function(uuid.uuid4()),
        lambda: executor.register_function(double),
    ):
        with pytest.raises(RuntimeError, match="is shutdown"):
            call()
    executor.shutdown()  # again


def test_shutdown_resolves_whatever_happened(client: Client, loopback: Loopback) -> None:
    """Also tasks that fail before they are sent are waited for."""
    loopback.fault(path=".*/submit", status=422, times=None)
    for _ in range(20):
        with Executor(loopback.endpoint("instant"), client=client) as executor:
            future = executor.submit(double, 1)
        assert future.done()


def test_shutdown_without_waiting(client: Client, loopback: Loopback) -> None:
    endpoint_id = loopback.new_endpoint("offline")
    executor = Executor(endpoint_id, client=client)
    future = executor.submit(double, 21)
    executor.shutdown(wait=False)
    assert not future.done()
    loopback.bring_online(endpoint_id)
    assert future.result(TIMEOUT) == 42


def test_shutdown_cancels_what_was_not_sent(client: Client, loopback: Loopback) -> None:
    loopback.fault(path=".*/submit", delay_s=1.0)
    executor = Executor(loopback.endpoint("inline"), client=client, batch_size=1)
    executor.register_function(double)
    sent = executor.submit(double, 1)
    dispatcher = client.dispatcher("")
    dispatcher.loop.ask(lambda: None)  # by now its request is under way
    waiting = [executor.submit(double, n) for n in range(5)]
    executor.shutdown(wait=False, cancel_futures=True)
    assert [future.cancelled() for future in waiting] == [True] * 5
    assert sent.result(TIMEOUT) == 2
    executor.shutdown()
    assert executor.task_count_submitted == len(submits(loopback)) == 1


def test_shutdown_of_an_unused_executor(to_loopback: Loopback) -> None:
    Executor().shutdown()
    with Executor(uuid.uuid4()):
        pass
    assert not to_loopback.requests()


# --- task groups ---------------------------------------------------------------------------


def test_task_group(executor: Executor, client: Client, loopback: Loopback) -> None:
    assert executor.task_group_id is None
    futures = [executor.submit(double, n) for n in range(3)]
    concurrent.futures.wait(futures, TIMEOUT)
    group = executor.task_group_id
    assert isinstance(group, uuid.UUID)
    assert {future.info.task_group_id for future in futures} == {str(group)}
    second = Executor(executor.endpoint_id, client=client)
    assert second.submit(double, 1).result(TIMEOUT) == 2
    assert second.task_group_id == group
    assert submits(loopback)[-1]["task_group_id"] == str(group)


def test_task_group_of_ones_own(executor: Executor, client: Client) -> None:
    executor.submit(double, 1).result(TIMEOUT)
    group = executor.task_group_id
    named = Executor(executor.endpoint_id, client=client, task_group_id=str(group))
    assert named.submit(double, 2).result(TIMEOUT) == 4
    assert named.task_group_id == group

    unknown = Executor(executor.endpoint_id, client=client, task_group_id=uuid.uuid4())
    with pytest.raises(NotFound):
        unknown.submit(double, 2).result(TIMEOUT)
    unknown.task_group_id = None
    assert unknown.submit(double, 2).result(TIMEOUT) == 4


def test_count_of_submitted_tasks(executor: Executor, client: Client) -> None:
    other = Executor(executor.endpoint_id, client=client)
    concurrent.futures.wait([executor.submit(double, n) for n in range(4)], TIMEOUT)
    concurrent.futures.wait([other.submit(double, n) for n in range(3)], TIMEOUT)
    assert (executor.task_count_submitted, other.task_count_submitted) == (4, 3)


# --- reload --------------------------------------------------------------------------------


def test_reload_tasks(client: Client, loopback: Loopback) -> None:
    """Finished, failed and pending ones, by a client that knows nothing of them."""
    online = loopback.new_endpoint("offline")
    first = Executor(loopback.endpoint("inline"), client=client)
    done = first.submit(double, 1)
    failed = first.submit(fail, "before")
    concurrent.futures.wait([done, failed], TIMEOUT)
    first.endpoint_id = online
    pending = first.submit(double, 5)
    wait_until_sent(client, pending)
    client.close()

    again = Executor(online, client=another(loopback), task_group_id=first.task_group_id)
    futures = {future.task_id: future for future in again.reload_tasks()}
    assert futures.keys() == {done.task_id, failed.task_id, pending.task_id}
    assert futures[done.task_id].result(TIMEOUT) == 2
    with pytest.raises(TaskExecutionFailed, match="on purpose: before"):
        futures[failed.task_id].result(TIMEOUT)
    assert not futures[pending.task_id].done()
    assert futures[pending.task_id].cancel() is False
    loopback.bring_online(online)
    assert futures[pending.task_id].result(TIMEOUT) == 10
    again.shutdown()
    again.client.close()


def test_reload_leaves_the_open_futures_alive(client: Client, loopback: Loopback) -> None:
    endpoint_id = loopback.new_endpoint("offline")
    executor = Executor(endpoint_id, client=client)
    futures = [executor.submit(double, n) for n in range(3)]
    wait_until_sent(client, futures[-1])
    reloaded = executor.reload_tasks()
    loopback.bring_online(endpoint_id)
    assert [future.result(TIMEOUT) for future in futures] == [0, 2, 4]
    assert sorted(future.result(TIMEOUT) for future in reloaded) == [0, 2, 4]


def test_reload_many(instant: Executor, loopback: Loopback) -> None:
    concurrent.futures.wait([instant.submit(double, n) for n in range(600)], TIMEOUT)
    reloader = Executor(instant.endpoint_id, client=another(loopback))
    futures = reloader.reload_tasks(instant.task_group_id)
    assert reloader.task_group_id == instant.task_group_id
    assert {future.result(TIMEOUT) for future in futures} == {None}
    assert len({future.task_id for future in futures}) == 600
    reloader.client.close()


def test_reload_without_a_group(executor: Executor) -> None:
    with pytest.raises(ValueError, match="must specify a task_group_id"):
        executor.reload_tasks()
    with pytest.raises(NotFound):
        executor.reload_tasks(uuid.uuid4())


# --- how tasks are sent --------------------------------------------------------------------


def test_serializer(client: Client, loopback: Loopback) -> None:
    serializer = ComputeSerializer(strategy_code=AllCodeStrategies(), strategy_data=JSONData())
    with Executor(loopback.endpoint("inline"), client=client, serializer=serializer) as executor:
        assert executor.submit(double, 3).result(TIMEOUT) == 6
        payload = next(iter(submits(loopback)[0]["tasks"].values()))[0]
        assert "11\n[3]" in payload
        executor.serializer = ComputeSerializer(strategy_data=DillDataBase64())
        assert executor.submit(double, 3).result(TIMEOUT) == 6
        with pytest.raises(TypeError, match="Expected ComputeSerializer, got str"):
            executor.serializer = "JSONData"  # type: ignore[assignment]
    assert len(loopback.requests("POST", "/v3/functions")) == 2  # one for each serializer


def test_result_serializers(client: Client, loopback: Loopback) -> None:
    with Executor(
        loopback.endpoint("inline"), client=client, result_serializers=[JSONData]
    ) as executor:
        assert executor.submit(lambda: (1, 2)).result(TIMEOUT) == [1, 2]
        executor.result_serializers = [JSONData(), DillDataBase64()]
        assert executor.submit(lambda: {1, 2}).result(TIMEOUT) == {1, 2}
        executor.result_serializers = [JSONData()]
        with pytest.raises(TaskExecutionFailed, match="JSON"):
            executor.submit(lambda: {1, 2}).result(TIMEOUT)
        executor.result_serializers = None
        assert executor.submit(lambda: (1, 2)).result(TIMEOUT) == (1, 2)
    official = "globus_compute_sdk.serialize.concretes."
    assert [body.get("result_serializers") for body in submits(loopback)] == [
        [official + "JSONData"],
        [official + "JSONData", official + "DillDataBase64"],
        [official + "JSONData"],
        None,
    ]


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_batch_size(client: Client, loopback: Loopback, batch_size: int) -> None:
    endpoint_id = loopback.endpoint("instant")
    with Executor(endpoint_id, client=client, batch_size=batch_size) as executor:
        futures = [executor.submit(double, n) for n in range(30)]
    assert all(future.result(TIMEOUT) is None for future in futures)
    sizes = [tasks_in(body) for body in submits(loopback)]
    assert sum(sizes) == 30
    assert max(sizes) <= batch_size


def test_options_on_the_wire(client: Client, loopback: Loopback) -> None:
    resources, config = {"num_nodes": 2}, {"worker_init": "module load x", "n": [1]}
    with Executor(
        loopback.endpoint("instant"),
        client=client,
        resource_specification=resources,
        user_endpoint_config=config,
        label="sweep 7",
    ) as executor:
        future = executor.submit(double, 1)
        future.result(TIMEOUT)
        assert future.label == "sweep 7"
        executor.resource_specification = executor.user_endpoint_config = None
        executor.submit(double, 1).result(TIMEOUT)
    assert repr(executor).startswith("Executor<sweep 7; ep_id:")
    first, second = submits(loopback)
    assert (first["resource_specification"], first["user_endpoint_config"]) == (resources, config)
    assert not {"resource_specification", "user_endpoint_config"} & second.keys()
    for body in (first, second):
        assert body["create_queue"] is True
        assert body["user_runtime"]["globus_compute_sdk_version"] == "4.19.0"


@pytest.mark.parametrize("name", ["resource_specification", "user_endpoint_config"])
def test_options_that_are_no_json(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} must be of type dict, not str"):
        Executor(**{name: "nodes"})  # type: ignore[arg-type]
    executor = Executor()
    with pytest.raises(TypeError, match=f"{name} must be JSON-serializable"):
        setattr(executor, name, {"a": object()})
    assert getattr(executor, name) is None


def test_options_are_as_they_were_at_submission(client: Client, loopback: Loopback) -> None:
    config = {"queue": "debug"}
    with Executor(
        loopback.endpoint("instant"), client=client, user_endpoint_config=config
    ) as executor:
        executor.submit(double, 1).result(TIMEOUT)
    config["queue"] = "changed later"
    assert submits(loopback)[0]["user_endpoint_config"] == {"queue": "debug"}


def test_endpoint_id(client: Client, loopback: Loopback) -> None:
    executor = Executor(client=client)
    assert executor.endpoint_id is None
    with pytest.raises(ValueError, match="No endpoint_id set"):
        executor.submit(double, 1)
    executor.endpoint_id = loopback.endpoint("inline")
    assert executor.endpoint_id == uuid.UUID(loopback.endpoint("inline"))
    future = executor.submit(double, 1)
    executor.endpoint_id = uuid.UUID(loopback.endpoint("instant"))
    other = executor.submit(double, 1)
    assert (future.result(TIMEOUT), other.result(TIMEOUT)) == (2, None)
    assert future.info.endpoint_id != other.info.endpoint_id


def test_amqp_port(client: Client, loopback: Loopback) -> None:
    """The port named wins over the service's: here, over one where nobody listens."""
    address = client.get_result_amqp_url()["connection_url"]
    port = int(address.rpartition(":")[2].partition("/")[0])
    loopback.broker_fault(refuse=True)
    with Executor(loopback.endpoint("inline"), client=client, amqp_port=port) as executor:
        assert executor.amqp_port == port
        assert executor.submit(double, 1).result(TIMEOUT) == 2
    assert not loopback.requests("POST", "/v2/batch_status")


# --- helpers -------------------------------------------------------------------------------


def another(loopback: Loopback) -> Client:
    """A client that shares nothing with `client`."""
    return connect(loopback, rate_limited=False)


def wait_until_sent(client: Client, future: TaskFuture) -> None:
    """Return once the service has given the task its id."""
    dispatcher = client.dispatcher("")
    sent = threading.Event()

    def look(_events: object = None) -> None:
        if future.task_id is not None:
            sent.set()

    dispatcher.listen(look)
    dispatcher.loop.call(look)  # perhaps it has happened already
    assert sent.wait(TIMEOUT)
