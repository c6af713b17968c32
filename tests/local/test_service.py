"""Tasks through real workers: values, places, groups, streams, limits."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path

import dill
import pytest

from gc_jupyter.errors import NotFound
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.service.base import FunctionRegistration
from gc_jupyter.service.local import LocalService, local_service
from gc_jupyter.types import LOCAL_ENDPOINT_ID
from tests.local.conftest import SERIALIZER, Consumer, pack_arguments, serving, value_of

ADD = "def f(a, b):\n    return a + b\n"
PID = "import os\ndef f():\n    return os.getpid()\n"
ECHO = "def f(x):\n    return x\n"


def test_a_task_runs_in_another_process(consumer: Consumer) -> None:
    assert consumer.value(ADD, 2, 3) == 5
    assert consumer.value(PID) != os.getpid()
    assert consumer.up.is_set()
    assert consumer.threads == {"test-loop"}


def test_a_serialized_function_runs(consumer: Consumer) -> None:
    offset = 10

    def shifted(x: int) -> int:
        return x + offset

    code = ComputeSerializer.pack_buffers([SERIALIZER.code_serializer.serialize(shifted)])
    function_id = consumer.on_loop(
        consumer.service.register_function, FunctionRegistration("shifted", code)
    )
    reply = consumer.send({function_id: [pack_arguments(5)]})
    consumer.on_loop(consumer.stream.subscribe, reply.task_group_id)
    assert value_of(consumer.wait(reply.tasks[function_id])[0]) == 15


def test_the_result_says_where_and_when_it_ran(consumer: Consumer) -> None:
    message = consumer.run(ADD, 1, 1)
    worker = message.worker
    assert worker is not None
    assert worker.python_version == ".".join(map(str, sys.version_info[:3]))
    assert worker.dill_version == dill.__version__
    assert worker.os
    assert worker.endpoint_id == LOCAL_ENDPOINT_ID
    assert message.started_ns is not None
    assert message.ended_ns is not None
    assert message.started_ns <= message.ended_ns


def test_an_exception_is_the_users_traceback(consumer: Consumer) -> None:
    message = consumer.run("def g():\n    return 1 / 0\ndef f():\n    return g()\n")
    assert message.error_code == "RemoteExecutionError"
    assert message.data.startswith("Traceback (most recent call last):\n")
    assert message.data.endswith("ZeroDivisionError: division by zero\n")
    assert "local_worker" not in message.data


def test_a_function_that_is_no_python_fails_its_task_alone(consumer: Consumer) -> None:
    message = consumer.run("def f(:\n")
    assert message.error_code == "RemoteExecutionError"
    assert "SyntaxError" in message.data
    assert consumer.value(ADD, 1, 2) == 3


def test_the_same_code_gets_the_same_function_id(consumer: Consumer) -> None:
    assert consumer.register(ADD) == consumer.register(ADD)
    assert consumer.register(ADD) != consumer.register(ECHO)


def test_a_batch_of_several_functions_keeps_their_order(consumer: Consumer) -> None:
    add, echo = consumer.register(ADD), consumer.register(ECHO)
    reply = consumer.send(
        {
            add: [pack_arguments(i, 1) for i in range(5)],
            echo: [pack_arguments(str(i)) for i in range(3)],
        }
    )
    consumer.on_loop(consumer.stream.subscribe, reply.task_group_id)
    assert [value_of(m) for m in consumer.wait(reply.tasks[add])] == [1, 2, 3, 4, 5]
    assert [value_of(m) for m in consumer.wait(reply.tasks[echo])] == ["0", "1", "2"]
    assert set(consumer.tasks(reply.task_group_id)) == {
        *reply.tasks[add],
        *reply.tasks[echo],
    }


def test_many_tasks_each_come_once(consumer: Consumer) -> None:
    ids = consumer.submit(ECHO, *((i,) for i in range(2000)))
    assert [value_of(m) for m in consumer.wait(ids)] == list(range(2000))


def test_two_workers_run_at_once(consumer: Consumer, tmp_path: Path) -> None:
    meet = """
import pathlib, time
def f(folder, mine, other):
    pathlib.Path(folder, mine).touch()
    while not pathlib.Path(folder, other).exists():
        time.sleep(0.005)
    return mine
