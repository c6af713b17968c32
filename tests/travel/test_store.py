"""The store's folder, each fault made for real."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gc_jupyter.travel import store as stores
from gc_jupyter.travel.store import MissingParts, PartsWriter, Store, StoreError, name_of

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="only root can make this fault")


def files(store: Store) -> list[str]:
    return sorted(os.listdir(store.folder))


def used(store: Store, name: str, seconds_ago: float) -> None:
    then = time.time() - seconds_ago
    os.utime(os.path.join(store.folder, name), (then, then))


def test_parts_are_their_accounts_alone(store: Store) -> None:
    before = os.umask(0)
    try:
        name = store.put(b"some bytes")
    finally:
        os.umask(before)
    assert name == name_of(b"some bytes")
    assert store.read(name) == b"some bytes"
    assert os.stat(store.folder).st_mode & 0o777 == 0o700
    assert os.stat(os.path.join(store.folder, name)).st_mode & 0o777 == 0o600
    assert store.put(memoryview(b"some bytes")) == name
    assert files(store) == [name]


def test_a_folder_that_others_could_read_is_closed(store: Store) -> None:
    os.makedirs(store.folder)
    os.chmod(store.folder, 0o755)
    store.put(b"x")
    assert os.stat(store.folder).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("size", [0, 1, stores.PART, stores.PART + 1, 2 * stores.PART + 7])
def test_values_in_parts(store: Store, size: int) -> None:
    data = os.urandom(1000) * (size // 1000 + 1)
    data = data[:size]
    stored = store.write(data)
    assert stored["size"] == size
    assert len(stored["parts"]) == -(-size // stores.PART)
    assert store.read_all(stored) == data
    assert store.open(stored).read() == data
    writer = PartsWriter(store.put)
    for at in range(0, size, 999_983):
        writer.write(data[at : at + 999_983])
    assert writer.stored() == stored


@pytest.mark.parametrize("damage", [b"", b"some byteX", b"some bytes and more"])
def test_what_was_damaged_isnt_there(store: Store, damage: bytes) -> None:
    name = store.put(b"some bytes")
    Path(store.folder, name).write_bytes(damage)
    with pytest.raises(MissingParts) as caught:
        store.read(name)
    assert caught.value.names == [name]
    assert store.folder in str(caught.value)
    assert store.missing([name]) == [name]
    assert store.read(store.put(b"some bytes")) == b"some bytes"


def test_what_was_purged_isnt_there(store: Store) -> None:
    stored = store.write(b"some bytes")
    (name,) = stored["parts"]
    assert store.missing([name, name]) == []
    assert store.forget([name]) == 1
    with pytest.raises(MissingParts):
        store.read_all(stored)
    with pytest.raises(MissingParts):
        store.open(stored).read()
    assert store.forget([name]) == 0


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", "A" * 64, ".swept", "0" * 63, None])
def test_names_lead_nowhere_else(store: Store, name: str) -> None:
    for call in (store.read, lambda one: store.missing([one]), lambda one: store.forget([one])):
        with pytest.raises(StoreError, match="not the name of a part"):
            call(name)


@pytest.mark.skipif(os.name != "posix", reason="no links here")
@pytest.mark.parametrize("kind", ["link", "link of the same bytes", "dangling", "pipe"])
def test_a_link_isnt_followed(store: Store, tmp_path: Path, kind: str) -> None:
    """What stands in a part's place counts as missing, and the part takes it."""
    data = b"secret"
    elsewhere = tmp_path / "elsewhere"
    if kind != "dangling":
        elsewhere.write_bytes(data if "same" in kind else b"other!")
    store.put(b"x")
    name = name_of(data)
    path = Path(store.folder, name)
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(elsewhere)
    assert store.missing([name]) == [name]
    with pytest.raises(MissingParts):
        store.read(name)
    assert store.read(store.put(data)) == data
    assert path.is_file()
    assert not path.is_symlink()
    if kind != "dangling":
        assert elsewhere.read_bytes() == (data if "same" in kind else b"other!")


@as_root
def test_what_another_account_has_put_there(store: Store, tmp_path: Path) -> None:
    """The folder was open to others before it was a store: what they left does nothing."""
    os.makedirs(store.folder, 0o777)
    os.chmod(store.folder, 0o777)
    planted = Path(store.folder)
    record = {"id": "0" * 32, "names": ["a"], "at": 1.0, "pickle": {"parts": []}, "buffers": []}
    (planted / f"{'0' * 32}.kept").write_text(json.dumps(record))
    (tmp_path / "record").write_text(json.dumps({**record, "id": "1" * 32}))
    (planted / f"{'1' * 32}.kept").symlink_to(tmp_path / "record")
    (planted / f"{'2' * 32}.kept").symlink_to(planted / f"{'2' * 32}.kept")
    os.mkfifo(planted / f"{'3' * 32}.kept")
    (planted / ".swept").symlink_to(tmp_path / "record")
    for one in planted.iterdir():
        os.chown(one, 12345, 12345, follow_symlinks=False)
    old = store.put(b"old")
    used(store, old, 15 * 86400)
    assert os.stat(store.folder).st_mode & 0o777 == 0o700
    assert store.records.every() == []
    store.sweep_sometimes()
    assert old not in files(store)
    assert (tmp_path / "record").read_text() == json.dumps({**record, "id": "1" * 32})


