"""What a failed task says -> the kind of error and its advice."""

from __future__ import annotations

import time

import pytest

from gc_jupyter.errors import (
    ResultTooLarge,
    TaskExecutionFailed,
    TaskStopped,
    WorkerLost,
    gist,
)
from gc_jupyter.protocol.failures import task_error

ZERO = 'Traceback:\n  File "x.py", line 1, in f\n    1 / 0\nZeroDivisionError: division by zero'
MISSING = "Traceback:\n  import numpy.linalg\nModuleNotFoundError: No module named 'numpy.linalg'"
PICKLE = "Traceback:\n_pickle.UnpicklingError: invalid load key"
POOL_GONE = (
    "concurrent.futures.process.BrokenProcessPool: A child process terminated abruptly, the process"
    " pool is not usable anymore"
)
#: Of release 3.0.0.
OLD_SDK = "Traceback:\nDeserializationError: Invalid header: st\n in data payload"


@pytest.mark.parametrize(
    ("text", "code", "kind", "advice"),
    [
        (ZERO, "RemoteExecutionError", TaskExecutionFailed, ""),
        ("", "RemoteExecutionError", TaskExecutionFailed, ""),
        ("WorkerLost: exit code 7", "RemoteExecutionError", WorkerLost, "process"),
        ("parsl…ManagerLost: node", "RemoteExecutionError", WorkerLost, "process"),
        ("BrokenProcessPool: …", "RemoteExecutionError", WorkerLost, "Restart the endpoint"),
        (POOL_GONE, "RemoteExecutionError", WorkerLost, "This task never ran"),
        (POOL_GONE, "RemoteExecutionError", WorkerLost, "globus-compute-endpoint restart"),
        (OLD_SDK, "RemoteExecutionError", TaskExecutionFailed, "globus-compute-sdk 3.3.0 there"),
        ("gone", "WorkerLost", WorkerLost, "process"),
        ("NotWorkerLostAtAll", "RemoteExecutionError", TaskExecutionFailed, ""),
        ("11 MB", "MaxResultSizeExceeded", ResultTooLarge, "return its path"),
        ("stopped", "TaskStopped", TaskStopped, ""),
        (MISSING, "RemoteExecutionError", TaskExecutionFailed, "Install 'numpy'"),
        (PICKLE, "RemoteExecutionError", TaskExecutionFailed, "another strategy may help"),
        ("?", "SomethingNew", TaskExecutionFailed, ""),
    ],
)
def test_kind_and_advice(
    text: str, code: str, kind: type[TaskExecutionFailed], advice: str
) -> None:
    error = task_error(text, code=code, completion_t="12.5", details={"os": "Linux"})
    assert type(error) is kind
    assert (error.remote_data, error.code, error.completion_t) == (text, code, "12.5")
    assert error.task_details == {"os": "Linux"}
    assert (advice in error.next_step) if advice else not error.next_step
    assert text.strip() in str(error)


def test_no_smaller_task_where_the_pool_is_gone() -> None:
    step = task_error(POOL_GONE).next_step
    assert "smaller" not in step
    assert "\n" not in step
    assert "\n" not in task_error(OLD_SDK).next_step
    assert (
        "(2.28.0)"
        in task_error(OLD_SDK, details={"globus_compute_sdk_version": "2.28.0"}).next_step
    )


LOST = "parsl.executors.high_throughput.errors.WorkerLost: Task failure due to loss of worker 0"


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        (
            f"{'+' * 68}\nTraceback:\n{LOST}\n{'-' * 68}",
            "Task failure due to loss of worker 0",
            LOST,
        ),
        (
            f"{'+' * 68}\nTraceback from attempt: 0\nTraceback:\nx.ManagerLost: n1\n{'-' * 68}\n"
            f"{'+' * 68}\nTraceback from attempt: final attempt\nTraceback:\n{LOST}\n{'-' * 68}",
            "Task failure due to loss of worker 0",
            LOST,
        ),
        (
            f"{'+' * 68}\nTraceback:\nconcurrent.futures.process.BrokenProcessPool\n{'-' * 68}",
            "BrokenProcessPool",
            "concurrent.futures.process.BrokenProcessPool",
        ),
        ("WorkerLost: exit code 7", "WorkerLost: exit code 7", "WorkerLost: exit code 7"),
    ],
)
def test_a_lost_workers_first_and_last_line(text: str, first: str, last: str) -> None:
    error = task_error(text)
    assert type(error) is WorkerLost
    assert error.remote_data.splitlines()[0] == first
    assert gist(error) == last
    assert "+++" not in str(error)
    assert "---" not in str(error)


def test_an_engines_frame_is_no_part_of_a_traceback() -> None:
    table = f"ValueError: bad table\n{'-' * 20}\na b"
    error = task_error(f"{'+' * 68}\nTraceback:\n{table}\n{'-' * 68}")
    assert error.remote_data.strip() == f"Traceback:\n{table}"


@pytest.mark.parametrize(
    ("there", "here", "mismatch"),
    [
        ("3.11.2", "3.11.9", False),
        ("3.11.2", "3.1.2", True),
        ("3.9.1", "3.12.0", True),
        ("", "3.12.0", False),
        ("3.9.1", "", False),
    ],
)
def test_python_versions(there: str, here: str, mismatch: bool) -> None:
    error = task_error(PICKLE, details={"python_version": there}, python_version=here)
    assert (f"Python {there}, this is Python {here}" in error.next_step) is mismatch
    assert "AllCodeStrategies" in error.next_step


def test_advice_names_an_error_of_the_users_own_no_serialization_error() -> None:
    """The word `serializer` in a line of the user's code is no serialization error."""
    text = 'File "x.py", line 3, in f\n    load_pickled_model()\nKeyError: 7'
    assert task_error(text).next_step == ""


@pytest.mark.parametrize(
    "part", ["\n", "dill", 'File "', " ", 'File "x\n', "dill:", " \n", "a.", "\t\n"]
)
def test_any_text_takes_little_time(part: str) -> None:
    start = time.perf_counter()
    task_error(part * (4_000_000 // len(part)))
    assert time.perf_counter() - start < 20  # squared, it would take weeks


def test_of_a_huge_traceback_both_ends_are_kept() -> None:
    error = task_error("first\n" + "x" * 9_000_000 + "\nlast")
    assert len(error.remote_data) < 1_000_100
    assert error.remote_data.startswith("first\n")
    assert error.remote_data.endswith("\nlast")
    assert "[… 8,000,011 characters left out …]" in error.remote_data
