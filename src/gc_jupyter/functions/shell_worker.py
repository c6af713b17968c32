"""The worker's part of a ShellFunction: it runs the command in a process group of its own.

This text travels: standard library only, Python 3.8 syntax, no gc_jupyter. It differs from the
official ShellFunction's code in one thing that matters: at the end of the walltime the whole
process group ends, where the official one leaves the command running.
"""

import collections
import contextlib
import os
import select
import signal
import subprocess
import uuid


def run_command(  # type: ignore[no-untyped-def]
    command, stdout, stderr, walltime, open_file, read_and_close
):
    """Run a command line by bash; a dict as ShellResult has it.

    `open_file` opens a path, `read_and_close` gives the last lines of both streams.
    """
    directory = os.environ.get("GC_TASK_SANDBOX_DIR") or os.getcwd()
    own = os.environ.get("GC_TASK_UUID", "task") + "." + uuid.uuid4().hex[:8]
    own = os.path.join(os.environ.get("GC_TASK_OUTPUT_DIR", ""), own)
    exception_name = None
    with contextlib.ExitStack() as stack:
        files = []
        for given, suffix in ((stdout, ".stdout"), (stderr, ".stderr")):
            path = os.path.join(directory, given or own + suffix)
            if not given:
                make_for_this_user(path)  # type: ignore[no-untyped-call]
            files.append(stack.enter_context(open_file(path)))
        out, err = files
        # every process that the command starts holds the other end of this pipe
        alive, held = os.pipe()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            shell=True,
            executable="/bin/bash",
            cwd=directory,
            start_new_session=True,
            pass_fds=(held,),
        )
        os.close(held)
        try:
            returncode = process.wait(timeout=walltime)
            if returncode != 0:
                exception_name = "subprocess.CalledProcessError"
        except subprocess.TimeoutExpired:
            end_group(process, alive)  # type: ignore[no-untyped-call]
            returncode = 124  # as timeout(1) has it
            exception_name = "subprocess.TimeoutExpired"
        except BaseException:
            end_group(process, alive)  # type: ignore[no-untyped-call]
            raise
        finally:
            os.close(alive)
        texts = read_and_close(out, err)
    return {
        "cmd": command,
        "stdout": texts[0],
        "stderr": texts[1],
        "returncode": returncode,
        "exception_name": exception_name,
    }


def make_for_this_user(path):  # type: ignore[no-untyped-def]
    """Make an output file that only this user can read: what a command prints may be secret."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def open_stream(path, mode="a+"):  # type: ignore[no-untyped-def]
    """Open a file for a command's output, with the folders above it."""
    if os.path.dirname(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    return open(path, mode, errors="replace")


def last_lines(stream, count):  # type: ignore[no-untyped-def]
    """The last `count` lines of an open file."""
    stream.seek(0)
    return "".join(collections.deque(stream, count))


def end_group(process, alive, grace=2.0):  # type: ignore[no-untyped-def]
    """End the process and all that it started: by SIGTERM, and after `grace` seconds by SIGKILL."""
    for one in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, one)
        select.select([alive], [], [], grace)  # readable as soon as no process is left
    process.wait()
