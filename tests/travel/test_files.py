# ruff: noqa: SIM115 (open files are what this is about)
"""No pickle opens, makes or changes a file: a tree is hashed before and after hostile captures."""

from __future__ import annotations

import gzip
import io
import logging
import re
import shelve
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.errors import ComputeError
from gc_jupyter.serialize import ComputeSerializer
from tests.service.handle import Loopback
from tests.travel.kernel import Answer, History, Kernel, KernelDied, digests

#: What every notebook here begins with: files that are written to, and ones that are there.
SETUP = """
import bz2, codecs, contextlib, csv, ctypes, dbm, functools, gzip, io, itertools, logging, lzma
import mmap, multiprocessing.shared_memory, os, shelve, socket, sqlite3, subprocess, sys, tarfile
import tempfile, zipfile
for name_ in ('old.bin', 'old.txt', 'results.bin'):
    with open(name_, 'wb') as made_: made_.write(b'kept ' * 400)
with gzip.open('old.gz', 'wb') as made_: made_.write(b'kept')
with tarfile.open('old.tar', 'w') as made_: made_.add('old.txt')
with zipfile.ZipFile('old.zip', 'w') as made_: made_.write('old.txt')
def written(one, data):
    one.write(data)
    return one
"""

OPEN_FILES = {
    "written": "written(open('new.bin', 'wb'), b'x' * 1000)",
    "read": "open('old.bin', 'rb')",
    "updated": "written(open('old.bin', 'r+b'), b'y' * 10)",
    "appended": "written(open('old.bin', 'ab'), b'y' * 10)",
    "raw": "open('new.bin', 'wb', buffering=0)",
    "raw read": "io.FileIO('old.bin')",
    "text": "written(open('new.txt', 'w'), 'x' * 1000)",
    "text read": "open('old.txt')",
    "random": "io.BufferedRandom(io.FileIO('old.bin', 'r+'))",
    "wrapped": "io.TextIOWrapper(io.BufferedWriter(io.FileIO('new.txt', 'w')))",
    "codecs": "codecs.open('new.txt', 'w', 'utf-8')",
    "gzip": "written(gzip.open('new.gz', 'wb'), b'x' * 1000)",
    "gzip read": "gzip.open('old.gz')",
    "bz2": "bz2.open('new.bz2', 'wb')",
    "lzma": "lzma.open('new.xz', 'wb')",
    "tar": "tarfile.open('new.tar', 'w')",
    "tar read": "tarfile.open('old.tar')",
    "zip": "zipfile.ZipFile('new.zip', 'w')",
    "zip read": "zipfile.ZipFile('old.zip')",
    "zip member": "zipfile.ZipFile('old.zip').open('old.txt')",
    "named temporary": "tempfile.NamedTemporaryFile(dir='.')",
    "temporary": "tempfile.TemporaryFile(dir='.')",
    "temporary folder": "tempfile.TemporaryDirectory(dir='.')",
    "log": "logging.FileHandler('new.log')",
    "shelf": "shelve.open('shelf')",
    "dbm": "dbm.open('database', 'c')",
    "sqlite": "sqlite3.connect('new.sqlite')",
    "mmap": "mmap.mmap(os.open('old.bin', os.O_RDWR), 0)",
    "socket": "socket.socket()",
    "spooled": "written(tempfile.SpooledTemporaryFile(), b'x')",
    "pipe": "os.fdopen(os.pipe()[0])",
    "shared memory": "multiprocessing.shared_memory.SharedMemory(create=True, size=9)",
    "library": "ctypes.CDLL(None)",
    "process": "subprocess.Popen(['true'], stdout=subprocess.PIPE)",
}
#: Where one may hang; F is the file.
PLACES = {
    "list": "held = [1, {'k': (F,)}]",
    "attribute": "class R: pass\nheld = R(); held.fh = F",
    "slot": "class R:\n    __slots__ = ('fh',)\nheld = R(); held.fh = F",
    "class attribute": "class R: pass\nR.fh = F\nheld = R()",
    "class of the cell's use": "class held:\n    fh = F",
    "default": "def held(x, fh=F): return fh",
    "keyword default": "def held(x, *, fh=F): return fh",
    "closure": "def make(fh):\n    def inner(): return fh\n    return inner\nheld = make(F)",
    "global of a function": "fh = F\ndef held(): return fh",
    "partial": "held = functools.partial(print, file=F)",
    "function attribute": "def held(): pass\nheld.fh = F",
    "bound method": "held = F.close",
    "iterator": "held = iter(F)",
    "map": "held = map(str, F)",
    "enumerate": "held = enumerate(F)",
    "chain": "held = itertools.chain(F)",
    "reader": "held = csv.reader(F)",
    "exit stack": "held = contextlib.ExitStack(); held.enter_context(F)",
    "exception": "held = ValueError(F)",
    "property": "class R: pass\nR.fh = property(lambda self, fh=F: fh)\nheld = R()",
    "decorated": "def deco(one):\n    fh = F\n    @functools.wraps(one)\n"
    "    def inner(): return fh\n    return inner\n@deco\ndef held(): pass",
    "subclass": "class R(dict): pass\nheld = R(); held.fh = F",
    "reduced": "class R:\n    def __reduce__(self): return (list, ([self.fh],))\n"
    "held = R(); held.fh = F",
    "opened again": "class R:\n    def __reduce__(self): return (open, ('new.bin', 'wb'))\n"
    "held = R(); held.fh = F",
    "made again": "class R:\n    def __init__(self, fh): self.fh = fh\n"
    "    def __reduce__(self): return (R, (1,))\nheld = R(F)",
    "left out of the state": "class R:\n    def __getstate__(self): return {'n': 1}\n"
    "    def __setstate__(self, state): self.fh = open('new.bin', 'wb')\nheld = R(); held.fh = F",
    "left out of a slot": "class R:\n    __slots__ = ('fh',)\n"
    "    def __reduce__(self): return (R, ())\nheld = R(); held.fh = F",
    "handler": "held = logging.StreamHandler(F)",
    "module": "import lg as held\nheld.fh = F",
    "class of a module": "import lg as held\nheld.K.fh = F",
    "instance in a module": "import lg as held\nheld.k = held.K(); held.k.fh = F",
    "default in a module": "import lg as held\nheld.f.__defaults__ = (F,)",
    "closure in a module": "import lg as held\ndef hold(fh):\n    def inner(): return fh\n"
    "    return inner\nheld.f = hold(F)",
    "module that another one imports": "import lh as held\nheld.lg.fh = F",
    "function of such a module": "import lg\nfrom lg import f as held\nlg.fh = F",
    "instance of such a module": "import lg\nheld = lg.K()\nlg.fh = F",
    "made module": "import types\nheld = types.ModuleType('made')\nheld.fh = F",
}  # fmt: skip


