"""Notebooks whose functions, classes and data have changed since their text ran: a worker, which
has none of this package, gives what the notebook gives."""

from __future__ import annotations

import contextlib
import linecache
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest

from gc_jupyter.capture import CellFuture, capture_cell
from gc_jupyter.errors import CaptureError
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.travel.sending import dumps
from tests.capture.conftest import Notebook
from tests.capture.conftest import notebook as notebook  # a fixture
from tests.pythons import others, run_all


def read() -> dict[str, list[str]]:
    """Name -> cells, the last one an expression."""
    text = Path(__file__).with_name("histories.txt").read_text("utf-8")
    found = {}
    for part in re.split(r"^=== ", text, flags=re.MULTILINE)[1:]:
        name, _, cells = part.partition("\n")
        found[name] = [cell.strip("\n") for cell in cells.split("\n---\n")]
    return found


HISTORIES = read()


def there(worker: str, folder: Path, notebooks: list[tuple[Notebook, str]]) -> list[Any]:
    """Each notebook's cell on one worker."""
    captured = [capture_cell(text, one.namespace) for one, text in notebooks]
    replies = run_all(worker, captured, folder)
    values = []
    for one, reply in zip(captured, replies, strict=True):
        try:
            values.append(CellFuture(one, "there").decode(reply))
        except Exception as error:
            values.append(error)
    return values


def test_the_same_as_here(endpoint_python: str, tmp_path: Path) -> None:
    notebooks = []
    here = []
    for *cells, expression in HISTORIES.values():
        notebook, again = Notebook(), Notebook()
        for cell in cells:
            notebook.local(cell)
            again.local(cell)
        notebooks.append((notebook, expression))
        here.append(repr(eval(expression, again.namespace)))  # on its own: it may change things
    values = [repr(one) for one in there(endpoint_python, tmp_path, notebooks)]
    assert dict(zip(HISTORIES, values, strict=True)) == dict(zip(HISTORIES, here, strict=True))


def test_nothing_is_run_again(notebook: Notebook, capfd: pytest.CaptureFixture[str]) -> None:
    notebook.local(
        "def noisy(f): print('decorated'); return f\n@noisy\ndef f(): return 1\n"
        "class A:\n    print('body')\n    def __init_subclass__(cls): print('hook')\n"
        "class B(A): pass"
    )
    capfd.readouterr()
    future = notebook.future("f(), B()")
    assert future.decode(future.reply)[0] == 1
    assert future.stdout == ""


