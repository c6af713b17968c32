"""Who starts, who ends, and that nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from gc_jupyter.service import local_process
from tests.local.conftest import Consumer, is_alive, wait_until_gone

ECHO = "def f(x):\n    return x\n"
PIDS = "import os\ndef f():\n    return os.getpid(), os.getppid()\n"

# A script without a main guard: anything that imports it again would start another service.
SCRIPT = """
import sys
import tempfile
print("started", flush=True)
from gc_jupyter.service.base import FunctionRegistration, SubmitRequest
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.runtime.loop import kernel_loop
from gc_jupyter.service.local import local_service
loop = kernel_loop()
service = local_service(loop.aio)
serializer = ComputeSerializer()
source = '''
import os, subprocess, time
def f(path):
    child = subprocess.Popen(["sleep", "1000"])
    with open(path, "w") as out:
        out.write(f"{os.getpid()} {child.pid}")
    time.sleep(1000)
'''
registration = FunctionRegistration("f", source, serialized=False)
function = loop.ask(service.register_function, registration)
payload = serializer.pack_buffers(
    [serializer.serialize((sys.argv[1],)), serializer.serialize({})]
)
reply = loop.ask(service.submit, SubmitRequest("local", {function: [payload, *[""] * 50]}))
with open(sys.argv[1]) as pids:
    print(pids.read(), service._host.pid, flush=True)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_busy(tmp_path: Path, ending: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A process with a task that never ends, and the processes that it has."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    path = tmp_path / "script.py"
    path.write_text(SCRIPT + ending)
    process = subprocess.Popen(
        [sys.executable, str(path), str(fifo)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    pids = [int(word) for word in process.stdout.readline().split()]
    assert len(pids) == 3
    return process, pids


def test_exit_with_tasks_pending_is_prompt_and_leaves_nothing(tmp_path: Path) -> None:
    process, pids = start_busy(tmp_path, "sys.stdin.read()\n")
    begin = time.monotonic()
    out, errors = process.communicate()
    assert time.monotonic() - begin < 20  # the tasks would take 1,000
    assert (process.returncode, out, errors) == (0, "", "")
    for pid in pids:
        wait_until_gone(pid)


def test_a_killed_kernel_leaves_nothing(tmp_path: Path) -> None:
    process, pids = start_busy(tmp_path, "sys.stdin.read()\n")
    process.kill()
    process.communicate()
    for pid in pids:
        wait_until_gone(pid)


def test_an_interrupt_of_the_kernels_group_leaves_the_workers_alone(tmp_path: Path) -> None:
    ending = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it
try:
    print("ready", flush=True)
    sys.stdin.read()
except KeyboardInterrupt:
    print("interrupted", flush=True)
sys.stdin.read()
task = reply.tasks[function][0]
print(loop.ask(service.task_statuses, [task])[task].done, flush=True)
"""
    process, pids = start_busy(tmp_path, ending)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == "interrupted\n"
    assert all(map(is_alive, pids))
    out, errors = process.communicate()
    assert (out, errors) == ("False\n", "")
    for pid in pids:
        wait_until_gone(pid)


def test_local_has_no_thread_of_its_own() -> None:
    script = """
import threading
from gc_jupyter import Executor
assert threading.active_count() == 1, threading.enumerate()
with Executor("local") as executor:
    assert executor.submit(abs, -1).result() == 1
threads = threading.enumerate()[1:]
assert all(t.daemon for t in threads)
names = {t.name for t in threads}
assert names <= {"gc-loop", "gc-http", "gc-results", "gc-journal"}, names
"""
    process = start(script)
    out, errors = process.communicate()
    assert (process.returncode, out, errors) == (0, "", "")


def test_close_stops_what_is_open_and_a_new_submit_starts_anew(
    consumer: Consumer, tmp_path: Path
) -> None:
    service = consumer.service
    service.close()  # nothing started yet
    worker, _server = consumer.value(PIDS)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    hang = "import time\ndef f(p):\n    open(p, 'w').close()\n    time.sleep(1000)\n"
    ids = consumer.submit(hang, (str(fifo),), *[("/",)] * 3)
    fifo.read_text()
    service.close()
    messages = consumer.wait(ids)
    assert messages[0].error_code == "TaskStopped"
    wait_until_gone(worker)
    service.close()
    assert consumer.value(ECHO, 1) == 1
    assert consumer.value(PIDS)[0] != worker


def test_a_host_that_dies_fails_what_is_open_and_a_new_submit_starts_anew(
    consumer: Consumer, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    hang = """
import os, signal, subprocess
def f(fifo):
    child = subprocess.Popen(["sleep", "1000"])
    with open(fifo, "w") as out:
        out.write(f"{os.getpid()} {child.pid}")
    signal.pause()
"""
    (task,) = consumer.submit(hang, (str(fifo),))
    pids = [int(word) for word in fifo.read_text().split()]
    host = consumer.service._host
    assert host is not None
    assert host.pid is not None
    os.kill(host.pid, signal.SIGKILL)
    message = consumer.wait([task])[0]
    assert message.error_code == "WorkerLost"
    assert "host process ended" in message.data
    for pid in pids:
        wait_until_gone(pid)
    assert consumer.value(ECHO, 1) == 1


def test_no_interpreter_to_start_is_an_error_of_the_task(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        message = consumer.run(ECHO, 1)
        assert message.error_code == "RemoteExecutionError"
        assert "can't be started" in message.data
        assert "/nowhere/python" in message.data
    assert consumer.value(ECHO, 1) == 1


def test_no_folder_for_temporary_files_is_an_error_of_the_task(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a container whose whole file system is read-only, without a volume."""
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", "/nowhere")
        message = consumer.run(ECHO, 1)
    assert message.error_code == "RemoteExecutionError"
    assert "no folder for temporary files can be written to. Set TMPDIR" in message.data
    assert consumer.value(ECHO, 1) == 1


def test_a_host_that_cannot_start_says_why(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(local_process, "_START", "raise ImportError('nothing works')")
        message = consumer.run(ECHO, 1)
    assert message.error_code == "WorkerLost"
    assert message.data.endswith("ImportError: nothing works")
    assert consumer.value(ECHO, 1) == 1


def test_a_forked_child_gets_a_service_of_its_own() -> None:
    script = """
import os
from gc_jupyter import Executor
with Executor("local") as executor:
    assert executor.submit(abs, -1).result() == 1
if (pid := os.fork()) == 0:
    with Executor("local") as executor:
        assert executor.submit(abs, -2).result() == 2
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
with Executor("local") as executor:
    assert executor.submit(abs, -3).result() == 3
"""
    out, errors = start(script).communicate(timeout=60)
    assert (out, errors) == ("7\n", "")


def test_a_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    path = tmp_path / "unguarded.py"
    path.write_text(
        """
print("imported")
from tests.local.conftest import Consumer, serving
with serving(2) as service:
    consumer = Consumer(service)
    print(consumer.value("def f(x):\\n    return x + 1\\n", 1))
    consumer.close()
"""
    )
    root = str(Path(__file__).parents[2])
    process = subprocess.run(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (process.stdout, process.stderr) == ("imported\n2\n", "")
