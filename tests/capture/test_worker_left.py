"""A worker is left as it was found: modules go with their task, and nothing of ours stays."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.capture import Captured, CellFuture, capture_cell
from tests.capture.conftest import Notebook
from tests.pythons import run_all

STATE = """
def probe():
    import asyncio, builtins, linecache, logging, os, random, signal, sys, warnings
    def name(one): return type(one).__module__ + "." + type(one).__qualname__
    plain = {
        "path": list(sys.path), "cwd": os.getcwd(), "environment": dict(os.environ),
        "signals": {int(n): repr(signal.getsignal(n)) for n in signal.valid_signals()},
        "filters": repr(warnings.filters), "handlers": repr(logging.root.handlers),
        "meta path": [getattr(one, "__name__", name(one)) for one in sys.meta_path],
        "builtins": sorted(vars(builtins)), "main": id(sys.modules["__main__"]),
        "streams": [name(one) for one in (sys.stdout, sys.stderr)],
        "random": hash(random.getstate()), "lines": [n for n in linecache.cache if n[:1] == "<"],
        "hooks": [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__],
        "modules": sorted(name for name, module in sys.modules.items()
                          if "gc_jupyter" in str(getattr(module, "__file__", "")) or
                          name.split(".")[0] in ("helpers", "kit", "IPython")),
    }
    loop = asyncio.get_event_loop_policy()
    plain["loop is set"] = getattr(loop._local, "_set_called", None)
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        plain["show"] = pyplot.show.__module__
        plain["interactive"] = pyplot.isinteractive()
    return plain
"""
CELLS = {
    "nothing": "1",
    "output": "import os, subprocess\nprint(1); os.system('echo 2'); display(3)",
    "an error": "1 / 0",
    "exit": "exit()",
    "await": """
import asyncio
await asyncio.sleep(0)
async def f(): await asyncio.sleep(0)
await f()""",
    "tasks left behind": """
import asyncio
t = asyncio.ensure_future(asyncio.sleep(60))
await asyncio.sleep(0)""",
    "IPython": """
from IPython.display import HTML, clear_output, display
display(HTML('a'))""",
    "magics": """
get_ipython().run_line_magic('timeit', '-n1 -r1 1')
get_ipython().run_line_magic('time', '1')""",
    "a directory": "import os, tempfile\nos.chdir(tempfile.mkdtemp())",
    "a directory that is gone": """
import os, tempfile
os.chdir(tempfile.mkdtemp())
os.rmdir(os.getcwd())""",
    "signals": """
import signal
signal.signal(signal.SIGUSR1, lambda *a: None)
signal.signal(signal.SIGALRM, print)
signal.alarm(1);""",
    "logging": """
import logging
handler = logging.StreamHandler()
logging.root.addHandler(handler)
logging.warning('x')
logging.root.removeHandler(handler)""",
    "main": """
import __main__, pickle
__main__.x = 1
class A: pass
pickle.loads(pickle.dumps(A()))""",
    "modules": """
import helpers, kit.inner
from kit import inner
helpers.f(), kit.inner.g()""",
}


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Modules beside the notebook: `helpers`, and a package `kit`."""
    folder = tmp_path / "beside"
    (folder / "kit").mkdir(parents=True)
    (folder / "helpers.py").write_text(
        "import kit.inner\nWHO = 'mine'\ndef f(): return WHO\nclass C: pass\n"
    )
    (folder / "kit/__init__.py").write_text("from . import inner\n")
    (folder / "kit/inner.py").write_text("def g(): return 'kit'\n")
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] in ("helpers", "kit")]:
        del sys.modules[name]


def captured(text: str, **options: Any) -> Captured:
    """A cell of a notebook that has imported what it names."""
    notebook = Notebook()
    if "helpers" in text:
        notebook.local("import helpers, kit.inner")
    return capture_cell(text, notebook.namespace, **options)


def decoded(one: Captured, reply: dict[str, Any]) -> Any:
    return CellFuture(one, "there").decode(reply)