@pytest.fixture(name="lg")
def _lg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module beside the notebook."""
    path = tmp_path / "lg.py"
    path.write_text(
        "BASE = 1\ndef mf(): return BASE\nlam = lambda: BASE\n"
        "class C:\n    def m(self): return BASE\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lg", raising=False)


@pytest.mark.usefixtures("lg")
def test_functions_of_a_module_keep_its_globals(
    notebook: Notebook, endpoint_python: str, tmp_path: Path
) -> None:
    notebook.local(
        "import importlib, lg\nfrom lg import mf, C as C0\ng = lg.lam\nc = C0()\nBASE = 'notebook'"
    )
    notebook.local("importlib.reload(lg)")
    text = "[mf(), g(), c.m(), lg.mf(), lg.lam(), C0 is lg.C, type(c) is C0]"
    expected = eval(text, notebook.namespace)
    assert there(endpoint_python, tmp_path, [(notebook, text)]) == [expected]


@pytest.mark.usefixtures("lg")
def test_what_was_set_in_a_module(notebook: Notebook, tmp_path: Path, endpoint_python: str) -> None:
    notebook.local("import lg\nfrom lg import mf\nlg.BASE = 5")
    cells = [(notebook, "mf(), lg.lam(), lg.C().m()")]
    assert there(endpoint_python, tmp_path, cells) == [(5, 5, 5)]
    (tmp_path / "lg.py").write_text((tmp_path / "lg.py").read_text().replace("= 1", "= 7"))
    assert there(endpoint_python, tmp_path, cells) == [(5, 5, 5)]


def test_what_one_reply_shares(notebook: Notebook) -> None:
    text = (
        "class A: pass\na = A()\ndef even(n): return n == 0 or odd(n - 1)\n"
        "def odd(n): return n != 0 and even(n - 1)\nshared = [1]; more = [shared]\n"
        "bad = (i for i in 'a')"
    )
    future = notebook.future(text, out=["A", "a", "even", "odd", "bad", "shared", "more"])
    future.decode(future.reply)
    out = future.out
    assert type(out["a"]) is out["A"]
    assert out["even"](4)
    assert out["even"].__globals__["odd"] is out["odd"]
    assert out["more"][0] is out["shared"]
    assert set(future.undecoded) == {"bad"}


def test_a_file_never_comes_back(notebook: Notebook, tmp_path: Path) -> None:
    path = tmp_path / "results.bin"
    path.write_bytes(b"mine")
    future = notebook.future(f"f = open({str(path)!r}, 'rb')\nf", out=["f"])
    value = future.decode(future.reply)
    assert "an open file" in value.reason
    assert "Open it" in value.reason
    assert path.read_bytes() == b"mine"


OPEN: dict[str, str] = {
    "written": "fh = open('x.bin', 'wb'); fh.write(b'a' * 1000); fh.flush()",
    "read": "fh = open('there', 'rb')",
    "text": "fh = open('there')",
    "both": "fh = open('there', 'r+b')",
    "raw": "import io; fh = io.FileIO('f', 'w')",
    "tarfile": "import tarfile; fh = tarfile.open('t.tar', 'w')",
    "zipfile": "import zipfile; fh = zipfile.ZipFile('t.zip', 'w')",
    "gzip": "import gzip; fh = gzip.open('t.gz', 'wb')",
    "bz2": "import bz2; fh = bz2.open('t.bz2', 'wb')",
    "lzma": "import lzma; fh = lzma.open('t.xz', 'wb')",
    "temporary": "import tempfile; fh = tempfile.NamedTemporaryFile(dir='.')",
    "spooled": "import tempfile; fh = tempfile.SpooledTemporaryFile()",
    "temporary folder": "import tempfile; fh = tempfile.TemporaryDirectory(dir='.')",
    "log": "import logging; fh = logging.FileHandler('l.log')",
    "shelf": "import shelve; fh = shelve.open('sh')",
    "database": "import dbm.dumb; fh = dbm.dumb.open('db', 'c')",
    "sqlite": "import sqlite3; fh = sqlite3.connect('s.db')",
    "mapped": "import mmap; f = open('there', 'r+b'); fh = mmap.mmap(f.fileno(), 0)",
    "socket": "import socket; fh = socket.socket()",
    "process": "import subprocess; fh = subprocess.Popen(['true'])",
    "pipe": "import subprocess; fh = subprocess.Popen(['true'], stdout=-1).stdout",
    "codec": "import codecs; fh = codecs.open('there', encoding='utf-8')",
    "its method": "fh = open('there').read",
    "descriptor": "import os; fh = os.fdopen(os.open('fd', os.O_CREAT | os.O_WRONLY), 'w')",
}
HANGS = [
    "r = fh",
    "r = [{'a': (fh,)}]",
    "class R: pass\nr = R(); r.fh = fh",
    "def hold(x):\n    def g(): return x\n    return g\nr = hold(fh)",
    "def r(): return fh",
    "def r(x=fh): return x",
    "class r:\n    f = fh",
    "import functools\nr = functools.partial(print, fh)",
]


@pytest.mark.parametrize("kind", OPEN)
def test_open_files_are_refused_untouched(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").write_text("content")
    notebook = Notebook()
    notebook.local(OPEN[kind])

    def files() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = files()
    for how in HANGS:
        notebook.local(how)
        with pytest.raises(CaptureError, match=r"uses '(r|fh)', which can't be sent") as caught:
            capture_cell("r", notebook.namespace)
        assert "it is, or holds, a" in str(caught.value)
        assert "in the code that uses it there" in caught.value.next_step
        value = notebook["r"]
        for sent in ([value], lambda value=value: value):
            with pytest.raises(Exception, match="it is, or holds, a"):
                ComputeSerializer().serialize(sent)
        assert files() == before
    with contextlib.suppress(AttributeError):
        notebook["fh"].close()  # else it is when the next test runs, in whose folder


def test_text_in_memory_is_data(notebook: Notebook) -> None:
    notebook.local("import io\na = io.StringIO('ab'); a.read(1)\nb = io.BytesIO(b'cd')")
    assert notebook.remote("a.read(), b.read()") == ("b", b"cd")


def test_code_without_a_source(notebook: Notebook) -> None:
    notebook.local("exec('def made(): return 1')\nrules = {'a': made}")
    with pytest.raises(CaptureError, match="the source of 'made' can't be found") as caught:
        capture_cell("rules", notebook.namespace, python="3.9.1")
    assert "not by exec or eval" in caught.value.next_step
    assert notebook.remote("rules['a']()", python="") == 1  # the reader looks at the version
    assert notebook.remote("rules['a']()") == 1


def test_a_file_that_has_changed(notebook: Notebook, tmp_path: Path) -> None:
    """The code that runs here is sent, or nothing: never the text that is there by now."""
    path = tmp_path / "edited.py"
    path.write_text("def f():\n    return 1\n")
    exec(compile(path.read_text(), str(path), "exec"), notebook.namespace)
    path.write_text("def f():\n    return 2\n")
    linecache.checkcache(str(path))
    assert notebook.remote("f()") == 1
    with pytest.raises(CaptureError, match="source of 'f'"):
        capture_cell("f()", notebook.namespace, python="3.9.1")


@pytest.mark.parametrize("version", others())
def test_another_python_gives_the_same(version: str, tmp_path: Path) -> None:
    test_the_same_as_here(others()[version], tmp_path)


def test_arrays_name_nothing_that_changes_with_numpy() -> None:
    """NumPy before 1.26 has no `numpy._core`."""
    value = [numpy.arange(3), numpy.float64(2.5), numpy.zeros((2, 2), order="F"), numpy.bool_(True)]
    data = dumps(value)
    assert b"_core" not in data
    assert repr(pickle.loads(data)) == repr(value)
