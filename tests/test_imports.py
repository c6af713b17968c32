"""Importing the package costs a notebook next to nothing, whatever it may do later."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import gc_jupyter

#: What a notebook that only loads the extension need not wait for.
HEAVY = ["pika", "dill", "ipywidgets", "anywidget", "globus_sdk", "pebble", "requests", "urllib3"]

REPORT = f"""
import json, sys, threading
loaded = [name for name in {HEAVY} if name in sys.modules]
print(json.dumps([loaded, [thread.name for thread in threading.enumerate()]]))
"""
IN_IPYTHON = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import sys
before = set(sys.modules)
shell.run_line_magic("load_ext", "gc_jupyter")
assert "gcrun" in shell.magics_manager.magics["cell"]
"""


#: A kernel that was killed while a task ran has left it in the journal.
AN_EARLIER_TASK = """
import time
from gc_jupyter.journal import Database, Entry, KernelSession, journal_path
gone = KernelSession(kernel="gone", host="elsewhere")
ids = "task", "group", "endpoint", "far", "function"
entry = Entry(gone.session, 1, *ids, "", "cell", "", "", 1, "", "", "success", time.time())
database = Database(journal_path())
database.add_session(gone)
database.add_tasks([entry])
database.close()
"""
#: The parts of this package that may have been imported when the user is told of it.
LIGHT = {"errors", "future", "journal", "magics", "own_files", "protocol", "remote_text", "runtime"}
LIGHT |= {"moments", "options", "types"}


def run(code: str) -> tuple[list[str], list[str]]:
    """What of `HEAVY` is loaded after this code in a fresh Python, and which threads run."""
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded, threads = json.loads(done.stdout.splitlines()[-1])
    return loaded, threads


@pytest.mark.parametrize(
    "code",
    ["import gc_jupyter", "import gc_jupyter; dir(gc_jupyter)", "import gc_jupyter.types"],
)
def test_import(code: str) -> None:
    assert run(code) == ([], ["MainThread"])


def test_load_ext() -> None:
    shell_alone = run(IN_IPYTHON.partition("shell.run_line_magic")[0])
    assert run(IN_IPYTHON) == shell_alone


def test_load_ext_with_an_earlier_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told of, and nothing is imported that only its result would need."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    run(AN_EARLIER_TASK)
    code = f"import jupyter_core.paths\n{IN_IPYTHON}\nprint(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    ready, said, loaded = done.stdout.splitlines()
    assert ready.startswith("Ready: ")
    assert said == "1 earlier task: 1 success. %gc attach"
    names = [name.split(".") for name in loaded.split() if name.startswith("gc_jupyter.")]
    assert {name[1] for name in names} <= LIGHT


def test_naming_the_executor_starts_no_thread() -> None:
    loaded, threads = run("from gc_jupyter import Executor, Client, TaskFuture")
    assert threads == ["MainThread"]
    assert not {"pika", "pebble", "ipywidgets"} & set(loaded)


def test_unknown_public_name() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import gc_jupyter; gc_jupyter.Nothing"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "AttributeError: module 'gc_jupyter' has no attribute 'Nothing'" in done.stderr


PACKAGE = Path(gc_jupyter.__file__).parent
EXPORTING = [
    ".".join(("gc_jupyter", *file.parent.relative_to(PACKAGE).parts))
    for file in sorted(PACKAGE.rglob("__init__.py"))
    if "__all__ = " in file.read_text("utf-8")
]


@pytest.mark.parametrize("package", EXPORTING)
def test_every_exported_name_is_there(package: str) -> None:
    """Packages import at first use: nothing else would notice that a module was renamed."""
    module = importlib.import_module(package)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