@pytest.fixture(scope="module")
def far(loopback_session: Loopback) -> Iterator[Kernel]:
    """A kernel whose cells run by the official `execute_task`, in the endpoint's environment."""
    with Kernel(loopback_session.endpoint("inline"), loopback_session.environment) as kernel:
        yield kernel


def see(kernel: Kernel, *cells: str, out: tuple[str, ...] = ()) -> Answer:
    *before, cell = cells
    try:
        answer = kernel.see(History((), tuple(before), cell, out))
    except KernelDied as error:
        pytest.fail(str(error))
    assert answer.before == []
    assert answer.files == []
    return answer


@pytest.mark.parametrize("kind", OPEN_FILES)
def test_an_open_file(far: Kernel, kind: str) -> None:
    answer = see(far, SETUP, f"held = {OPEN_FILES[kind]}", "type(held).__name__")
    assert "'held'" in answer.refused, answer.there


@pytest.mark.parametrize("kind", ["written", "read", "text read", "gzip"])
@pytest.mark.parametrize("place", PLACES)
def test_wherever_it_hangs(far: Kernel, place: str, kind: str) -> None:
    cell = PLACES[place].replace("F", OPEN_FILES[kind])
    modules = (
        "%%writefile lg.py\ndef f(x=1): return x\nclass K: pass",
        "%%writefile lh.py\nimport lg",
    )
    written = modules if "import l" in cell else ()
    answer = see(far, *written, SETUP, cell, "type(held).__name__")
    # R is what held is made of
    assert re.search(r"'(held|fh|R|lg\.\w+)'", answer.refused), answer.there