"""
    folder = str(tmp_path)
    ids = consumer.submit(meet, (folder, "a", "b"), (folder, "b", "a"))
    assert [value_of(m) for m in consumer.wait(ids)] == ["a", "b"]


def test_arguments_and_results_of_megabytes(consumer: Consumer) -> None:
    text = "x" * 5_000_000
    ids = consumer.submit(ECHO, *[(text,)] * 4)
    assert all(value_of(m) == text for m in consumer.wait(ids))


def test_result_serializers_choose_the_wire_text(consumer: Consumer) -> None:
    json_data = "globus_compute_sdk.serialize.concretes.JSONData"
    ids = consumer.submit(ECHO, ({"a": 1},), serializers=[json_data])
    message = consumer.wait(ids)[0]
    assert message.data.startswith("11\n")
    assert value_of(message) == {"a": 1}
    assert consumer.run(ECHO, {"a": 1}).data.startswith("00\n")


def test_a_result_that_cannot_be_serialized_is_an_error(consumer: Consumer) -> None:
    message = consumer.run("def f():\n    return (i for i in range(3))\n")
    assert message.error_code == "RemoteExecutionError"
    assert consumer.value(ADD, 1, 2) == 3


def test_modules_beside_the_notebook_can_be_imported(
    consumer: Consumer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside_the_notebook.py").write_text("VALUE = 42\n")
    (tmp_path / "queue.py").write_text("raise RuntimeError('shadows the standard library')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    source = "def f():\n    import os, beside_the_notebook as b\n    return b.VALUE, os.getcwd()\n"
    assert consumer.value(source) == (42, str(tmp_path))


def test_workers_follow_the_kernels_directory_and_path(
    consumer: Consumer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import os, sys\ndef f():\n    return os.getcwd(), sys.path\n"
    assert consumer.value(source) == (os.getcwd(), sys.path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, "/nowhere"])
    assert consumer.value(source) == (str(tmp_path), sys.path)


def test_a_task_cannot_leave_another_directory_behind(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    source = """
import os, sys
def f(d=None):
    if d is not None:
        os.chdir(d); os.rmdir(d); sys.path.insert(0, d)
        return None
    return os.getcwd(), sys.path
"""
    with serving(1) as service:
        consumer = Consumer(service)
        assert consumer.value(source, str(gone)) is None
        assert consumer.value(source) == (os.getcwd(), sys.path)
        consumer.close()


def test_standard_streams_are_not_the_protocols(consumer: Consumer) -> None:
    noise = """
import os, subprocess, sys
def f():
    print("noise"); print("noise", file=sys.stderr)
    os.write(1, b"noise"); os.write(2, b"noise")
    child = subprocess.run([sys.executable, "-c", "print(input())"])
    try:
        input()
    except EOFError:
        return child.returncode
"""
    assert consumer.value(noise) == 1
    assert consumer.value(ADD, 1, 2) == 3


def test_subprocesses_threads_and_multiprocessing_work_in_a_task(consumer: Consumer) -> None:
    source = """
import math, multiprocessing, subprocess, sys, threading
def f():
    with multiprocessing.Pool(2) as pool:
        squares = pool.map(math.sqrt, [1, 4, 9])
    said = []
    thread = threading.Thread(target=said.append, args=("hello",))
    thread.start(); thread.join()
    child = subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True)
    return squares, said, child.stdout
"""
    assert consumer.value(source) == ([1.0, 2.0, 3.0], ["hello"], "1\n")


def test_matplotlib_draws_in_a_task(consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    source = """
def f():
    import io, matplotlib.pyplot as plt
    out = io.BytesIO()
    plt.plot([1, 2]); plt.savefig(out, format="png")
    return out.getvalue()[:4]
