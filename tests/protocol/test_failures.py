"""What a failed task says -> the kind of error and its advice."""

from __future__ import annotations

import time

import pytest

from gc_jupyter.errors import (
    ResultTooLarge,
    TaskExecutionFailed,
    TaskStopped,
    WorkerLost,
)
from gc_jupyter.protocol.failures import task_error

ZERO = 'Traceback:\n  File "x.py", line 1, in f\n    1 / 0\nZeroDivisionError: division by zero'
MISSING = "Traceback:\n  import numpy.linalg\nModuleNotFoundError: No module named 'numpy.linalg'"
PICKLE = "Traceback:\n_pickle.UnpicklingError: invalid load key"


@pytest.mark.parametrize(
    ("text", "code", "kind", "advice"),
    [
        (ZERO, "RemoteExecutionError", TaskExecutionFailed, ""),
        ("", "RemoteExecutionError", TaskExecutionFailed, ""),
        ("WorkerLost: exit code 7", "RemoteExecutionError", WorkerLost, "process"),
        ("parsl…ManagerLost: node", "RemoteExecutionError", WorkerLost, "process"),
        ("BrokenProcessPool: …", "RemoteExecutionError", WorkerLost, "process"),
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