@pytest.mark.parametrize("name", ["sys.stdout", "sys.stderr", "sys.stdin"])
def test_the_shells_own_streams(far: Kernel, name: str) -> None:
    """They are there, too, or are refused: nothing is read, closed or written."""
    see(far, SETUP, f"held = [{name}]", "type(held).__name__")


@pytest.mark.parametrize("kind", OPEN_FILES)
def test_one_that_the_cell_opens(far: Kernel, kind: str) -> None:
    """It stays there, with what was written; a file of that name here is left alone."""
    opened = OPEN_FILES[kind].replace("new.", "results.")
    cell = f"{SETUP}\nheld = {opened}\n[held]"
    answer = see(far, SETUP, cell, out=("held",))
    assert answer.there[0].error == "", answer.there
    assert "held stays on" in answer.there[0].stderr or "can't be" in answer.there[0].stderr


def test_a_value_that_is_read_by_opening_a_file(far: Kernel) -> None:
    """It holds none; where it is read, here or there, a file would be emptied."""
    kind = "class R:\n    def __reduce__(self): return (open, ('old.bin', 'wb'))\n"
    answer = see(far, SETUP, f"{kind}held = R()", "held")
    assert "'held'" in answer.refused
    assert "it is read by opening a file" in answer.refused
    said = see(far, SETUP, f"{kind}held = R()", out=("held",)).there[0].stderr
    assert "it is read by opening a file" in said


def test_what_it_wrote_there_is_kept(far: Kernel) -> None:
    cell = "held = open('results.bin', 'wb'); held.write(b'x' * 1000); held.flush()\nheld"
    see(far, SETUP, cell, out=("held",))
    answer = see(far, "import os; os.path.getsize('results.bin')")
    assert answer.there[0].value == "1000"


# --- the other picklers -------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files are the same afterwards."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.bin", "a.txt"):
        (tmp_path / name).write_bytes(b"kept " * 100)
    with tarfile.open("a.tar", "w") as tar, zipfile.ZipFile("a.zip", "w") as archive:
        tar.add("a.txt")
        archive.write("a.txt")
    with gzip.open("a.gz", "wb") as packed:
        packed.write(b"kept")
    before = digests(tmp_path)
    yield tmp_path
    after = digests(tmp_path)
    assert {name: after.get(name) for name in before} == before


MADE: dict[str, Callable[[], Any]] = {
    "read": lambda: open("a.bin", "rb"),
    "updated": lambda: open("a.bin", "r+b"),
    "raw": lambda: io.FileIO("a.bin"),
    "text": lambda: open("a.txt"),
    "gzip": lambda: gzip.open("a.gz"),
    "tar": lambda: tarfile.open("a.tar"),
    "zip": lambda: zipfile.ZipFile("a.zip"),
    "temporary": lambda: tempfile.NamedTemporaryFile(dir="."),
    "log": lambda: logging.FileHandler("a.txt"),
    "shelf": lambda: shelve.open("shelf"),
}


class Holder:
    """Of this session, as a notebook's."""

    __module__ = "__main__"

    def __init__(self, held: Any) -> None:
        self.held = held


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("kind", MADE)
def test_the_serializer(kind: str) -> None:
    held = MADE[kind]()
    for value in (held, [held], {"k": Holder(held)}, lambda: held):
        with pytest.raises(ComputeError, match=r"file|open|handler"):
            ComputeSerializer().serialize(value)
    held.close()


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("kind", MADE)
def test_an_executor(kind: str, client: Client, loopback: Loopback) -> None:
    held = MADE[kind]()

    def uses() -> Any:
        return held

    with Executor(loopback.endpoint("inline"), client=client) as executor:
        for call in ((len, [held]), (uses,), (len, [Holder(held)])):
            with pytest.raises(ComputeError, match=r"file|open|handler"):
                executor.submit(*call).result(60)
    held.close()
    assert not loopback.requests("POST", "/submit")
