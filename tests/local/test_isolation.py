"""A task that dies, exits or is stopped costs itself alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.local.conftest import Consumer, value_of, wait_until_gone

ECHO = "def f(x):\n    return x\n"
PID = "import os\ndef f():\n    return os.getpid()\n"
# Tells its process id through a fifo, which also says that it runs; then never ends.
HANG = """
import os, signal, subprocess
def f(fifo):
    child = subprocess.Popen(["sleep", "1000"])
    with open(fifo, "w") as out:
        out.write(f"{os.getpid()} {child.pid}")
    signal.pause()
"""


@pytest.fixture
def fifo(tmp_path: Path) -> str:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return str(path)


def read(fifo: str) -> list[int]:
    with open(fifo, encoding="utf-8") as pids:
        return [int(word) for word in pids.read().split()]


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("os._exit(0)", "exit code 0"),
        ("os._exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("ctypes.string_at(0)", "SIGSEGV"),
        ("os.abort()", "SIGABRT"),
    ],
)
def test_a_worker_that_dies_fails_its_own_task_only(
    consumer: Consumer, ending: str, said: str
) -> None:
    source = (
        "import ctypes, os, signal\n"
        f"def f(x):\n    if x % 50 == 7:\n        {ending}\n    return x\n"
    )
    ids = consumer.submit(source, *((i,) for i in range(200)))
    for number, message in enumerate(consumer.wait(ids)):
        if number % 50 == 7:
            assert message.error_code == "WorkerLost"
            assert said in message.data
        else:
            assert value_of(message) == number
    assert consumer.value(ECHO, 1) == 1


def test_a_worker_that_dies_idle_costs_nothing(consumer: Consumer) -> None:
    for _ in range(3):
        pid = consumer.value(PID)
        os.kill(pid, signal.SIGKILL)
        wait_until_gone(pid)
        messages = consumer.wait(consumer.submit(ECHO, *((i,) for i in range(20))))
        # a task may have been on its way into the dying worker; never more than one
        assert sum(m.error_code == "WorkerLost" for m in messages) <= 1


@pytest.mark.parametrize("ending", ["exit()", "sys.exit(3)", "raise SystemExit('bye')"])
def test_exit_fails_the_task_alone(consumer: Consumer, ending: str) -> None:
    message = consumer.run(f"import sys\ndef f():\n    {ending}\n")
    assert message.error_code == "RemoteExecutionError"
    last = message.data.strip().splitlines()[-1]
    assert last.startswith("SystemExit")
    assert "called exit()" in last
    assert consumer.value(ECHO, 1) == 1


def test_an_interrupt_raised_in_a_task_fails_the_task(consumer: Consumer) -> None:
    message = consumer.run("def f():\n    raise KeyboardInterrupt\n")
    assert message.error_code == "RemoteExecutionError"
    assert "KeyboardInterrupt" in message.data
    assert consumer.value(ECHO, 1) == 1


def test_a_running_task_is_really_stopped(consumer: Consumer, fifo: str) -> None:
    (task,) = consumer.submit(HANG, (fifo,))
    worker, child = read(fifo)
    assert consumer.service.stop_tasks([task])
    message = consumer.wait([task])[0]
    assert message.error_code == "TaskStopped"
    wait_until_gone(worker)
    wait_until_gone(child)
    ids = consumer.submit(ECHO, *((i,) for i in range(10)))
    assert [value_of(m) for m in consumer.wait(ids)] == list(range(10))


def test_a_waiting_task_never_runs(consumer: Consumer, tmp_path: Path) -> None:
    fifos = [str(tmp_path / name) for name in "ab"]
    for path in fifos:
        os.mkfifo(path)
    running = consumer.submit(HANG, *((path,) for path in fifos))
    for path in fifos:
        read(path)
    touch = "import pathlib\ndef f(p):\n    pathlib.Path(p).touch()\n"
    stopped, kept = (str(tmp_path / name) for name in ("stopped", "kept"))
    waiting = consumer.submit(touch, (stopped,), (kept,))
    assert consumer.service.stop_tasks([waiting[0]])
    assert consumer.wait(waiting[:1])[0].error_code == "TaskStopped"
    for task in running:
        consumer.service.stop_tasks([task])
    assert value_of(consumer.wait(waiting[1:])[0]) is None
    assert os.path.exists(kept)
    assert not os.path.exists(stopped)
    assert {m.error_code for m in consumer.wait(running)} == {"TaskStopped"}


def test_stopping_what_has_ended_changes_nothing(consumer: Consumer) -> None:
    (task,) = consumer.submit(ECHO, (1,))
    first = consumer.wait([task])[0]
    consumer.service.stop_tasks([task])
    consumer.service.stop_tasks(["unknown"])
    assert consumer.value(ECHO, 2) == 2
    assert consumer.messages[task] is first
    assert consumer.statuses(task)[task].status == "success"


def test_stopping_under_load_leaves_every_task_with_one_outcome(consumer: Consumer) -> None:
    ids = consumer.submit(ECHO, *((i,) for i in range(1000)))
    for task in ids[::10]:
        consumer.service.stop_tasks([task])
    for number, message in enumerate(consumer.wait(ids)):
        if message.error_code is None:
            assert value_of(message) == number
        else:
            assert (message.error_code, number % 10) == ("TaskStopped", 0)


def test_a_fork_that_comes_out_of_the_tasks_code_is_not_the_task(consumer: Consumer) -> None:
    """Its result would be taken for the task's."""
    source = "import os\ndef f():\n    pid = os.fork()\n    pid and os.wait()\n    return pid > 0\n"
    assert [consumer.value(source) for _ in range(3)] == [True] * 3
