"""What a worker runs for a ShellFunction: a command in a process group of its own.

This text travels: standard library only, Python 3.8 syntax, no gc_jupyter. It differs from the
official ShellFunction's code in one thing that matters: at the end of the walltime the whole
process group ends, where the official one leaves the command running.
"""

import collections
import contextlib
import os
import signal
import subprocess
import tempfile
import uuid


def run_command(command, stdout, stderr, walltime, snippet_lines):  # type: ignore[no-untyped-def]
    """Run a command line by bash; a dict as ShellResult has it."""
    directory = os.environ.get("GC_TASK_SANDBOX_DIR")
    if directory:
        os.makedirs(directory, exist_ok=True)
        os.chdir(directory)
    prefix = os.environ.get("GC_TASK_UUID", str(uuid.uuid4())[-10:]) + "."
    stdout = stdout or tempfile.mktemp(".stdout", prefix, os.getcwd())
    stderr = stderr or tempfile.mktemp(".stderr", prefix, os.getcwd())
    for name in (stdout, stderr):
        if os.path.dirname(name):
            os.makedirs(os.path.dirname(name), exist_ok=True)
    exception_name = None
    with open(stdout, "a+", errors="replace") as out, open(stderr, "a+", errors="replace") as err:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            shell=True,
            executable="/bin/bash",
            start_new_session=True,
        )
        try:
            returncode = process.wait(timeout=walltime)
            if returncode != 0:
                exception_name = "subprocess.CalledProcessError"
        except subprocess.TimeoutExpired:
            end_group(process)  # type: ignore[no-untyped-call]
            returncode = 124  # as timeout(1) has it
            exception_name = "subprocess.TimeoutExpired"
        except BaseException:
            end_group(process)  # type: ignore[no-untyped-call]
            raise
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append("".join(collections.deque(stream, snippet_lines)))
    return {
        "cmd": command,
        "stdout": texts[0],
        "stderr": texts[1],
        "returncode": returncode,
        "exception_name": exception_name,
    }


def end_group(process, grace=2.0):  # type: ignore[no-untyped-def]
    """End the process and all that it started: politely, and after `grace` seconds for good."""
    for sign, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, None)):
        # the second signal is for children that ignored the first, even when the shell is gone
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=wait)