@as_root
def test_a_link_that_another_account_has_made(tmp_path: Path) -> None:
    """It would lead to a folder of one's own that others may read."""
    (tmp_path / "public").mkdir(0o755)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "public")
    Store(str(link)).put(b"x")
    os.chown(link, 12345, 12345, follow_symlinks=False)
    os.chmod(tmp_path / "public", 0o755)
    with pytest.raises(StoreError, match="belongs to another account"):
        Store(str(link)).put(b"x")
    assert os.stat(tmp_path / "public").st_mode & 0o777 == 0o755


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A disk of this size, such as ``"8m"``; the test is skipped where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)]
    if subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "256k") as folder:
        yield folder


@as_root
def test_a_full_disk(small_disk: Path) -> None:
    store = Store(str(small_disk / "store"))
    kept = store.put(b"x" * 100_000)
    with pytest.raises(StoreError, match=r"The disk of the store .* is full") as caught:
        store.put(b"y" * 500_000)
    assert "\n" not in str(caught.value)
    assert files(store) == [kept]  # nothing half written stays
    assert store.read(kept) == b"x" * 100_000


def test_a_quota_that_is_used_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is made here: few systems of tests have quotas."""

    def full(*_args: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    store.put(b"x")
    before = files(store)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StoreError, match=r"The quota of the account is used up in the store .*:"):
        store.put(b"y" * 1000)
    assert files(store) == before


@as_root
def test_another_accounts_folder(store: Store) -> None:
    os.makedirs(store.folder)
    os.chown(store.folder, 12345, 12345)
    with pytest.raises(StoreError, match="belongs to another account: name a folder") as caught:
        store.put(b"x")
    assert "\n" not in str(caught.value)
    assert files(store) == []


#: What another account tries: by the store's own code, and past it.
INTRUDER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from gc_jupyter.travel.store import Store, StoreError
folder, name = sys.argv[2:]
path = os.path.join(folder, name)
for act in (lambda: os.listdir(folder), lambda: open(path), lambda: os.unlink(path),
            lambda: open(os.path.join(folder, "new"), "w"), lambda: os.rename(path, path + "2"),
            lambda: os.chmod(folder, 0o777)):
    try:
        act()
    except PermissionError:
        print("denied")
for act in (lambda: Store(folder).put(b"x"), lambda: Store(folder).read(name)):
    try:
        act()
    except StoreError as error:
        print(error)
"""


@as_root
def test_what_another_account_can_do() -> None:
    """As root the store's owner, and another account by setuid."""
    python, code = "/usr/bin/python3", str(Path(stores.__file__).parents[2])
    as_other = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", python, "-I", "-c"]
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        os.chmod(home, 0o755)
        store = Store(os.path.join(home, "store"))
        name = store.put(b"some bytes")
        command = [
            *as_other,
            "import sys; sys.path.insert(0, sys.argv[1]); import gc_jupyter.travel.store",
        ]
        if subprocess.run([*command, code], capture_output=True).returncode:
            pytest.skip("another account can't run this code here")
        done = subprocess.run(
            [*as_other, INTRUDER, code, store.folder, name], capture_output=True, text=True
        )
        lines = done.stdout.splitlines()
        assert lines[:6] == ["denied"] * 6, done.stderr
        assert len(lines) == 8
        assert all(
            "belongs to another account: name a folder of your own" in one for one in lines[6:]
        )
        assert files(store) == [name]
        assert store.read(name) == b"some bytes"


def test_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreError, match=r"can't be (used|written) \(.*(exists|directory)"):
        Store(str(tmp_path / "store")).put(b"x")
    with pytest.raises(StoreError, match=r"can't be used \(Not a directory\)"):
        Store(str(tmp_path / "store" / "under")).put(b"x")


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(stores.VARIABLE, raising=False)
    assert Store().folder == str(tmp_path / ".gc_jupyter" / "store")
    monkeypatch.setenv("SCRATCH", "/scratch/me")
    monkeypatch.setenv(stores.VARIABLE, "$SCRATCH/values")
    assert Store().folder == "/scratch/me/values"
    assert Store("~/mine").folder == str(tmp_path / "mine")
