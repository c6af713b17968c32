"""A local worker process: task messages in, result messages out, one at a time.

Behaves like the official worker for the same bytes: result limit, error codes, the environment it
reports, and a traceback without the worker's own frames.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import platform
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from types import TracebackType

import dill

from gc_jupyter.protocol.messages import ResultMessage, pack_result, unpack_task
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.service.local_wire import Place
from gc_jupyter.types import LOCAL_ENDPOINT_ID

#: A task as its worker gets it: id, task message, result serializers, and the place if it changed.
Assignment = tuple[str, bytes, Sequence[str], "Place | None"]


def serve(connection: Connection, result_limit: int, folder: str) -> None:
    """Run tasks from `connection` until it closes.

    `connection` gives `Assignment` values and takes (result message, failed) pairs;
    `result_limit` is the largest result, in characters of encoded text. Files that a task leaves
    unnamed are put into a folder of its own below `folder`, and removed with it.
    """
    # A session of its own: Ctrl-C in a terminal doesn't reach it, and stopping a task takes the
    # processes that the task started with it.
    if hasattr(os, "setsid"):
        with contextlib.suppress(OSError):
            os.setsid()
    threading.Thread(
        target=_end_with_host, args=(folder,), name="gc-local-watch", daemon=True
    ).start()
    serializer = ComputeSerializer()
    place = Place(os.getcwd(), tuple(sys.path))
    while True:
        try:
            assignment: Assignment = connection.recv()
        except (EOFError, OSError):  # the host is gone
            return
        task_id, body, result_serializers, new_place = assignment
        place = new_place or place
        _enter(place)
        os.environ["GC_TASK_UUID"] = task_id
        os.environ["GC_TASK_OUTPUT_DIR"] = own = os.path.join(folder, task_id)
        result = run_task(serializer, task_id, body, result_serializers, result_limit)
        shutil.rmtree(own, ignore_errors=True)
        connection.send((pack_result(result), result.error_code is not None))


def run_task(
    serializer: ComputeSerializer,
    task_id: str,
    body: bytes,
    result_serializers: Sequence[str],
    result_limit: int,
) -> ResultMessage:
    """Run one task message here; whatever the task raises becomes the result message's error."""
    started_ns = time.time_ns()
    code: str | None = None
    message = ""
    try:
        function, args, kwargs = serializer.unpack_and_deserialize(unpack_task(body).task_buffer)
        value = function(*args, **kwargs)
        data = serializer.serialize_from_list(value, list(result_serializers))
    except BaseException as error:  # exit() and an interrupt end the task, not the worker
        code, data = "RemoteExecutionError", _error_text(error)
        message = "An error occurred during the execution of this task"
    else:
        if len(data) > result_limit:
            code = "MaxResultSizeExceeded"
            data = f"Task result of {len(data)}B exceeded current limit of {result_limit}B"
            message = f"remote error: {data}"
    return ResultMessage(
        task_id=task_id,
        data=data,
        details=worker_details(),
        error_code=code,
        error_message=message,
        started_ns=started_ns,
        ended_ns=time.time_ns(),
    )


@functools.cache
def worker_details() -> Mapping[str, str]:
    """What a worker says of itself with each result (protocol: `details`)."""
    return {
        "os": platform.platform(),
        "python_version": platform.python_version(),
        "dill_version": dill.__version__,
        "endpoint_id": LOCAL_ENDPOINT_ID,
    }


def _end_with_host(folder: str) -> None:
    # The host kills its workers when it ends. If it was killed itself, a running task would go on.
    host = multiprocessing.parent_process()
    if host is None:
        return
    host.join()
    shutil.rmtree(folder, ignore_errors=True)
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _enter(place: Place) -> None:
    # A task may have left another directory or path behind, or removed the directory.
    with contextlib.suppress(OSError):
        os.chdir(place.directory)
    if tuple(sys.path) != place.path:
        sys.path[:] = place.path


def _error_text(error: BaseException) -> str:
    frames: TracebackType | None = error.__traceback__
    if frames is not None and frames.tb_next is not None:
        frames = frames.tb_next  # drop run_task's own frame
    text = "".join(traceback.format_exception(type(error), error, frames))
    if isinstance(error, SystemExit):
        text = f"{text.rstrip()} (the task called exit(); a task ends by returning)\n"
    return text
