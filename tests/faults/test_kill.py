"""A kernel is killed at every step of a submission: each task that the service has is found once.

One kernel for each step with a task group known, and one with its very first request; then one
kernel attaches to all that they have left. `make soak` takes every step, `make test` those between
which something else knows of the tasks.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.scripts import TIME_LIMIT_S, start
from tests.service.handle import Loopback

TASKS = 5
#: A notebook in a process that can be told where to die.
NOTEBOOK = """\
import json, os, signal, sys, time
from IPython.core.interactiveshell import InteractiveShell
from gc_jupyter.journal import Database, Journal
from gc_jupyter.runtime.collector import Collector
from gc_jupyter.runtime.submitter import Submitter
from gc_jupyter.service.globus import GlobusService

inline, offline = sys.argv[1:]
shell = InteractiveShell.instance()

def cell(text):
    assert shell.run_cell(text).success, text

def die(*_args, **_more):
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)

def before(owner, name):
    setattr(owner, name, die)

def after(owner, name):
    real = getattr(owner, name)
    setattr(owner, name, lambda *args, **more: (real(*args, **more), die()))

def at(owner, name, act):
    real = getattr(owner, name)
    setattr(owner, name, lambda *args, **more: (act(), real(*args, **more))[1])

cell("%load_ext gc_jupyter")
"""
SUBMIT = """\
cell(f"%%gcrun {{offline}} -a -q --map x=range({first}, {last}) --future sweep\\nx")
time.sleep(60)
"""
WRITTEN = """\
cell(f"%%gcrun {{offline}} -a -q --map x=range({first}, {last}) --future sweep\\nx")
cell("from gc_jupyter.session.waiting import wait_for_ids; assert wait_for_ids(sweep, 60)")
cell("%gc tasks")  # read after it was written
die()
"""
ATTACH = """\
cell("found = get_ipython().run_line_magic('gc', 'attach')")
found = shell.user_ns["found"]  # a list where it is of several runs
ended = [one.result() for one in (found if isinstance(found, list) else [found])]
print(json.dumps([value for one in ended for value in (one if isinstance(one, list) else [one])]))
cell("%gc attach --forget")
cell("print(get_ipython().run_line_magic('gc', 'attach'))")
"""
#: Name of a step -> where the kernel dies, and whether the service has the tasks by then.
STEPS = {
    "before it is written down": (f"before(Journal, 'sending')\n{SUBMIT}", False),
    "while it is written down": (f"before(Database, 'add_tasks')\n{SUBMIT}", False),
    "once it is written down": (f"after(Database, '__exit__')\n{SUBMIT}", False),
    "before the request": (f"before(GlobusService, 'submit')\n{SUBMIT}", False),
    "before the reply is read": (f"after(GlobusService, 'submit')\n{SUBMIT}", True),
    "before the ids are known": (f"before(Submitter, '_accept')\n{SUBMIT}", True),
    "before the ids are told": (
        f"at(Submitter, '_accept', lambda: before(Collector, 'announce'))\n{SUBMIT}",
        True,
    ),
    "while the ids are written down": (
        f"at(Submitter, '_accept', lambda: before(Database, 'update_tasks'))\n{SUBMIT}",
        True,
    ),
    "once the ids are written down": (WRITTEN, True),
}
SHORT = ("before the request", "before the reply is read", "before the ids are told")


def test_each_task_is_found_once(
    loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    names = loopback.endpoint("inline"), loopback.new_endpoint("offline")
    expected: list[int] = []
    accepted = 0
    steps = STEPS if os.environ.get("GC_JUPYTER_SOAK") else {name: STEPS[name] for name in SHORT}
    for number, (step, (source, has)) in enumerate(steps.items()):
        # both at once: two processors
        kernels: list[subprocess.Popen[str]] = []
        for is_first in (False, True):
            first = 100 * (2 * number + is_first)
            values = range(first, first + TASKS)
            group = "" if is_first else 'cell(f"%%gcrun {inline} -q\\n1")\n'
            text = NOTEBOOK + group + source.format(first=first, last=first + TASKS)
            kernels.append(start(loopback, tmp_path, text, *names, name=f"{first}.py"))
            accepted += TASKS * has
            # nobody can tell the group of a first request whose reply was never read
            expected += values if has and not (is_first and step.endswith("reply is read")) else ()
        for kernel in kernels:
            _out, err = kernel.communicate(timeout=TIME_LIMIT_S)
            assert kernel.returncode == -9, f"{step}: {err}"
    sent = [one["body"]["tasks"] for one in loopback.requests("POST", f"{names[1]}/submit")]
    assert sum(len(tasks) for by_function in sent for tasks in by_function.values()) == accepted

    loopback.bring_online(names[1])
    new = start(loopback, tmp_path, NOTEBOOK + ATTACH, *names)
    out, err = new.communicate(timeout=TIME_LIMIT_S)
    assert new.returncode == 0, out + err
    (found,) = (json.loads(line) for line in out.splitlines() if line.startswith("["))
    assert sorted(found) == expected
    said = re.findall(r"(\d+) tasks of [^:]*: on the way to (\S+) at", out)
    assert set(said) == {(str(TASKS), names[1])}
    assert "The service can't be asked whether it accepted these tasks" in out
    unseen = re.findall(r"(\d+) tasks of [^:]*: not seen at the service at", out)
    assert unseen
    assert set(unseen) == {str(TASKS)}
    assert out.endswith("There is nothing to attach to.\nNone\n")