"""
    assert consumer.value(source) == b"\x89PNG"


def test_results_wait_for_a_subscription(service: LocalService) -> None:
    first, late = Consumer(service, acknowledge=False), Consumer(service)
    ids = first.submit(ECHO, (1,), (2,))
    first.wait(ids)
    group = first.tasks()
    first.close()
    assert not late.messages
    late.on_loop(late.stream.subscribe, first.group)
    assert [value_of(m) for m in late.wait(group)] == [1, 2]
    # acknowledged now: the next one gets nothing, and the state is still known
    third = Consumer(service)
    third.on_loop(third.stream.subscribe, first.group)
    third.on_loop(lambda: None)
    statuses = third.statuses(*group)
    assert not third.messages
    assert [statuses[i].status for i in ids] == ["success", "success"]
    assert not statuses[ids[0]].done
    late.close()
    third.close()


def test_a_stream_gets_its_groups_results_only(service: LocalService) -> None:
    one, other = Consumer(service), Consumer(service)
    mine = one.submit(ECHO, *((i,) for i in range(50)))
    theirs = other.submit(ECHO, *((i,) for i in range(50)))
    one.wait(mine)
    other.wait(theirs)
    assert set(one.messages) == set(mine)
    assert set(other.messages) == set(theirs)
    one.close()
    other.close()


def test_an_unsubscribed_group_is_silent_until_subscribed_again(consumer: Consumer) -> None:
    consumer.value(ECHO, 1)
    consumer.on_loop(consumer.stream.unsubscribe, consumer.group)
    watcher = Consumer(consumer.service, acknowledge=False)
    watcher.on_loop(watcher.stream.subscribe, consumer.group)
    ids = consumer.submit(ECHO, (2,))
    watcher.wait(ids)
    consumer.on_loop(lambda: None)
    assert ids[0] not in consumer.messages
    consumer.on_loop(consumer.stream.subscribe, consumer.group)
    assert value_of(consumer.wait(ids)[0]) == 2
    watcher.close()


def test_statuses_carry_unacknowledged_outcomes(service: LocalService) -> None:
    consumer = Consumer(service, acknowledge=False)
    good = consumer.submit(ECHO, (7,))[0]
    bad = consumer.submit("def f():\n    raise KeyError('k')\n", ())[0]
    consumer.wait([good, bad])
    statuses = consumer.statuses(good, bad, "unknown")
    assert set(statuses) == {good, bad}
    assert SERIALIZER.deserialize(statuses[good].result or "") == 7
    assert statuses[good].details == consumer.messages[good].details
    assert "KeyError" in (statuses[bad].exception or "")
    assert statuses[bad].status == "failed"
    consumer.close()


def test_a_running_task_says_so(consumer: Consumer, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    task = consumer.submit("def f(p):\n    return open(p).read()\n", (str(fifo),))[0]
    with open(fifo, "w", encoding="utf-8") as out:  # opens once the task reads
        # the report of its start comes before the other's result
        other = consumer.value(ECHO, 1)
        assert (other, consumer.statuses(task)[task].status) == (1, "running")
        out.write("go")
    assert value_of(consumer.wait([task])[0]) == "go"


def test_unknown_functions_and_groups_are_refused(consumer: Consumer) -> None:
    with pytest.raises(NotFound, match="no function"):
        consumer.send({"nothing": ["x"]})
    consumer.value(ECHO, 1)
    before = consumer.tasks()
    with pytest.raises(NotFound, match="no task group"):
        consumer.send({consumer.register(ECHO): ["x"]}, group="nothing")
    with pytest.raises(NotFound):
        consumer.tasks("nothing")
    assert consumer.tasks() == before


def test_a_payload_that_is_no_payload_fails_its_task(consumer: Consumer) -> None:
    function_id = consumer.register(ECHO)
    reply = consumer.send({function_id: ["x", "3\nab"]})
    consumer.on_loop(consumer.stream.subscribe, reply.task_group_id)
    messages = consumer.wait(reply.tasks[function_id])
    assert {m.error_code for m in messages} == {"RemoteExecutionError"}
    assert consumer.value(ADD, 1, 2) == 3


def test_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GC_JUPYTER_LOCAL_WORKERS", "3")
    source = "import os, time\ndef f():\n    time.sleep(0.01)\n    return os.getppid()\n"
    # a worker forks the processes that run tasks: another one where a call has left traces
    with serving(None) as service:
        consumer = Consumer(service)
        ids = consumer.submit(source, *[()] * 30)
        assert len({value_of(m) for m in consumer.wait(ids)}) == 3
        consumer.close()


def test_one_local_service_for_a_loop() -> None:
    loop, other = asyncio.new_event_loop(), asyncio.new_event_loop()
    found: list[LocalService] = []
    threads = [threading.Thread(target=lambda: found.append(local_service(loop))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(service) for service in found}) == 1
    assert local_service(other) is not found[0]
    loop.close()
    other.close()