@pytest.fixture
def worker(endpoint_python: str, tmp_path: Path) -> Callable[..., list[Any]]:
    def run(*given: Any, path: list[Path] | None = None) -> list[Any]:
        (tmp_path / "worker").mkdir(exist_ok=True)
        return run_all(endpoint_python, list(given), tmp_path / "worker", path)

    return run


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.usefixtures("beside")
def test_what_a_cell_leaves(worker: Callable[..., list[Any]], name: str) -> None:
    # what the first cell imports of the standard library stays, as with any task
    _, before, reply, after = worker(captured("1"), STATE, captured(CELLS[name]), STATE)
    assert reply["error"] is None or name in ("an error", "exit"), reply["error"]
    assert after == before
    assert [one for one in after["modules"] if not one.startswith("_gc_jupyter_")] == []


#: The endpoint's environment has no matplotlib: what looks like it from outside.
PYPLOT = """
figures, interactive, backend = {}, [True], ['tkagg']
def show(*args): raise RuntimeError('a window')
def get_backend(): return backend[0]
def switch_backend(name): backend[0] = name
def isinteractive(): return interactive[0]
def ion(): interactive[0] = True
def ioff(): interactive[0] = False
def get_fignums(): return list(figures)
"""
PYPLOT_STATE = """
def probe():
    import os
    import matplotlib.pyplot as p
    environment = os.environ.get('MPLBACKEND')
    return p.show.__module__, p.get_backend(), p.isinteractive(), environment
"""


@pytest.mark.parametrize("first", ["import matplotlib.pyplot", "pass"])
def test_matplotlib(worker: Callable[..., list[Any]], tmp_path: Path, first: str) -> None:
    folder = tmp_path / "fake/matplotlib"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "pyplot.py").write_text(PYPLOT)
    cell = captured("import matplotlib.pyplot as p\np.show(); p.get_backend(), p.isinteractive()")
    begin = f"def probe():\n    {first}"
    _, reply, after = worker(begin, cell, PYPLOT_STATE, path=[folder.parent])
    assert decoded(cell, reply) == ("agg", False)
    assert after == ("matplotlib.pyplot", "tkagg", True, None)


INSTALLED = """
def probe():
    import importlib, helpers
    return helpers.WHO, importlib.import_module("helpers").WHO, helpers.__name__
"""


