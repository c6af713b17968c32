"""Turn the text of a failed task into an error of the right kind, with a next step."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from typing import Any

from gc_jupyter.errors import (
    ResultTooLarge,
    TaskAbandoned,
    TaskExecutionFailed,
    TaskStopped,
    WorkerLost,
)
from gc_jupyter.remote_text import harmless, one_line

#: Characters of a traceback that are kept.
_LONGEST = 1_000_000
#: Characters of a traceback's end that are searched for its cause: a bound on the time it takes.
_LOOKED_AT = 20_000
_WORKER_LOST = re.compile(r"\bWorkerLost\b|\bManagerLost\b|\bBrokenProcessPool\b")
#: The lines that an endpoint's engine puts around a traceback.
_FRAME = re.compile(r"^(?:\+{68}\n|-{68}$)", re.MULTILINE)
_MISSING_MODULE = re.compile(
    r"^(?:ModuleNotFoundError|ImportError): No module named '([\w.]+)'", re.MULTILINE
)
# a frame in a serializer, or an error named after one; not a user's line with that word
_SERDE = re.compile(
    r'^(?:[ \t]{0,80}File "[^"\n]{0,500}(?:dill|pickle|serializ)'
    r"|\S{0,200}(?:dill|pickl|serializ|serde)\S{0,200}:)",
    re.IGNORECASE | re.MULTILINE,
)

#: The oldest release that knows the identifiers of source, `st` and `sd`.
OLDEST_SDK = "globus-compute-sdk 3.3.0"
_UNKNOWN_IDENTIFIER = re.compile(r"Invalid header: \W{0,3}(st|sd)\b")
_POOL_GONE = re.compile(r"BrokenProcessPool: [^\n]{0,200}not usable anymore")
_RESTART = (
    "Restart the endpoint (globus-compute-endpoint restart NAME, on its machine), or ask its owner."
)
_LOST = (
    "The process that ran the task died: out of memory, or a crash in native code. Try a smaller"
    " task, or fewer at a time."
)
_POOL_BREAKS = (
    "A process of the endpoint's pool died, of this task or of one beside it: out of memory, or a"
    f" crash in native code. Such a pool (ProcessPoolEngine) takes no tasks after that. {_RESTART}"
)
_POOL_IS_GONE = (
    "This task never ran: a process of the endpoint's pool died during an earlier one, and such a"
    f" pool (ProcessPoolEngine) takes no tasks after that. {_RESTART}"
)


def task_error(
    text: str,
    *,
    code: str = "RemoteExecutionError",
    completion_t: str | None = None,
    details: Mapping[str, Any] | None = None,
    python_version: str = "",
) -> TaskExecutionFailed:
    """The error for a failed task.

    Parameters
    ----------
    text:
        The remote traceback. Its terminal codes are removed, except colours. Of a text over a
        million characters, the middle is removed.
    code:
        The endpoint's error code (docs/protocol.md, "Messages"), or one of this package's:
        ``TaskStopped``, ``TaskAbandoned``.
    completion_t:
        When it ended, in seconds since 1970, as text.
    details:
        What the worker said of its environment.
    python_version:
        This side's Python, to recognize a version mismatch.
    """
    if len(text) > _LONGEST:
        left_out = f"\n[… {len(text) - _LONGEST:,} characters left out …]\n"
        text = text[: _LONGEST // 2] + left_out + text[-_LONGEST // 2 :]
    text = _FRAME.sub("", harmless(text))
    worker = dict(details) if details else None
    kind: type[TaskExecutionFailed] = TaskExecutionFailed
    step = ""
    end = text[-_LOOKED_AT:]
    missing = _MISSING_MODULE.search(end)
    if code == "TaskStopped":
        kind = TaskStopped
    elif code == "TaskAbandoned":
        kind = TaskAbandoned
        step = (
            "It may have run to its end: look at what it should have written before you run it"
            " again. The service keeps a result for half an hour; docs/collecting.md says how to"
            " keep it longer."
        )
    elif code == "WorkerLost" or _WORKER_LOST.search(end):
        kind = WorkerLost
        text = _first_what(text)
        step = _LOST
        if _POOL_GONE.search(end):
            step = _POOL_IS_GONE
        elif "BrokenProcessPool" in end:
            step = _POOL_BREAKS
    elif code == "MaxResultSizeExceeded":
        kind = ResultTooLarge
        step = "Write the result to a file on the endpoint and return its path, or return less."
    elif missing:
        step = _about_missing(missing[1].split(".")[0])
    elif header := _UNKNOWN_IDENTIFIER.search(end):
        sdk = one_line(str((details or {}).get("globus_compute_sdk_version") or ""))
        step = (
            f"The endpoint's globus-compute-sdk{f' ({sdk})' if sdk else ''} doesn't know source"
            f" (identifier {header[1]}). Cells and source take {OLDEST_SDK} there, or newer: ask"
            " the endpoint's owner to update it."
        )
    elif _SERDE.search(end):
        step = _mismatch(str((details or {}).get("python_version") or ""), python_version)
    return kind(text, completion_t, worker, code=code, next_step=step)


def _about_missing(module: str) -> str:
    from gc_jupyter.travel.installed import NOTEBOOK_ONLY, worker_has  # rarely needed

    if module not in NOTEBOOK_ONLY and not worker_has(module):
        return (
            f"{module!r} lies beside your program: import it above the function, and not in it."
            " What the function uses of it goes along then."
        )
    return (
        f"Install {module!r} where the endpoint's workers run, or choose an endpoint that has it."
    )


def _first_what(traceback: str) -> str:
    """A traceback that begins with its last line's message: many places show one line only."""
    lines = traceback.strip().splitlines()
    if len(lines) < 2:
        return traceback
    name, _, message = lines[-1].partition(": ")
    what = message.strip() or name.rpartition(".")[2]
    return f"{what}\n\n{traceback.strip()}"


def _mismatch(there: str, here: str) -> str:
    strategy = "ComputeSerializer(strategy_code=AllCodeStrategies())"
    if there and here and there.split(".")[:2] != here.split(".")[:2]:
        return (
            f"The worker runs Python {there}, this is Python {here}, and bytecode doesn't survive"
            f" that. Send source instead: Executor(serializer={strategy})."
        )
    return f"If this is a serialization error, another strategy may help: {strategy}."


#: A connection that fails for this reason says nothing about the network.
TOO_MANY_FILES = "this process, or this machine, has too many files open"
CLOSE_FILES = (
    "Close what isn't needed (files, clients), restart the kernel, or raise the limit (ulimit -n)."
)


def too_many_files(error: object) -> bool:
    """Whether an error says that this process has too many open files."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
