"""A journal on a disk that is full or read-only, or where locks don't work: tasks run, one warning.

`tests/journal/test_journal.py` has locked and damaged ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts import TIME_LIMIT_S
from tests.service.handle import Loopback

SCRIPT = """\
import atexit, sys, time
atexit.register(lambda: print(f"took {time.monotonic() - ended:.2f}"))
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from gc_jupyter.session import current_session
shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))

def cell(text):
    assert shell.run_cell(text).success, text

cell("%load_ext gc_jupyter")
for n in range(3):
    cell(f"%%gcrun {sys.argv[1]} -q -o got\\ngot = {n} + 1")
    print(shell.user_ns["got"])
cell(f"%%gcrun {sys.argv[1]} -q -a --map x=range(300) --future sweep\\nx")
cell("print(sum(sweep.result()))")
current_session().journal.check()  # a write may wait for a lock for seconds before it fails
ended = time.monotonic()
"""
#: A file system of its own for the journal, gone with the process.
SMALL = "mount -t tmpfs -o size=20k none data"
READ_ONLY = f"{SMALL} && mount -o remount,ro data"
NO_LOCKS = """\
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
static int refuse(void) { errno = ENOLCK; return -1; }
#define LOCKING(NAME, REAL) int NAME(int file, int command, ...) { \\
    va_list rest; va_start(rest, command); void *value = va_arg(rest, void *); va_end(rest); \\
    if (command == F_SETLK || command == F_SETLKW) return refuse(); \\
    return REAL(file, command, value); }
#include <dlfcn.h>
static int real(int file, int command, void *value) {
    static int (*next)(int, int, ...);
    if (!next) next = (int (*)(int, int, ...)) dlsym(RTLD_NEXT, "fcntl");
    return next(file, command, value); }
LOCKING(fcntl, real)
LOCKING(fcntl64, real)
"""


def notebook(
    loopback: Loopback, directory: Path, prepare: str = "true", **environment: str
) -> tuple[str, str]:
    """What a notebook prints whose journal is in `data`, after a shell command in the same
    namespace of mounts."""
    (directory / "data").mkdir()
    (directory / "notebook.py").write_text(SCRIPT)
    own = {
        "JUPYTER_DATA_DIR": str(directory / "data"),
        "JUPYTER_CONFIG_DIR": str(directory),
        "IPYTHONDIR": str(directory),
    }
    command = f"{prepare} && exec {sys.executable} notebook.py {loopback.endpoint('inline')}"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command] if "mount" in prepare else ["sh", "-c", command],
        cwd=directory,
        env={**os.environ, **loopback.environment, **own, **environment},
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def check(printed: tuple[str, str], problem: str) -> None:
    out, err = printed
    assert [line for line in out.splitlines() if line.isdigit()] == ["1", "2", "3", "44850"]
    assert (out + err).count("Cells run as ever") == 1, (out, err)
    assert problem in out + err
    assert float(out.rpartition("took ")[2]) < 10  # at exit it isn't waited for
    assert "Traceback" not in out + err


def may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="no namespace of mounts for this user")
@pytest.mark.parametrize(
    ("prepare", "problem"),
    [(SMALL, "can't be written"), (READ_ONLY, "can't be opened")],
    ids=["full", "read-only"],
)
def test_disks(loopback: Loopback, tmp_path: Path, prepare: str, problem: str) -> None:
    check(notebook(loopback, tmp_path, prepare), problem)


@pytest.mark.skipif(sys.platform != "linux", reason="how a library is put before another")
@pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler")
def test_no_working_locks(loopback: Loopback, tmp_path: Path) -> None:
    (tmp_path / "no_locks.c").write_text(NO_LOCKS)
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", "no_locks.so", "no_locks.c", "-ldl"],
        cwd=tmp_path,
        check=True,
    )
    preload = str(tmp_path / "no_locks.so")
    check(notebook(loopback, tmp_path, LD_PRELOAD=preload), "its file system has no locks")