@pytest.mark.parametrize("imported_before", [True, False])
@pytest.mark.usefixtures("beside")
def test_an_installed_module_is_not_hidden(
    worker: Callable[..., list[Any]],
    beside: Path,
    tmp_path: Path,
    imported_before: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/helpers.py").write_text("WHO = 'installed there'\n")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(sys, "path", [one for one in sys.path if one != str(beside)])
        plain = capture_cell("import helpers\nhelpers.WHO", {})  # of a notebook that has none
    mine = captured("helpers.f(), __import__('sys').modules['helpers'].WHO")
    begin = INSTALLED if imported_before else "def probe(): pass"
    given = (begin, mine, INSTALLED, plain, mine, INSTALLED)
    results = worker(*given, path=[tmp_path / "there"])
    theirs = ("installed there", "installed there", "helpers")
    assert decoded(mine, results[1]) == decoded(mine, results[4]) == ("mine", "mine")
    assert results[2] == results[5] == theirs
    assert decoded(plain, results[3]) == "installed there"


def test_two_modules_of_one_name(worker: Callable[..., list[Any]], beside: Path) -> None:
    tasks = []
    for who in ("first", "second", "first"):
        text = f"WHO = {who!r}\ncalls = []\ndef f(): calls.append(1); return WHO\n"
        (beside / "helpers.py").write_text(text)
        sys.modules.pop("helpers", None)
        tasks.append(captured("helpers.f(), len(helpers.calls)"))
    replies = worker(*tasks)
    values = [decoded(task, reply) for task, reply in zip(tasks, replies, strict=True)]
    assert values == [("first", 1), ("second", 1), ("first", 1)]


MEET = """
import os, time
open(os.path.join(meet, me), 'w').close()
end = time.monotonic() + 30
while len(os.listdir(meet)) < 3 and time.monotonic() < end: time.sleep(0.01)
"""
#: As a module of the notebook; with and without one of its name that is installed there.
HELPERS = """
%s
import dataclasses
from kit import inner
WHO = %r
@dataclasses.dataclass
class C:
    x: int = 1
def f():
    import kit.inner
    from kit.inner import g
    return WHO, g(), kit.inner.g()
"""


@pytest.mark.parametrize("is_installed", [True, False])
def test_two_modules_of_one_name_at_the_same_time(
    worker: Callable[..., list[Any]], beside: Path, tmp_path: Path, is_installed: bool
) -> None:
    """Tasks that are threads of one process, as on a ThreadPoolEngine, all under way at once."""
    meet = tmp_path / "meet"
    meet.mkdir()
    (tmp_path / "there").mkdir()
    if is_installed:
        (tmp_path / "there/helpers.py").write_text("WHO = 'installed there'\n")
    tasks: list[Any] = []
    for who in ("first", "second"):
        # dataclasses looks for the module of annotations that are text
        deferred = "" if is_installed else "from __future__ import annotations"
        (beside / "helpers.py").write_text(HELPERS % (deferred, who))
        sys.modules.pop("helpers", None)
        notebook = Notebook()
        notebook.local("import helpers, kit.inner")
        notebook.namespace.update(meet=str(meet), me=who)
        cell = f"first = helpers.f()\n{MEET}import helpers as again"
        cell += "\nfirst, again.f(), again.C(2).x, helpers is again"
        tasks.append(capture_cell(cell, notebook.namespace))
    plain = f"def probe():\n    meet, me = {str(meet)!r}, 'plain'\n"
    plain += "".join(f"    {line}\n" for line in MEET.splitlines())
    plain += (
        "    import importlib.util, sys\n    found = importlib.util.find_spec('helpers')\n"
        "    return found and __import__('helpers').WHO, 'kit' in sys.modules"
    )
    (replies, after) = worker([*tasks, plain], STATE, path=[tmp_path / "there"])
    for who, task, reply in zip(("first", "second"), tasks, replies[:2], strict=True):
        used = (who, "kit", "kit")
        assert decoded(task, reply) == (used, used, 2, True)
    assert replies[2] == ("installed there" if is_installed else None, False)
    left = {one for one in after["modules"] if not one.startswith("_gc_jupyter_")}
    assert left == ({"helpers"} if is_installed else set())


@pytest.mark.usefixtures("beside")
def test_objects_of_such_modules(worker: Callable[..., list[Any]]) -> None:
    """They go and come by reference: the notebook's own class is met again."""
    notebook = Notebook()
    notebook.local("import helpers, kit.inner\nc = helpers.C(); c.x = 3")
    cell = "assert type(c) is helpers.C\nd = helpers.C(); d.x = c.x + 1\nd"
    task = capture_cell(cell, notebook.namespace)
    (reply,) = worker(task)
    value = decoded(task, reply)
    assert type(value) is notebook["helpers"].C
    assert value.x == 4
    ((reply,),) = worker([task])  # in a thread
    value = decoded(task, reply)
    assert getattr(value, "x", None) == 4 or "helpers" in str(value.reason)


def test_what_a_plain_task_would_leave_stays(worker: Callable[..., list[Any]]) -> None:
    cell = """
import colorsys, os, random, sys, warnings
os.environ['GC_TEST'] = '1'
sys.path.append('/gc-test')
warnings.simplefilter('ignore', FutureWarning)
random.seed(5)"""
    state = """
def probe():
    import os, random, sys, warnings
    kept = os.environ.get('GC_TEST'), sys.path[-1], warnings.filters[0][2]
    return (*kept, random.random(), 'colorsys' in sys.modules)
"""
    _, after = worker(captured(cell), state)
    assert after == ("1", "/gc-test", FutureWarning, random.Random(5).random(), True)


@pytest.mark.usefixtures("beside")
def test_builtins_is_a_module(worker: Callable[..., list[Any]]) -> None:
    text = "type(__builtins__).__name__, __builtins__.len([1]), hasattr(__builtins__, 'nothing')"
    cell, with_modules = captured(text), captured(f"helpers\n{text}")
    first, (second, third) = worker(cell, [cell, with_modules])
    for task, reply in ((cell, first), (cell, second), (with_modules, third)):
        assert decoded(task, reply) == ("module", 1, False)
