"""What a worker runs for a `%%gcshell` cell: a script by bash, its output as it comes.

This text travels: standard library only, Python 3.8 syntax, no gc_jupyter.
"""

import codecs
import contextlib
import os
import select
import signal
import subprocess
import sys
import time


def run_script(script, walltime):  # type: ignore[no-untyped-def]
    """Run a script; its exit status, or None when its walltime was over."""
    process = subprocess.Popen(
        ["bash", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    end = None if walltime is None else time.monotonic() + walltime
    open_ones = {
        process.stdout: (sys.stdout, codecs.getincrementaldecoder("utf-8")("replace")),
        process.stderr: (sys.stderr, codecs.getincrementaldecoder("utf-8")("replace")),
    }
    over = False
    try:
        while open_ones and not over:
            left = None if end is None else max(0, end - time.monotonic())
            ready = select.select(list(open_ones), [], [], left)[0]
            over = not ready
            for pipe in ready:
                target, decoder = open_ones[pipe]
                data = os.read(pipe.fileno(), 65536)
                target.write(decoder.decode(data, not data))
                if not data:
                    del open_ones[pipe]
        if not over:
            try:
                return process.wait(None if end is None else max(0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
        return None
    finally:
        if process.poll() is None:
            end_group(process)  # type: ignore[no-untyped-call]
        process.stdout.close()
        process.stderr.close()


def end_group(process, grace=1.0):  # type: ignore[no-untyped-def]
    """End the script and what it started: politely, and after `grace` seconds for good."""
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(grace)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
