"""What the store's folder holds: what is removed, its bound, and several that use it at once."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.travel.store import Store, StoreError, name_of
from tests.travel.test_store import files, used


def test_what_nobody_has_used_for_long_is_removed(store: Store) -> None:
    old, new = store.put(b"old"), store.put(b"new")
    read, asked = store.put(b"read"), store.put(b"asked")
    for name in (old, read, asked):
        used(store, name, 15 * 86400)
    store.read(read)
    assert store.missing([asked]) == []
    Path(store.folder, ".part_cut_off").write_bytes(b"x")
    Path(store.folder, "of the user").write_bytes(b"x")
    for name in (".part_cut_off", "of the user"):
        used(store, name, 20 * 86400)
    store.sweep_sometimes()
    assert files(store) == sorted([new, read, asked, ".swept", "of the user"])
    used(store, new, 15 * 86400)
    store.sweep_sometimes()  # somebody did so just now
    assert new in files(store)
    used(store, ".swept", 7200)
    store.sweep_sometimes()
    assert new not in files(store)


def test_the_whole_has_a_bound(store: Store) -> None:
    store.bound = 1000
    names = [store.put(bytes([at]) * 300) for at in range(3)]
    for at, name in enumerate(names):
        used(store, name, 7200 - at)
    store.sweep(room=400)
    assert files(store) == sorted(names[1:])
    for name in names[1:]:
        store.read(name)
    with pytest.raises(StoreError, match=r"may have 1.0 kB, and 600 B of it are in use"):
        store.sweep(room=500)
    assert files(store) == sorted(names[1:])


KILLED = """
import os, signal, sys
from gc_jupyter.travel.store import Store
store = Store(sys.argv[1])
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store.put(b"x" * 1_000_000)
"""


def test_killed_while_it_writes(store: Store) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, store.folder])
    assert done.returncode == -9
    name = name_of(b"x" * 1_000_000)
    assert store.missing([name]) == [name]
    assert store.read(store.put(b"x" * 1_000_000)) == b"x" * 1_000_000


TOGETHER = """
import sys
from gc_jupyter.travel.store import Store
store = Store(sys.argv[1])
sys.stdin.readline()
for at in range(50):
    name = store.put(bytes([at]) * 100_000)
    assert store.read(name) == bytes([at]) * 100_000
"""


def test_several_put_the_same_at_once(store: Store) -> None:
    at_once(TOGETHER, store)
    assert len(files(store)) == 50


FILLING = """
import os, sys
from gc_jupyter.travel import store as stores
stores._PUT_S = 0.0
store = stores.Store(sys.argv[1], bound=2_000_000)
sys.stdin.readline()
try:
    for _ in range(40):
        store.sweep_sometimes(100_000)
        store.put(os.urandom(100_000))
except stores.StoreError as error:
    print(error)
"""


def test_several_fill_it_at_once(store: Store) -> None:
    """All were told that there is room: together they stay within the bound."""
    store.put(b"x")
    lines = at_once(FILLING, store)
    total = sum(os.stat(os.path.join(store.folder, one)).st_size for one in files(store))
    assert 1_700_000 < total <= 2_000_000 + 2 * 100_000
    assert all(one.count("may have 2.0 MB") == 1 for one in lines)


@pytest.mark.parametrize("name", ["utime", "unlink", "open"])
def test_another_removes_the_mark_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A full store is said, at each step at which another process may remove the sweep's mark."""
    store.bound = 1000
    store.put(b"x" * 900)
    step: Callable[..., Any] = getattr(os, name)
    unlink = os.unlink

    def removed(path: Any, *more: Any, **options: Any) -> Any:
        if os.path.basename(path) == ".swept":
            with contextlib.suppress(OSError):
                unlink(path)
            raise FileNotFoundError(path)
        return step(path, *more, **options)

    monkeypatch.setattr(os, name, removed)
    for _ in range(2):
        with pytest.raises(StoreError, match="900 B of it are in use"):
            store.sweep_sometimes(200)


SWEEPING = """
import sys
from gc_jupyter.travel.store import Store
store = Store(sys.argv[1], bound=6_000)
sys.stdin.readline()
store.sweep()
"""


def test_several_sweep_at_once(store: Store) -> None:
    """What is old goes, then the oldest until the rest fits; what is kept stays."""
    kept = store.write(b"kept" * 250)
    record = {"id": "0" * 32, "names": ["a"], "at": 1.0, "pickle": kept, "buffers": []}
    store.add_record(record)
    old = [store.put(b"%4d" % at * 250) for at in range(100)]
    newer = [store.put(b"%4d" % at * 250) for at in range(100, 110)]
    for name in (*old, *kept["parts"]):
        used(store, name, 15 * 86400)
    for at, name in enumerate(newer):
        used(store, name, 86400 - at)
    at_once(SWEEPING, store)
    assert files(store) == sorted([f"{'0' * 32}.kept", *kept["parts"], *newer[5:]])


def at_once(text: str, store: Store) -> list[str]:
    """Three processes that run a text on a store, and what each says."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", text, store.folder]
    running = [subprocess.Popen(command, text=True, **pipes) for _ in range(3)]
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = [one.communicate()[0] for one in running]
    assert [one.returncode for one in running] == [0, 0, 0]
    return said
