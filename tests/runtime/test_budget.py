"""Slots of submissions that processes share by a file: what disks and killed kernels do."""

from __future__ import annotations

import os
import signal
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from gc_jupyter.protocol.pacing import SUBMISSIONS, WINDOW_S
from gc_jupyter.runtime import budget as budgets
from gc_jupyter.runtime.budget import Budget

ADDRESS = "https://service.example"
#: Takes slots, says so, and gives them back when told.
KERNEL = """
import sys
from pathlib import Path
from gc_jupyter.runtime.budget import Budget

budget = Budget("https://service.example", Path(sys.argv[1]))
for line in sys.stdin:
    if line.strip() == "give back":
        for slot in taken:
            budget.give_back(slot)
    else:
        taken = [budget.take_slot() for _ in range(int(line))]
    print([slot for slot in taken if slot is not None], flush=True)
"""


class Kernel:
    """Another process that uses the same file."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", KERNEL, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, what: object) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def take(self, count: int) -> list[int]:
        return [int(one) for one in self.do(count).strip("[]\n").split(",") if one.strip()]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Clock:
    """Of this process; it stands still until it is moved."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._real = budgets.clock

    def __call__(self) -> float:
        return self._real() + self.offset


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(budgets, "clock", made)
    return made


def take_all(budget: Budget) -> list[int]:
    taken = iter(budget.take_slot, None)
    return list(taken)


def test_two_kernels_share_the_slots(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "slots" / "one"
    here, other = Budget(ADDRESS, path), Kernel(path)
    try:
        theirs = other.take(8)
        assert len(theirs) == 8
        mine = take_all(here)
        assert sorted(mine + theirs) == list(range(SUBMISSIONS))
        assert other.take(1) == []
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for slot in mine:
            here.give_back(slot)
        assert here.take_slot() is None  # 10 s from the reply on
        clock.offset = WINDOW_S + 0.01
        assert len(take_all(here)) == len(mine)  # theirs are under way, however long that takes
        other.do("give back")
        clock.offset = 2 * WINDOW_S
    finally:
        other.kill()


def test_a_killed_kernel_holds_nothing_up(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "one"
    here, other = Budget(ADDRESS, path), Kernel(path)
    assert len(other.take(SUBMISSIONS)) == SUBMISSIONS
    other.kill()
    assert here.take_slot() is None  # its requests may have arrived right now
    assert 0 < here.slot_in() <= WINDOW_S
    clock.offset = WINDOW_S + 0.01
    assert len(take_all(here)) == SUBMISSIONS


def test_a_slot_that_never_left_is_free_at_once(tmp_path: Path) -> None:
    here = Budget(ADDRESS, tmp_path / "one")
    taken = take_all(here)
    assert len(taken) == SUBMISSIONS
    here.give_back(taken[3], arrived=False)
    assert here.take_slot() == taken[3]


@pytest.mark.parametrize(
    "content",
    [b"", b"xyz", os.urandom(1000), struct.pack("<20d", *[float("inf")] * 20), b"\xff" * 160],
    ids=["empty", "short", "noise", "infinite", "not a number"],
)
def test_whatever_the_file_holds(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one"
    path.write_bytes(content)
    path.chmod(0o600)
    assert len(take_all(Budget(ADDRESS, path))) == SUBMISSIONS


def no_locks(*_args: object) -> None:
    raise OSError(37, "No locks available")


def test_without_locks_each_process_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.lockf", no_locks)
    path = tmp_path / "one"
    for _ in range(2):
        assert len(take_all(Budget(ADDRESS, path))) == SUBMISSIONS


@pytest.mark.parametrize("kind", ["a directory", "a link", "others may write it", "no directory"])
def test_a_file_that_is_not_used(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "one", tmp_path / "other"
    if kind == "a directory":
        path.mkdir()
    elif kind == "a link":
        other.touch()
        path.symlink_to(other)
    elif kind == "others may write it":
        path.touch()
        path.chmod(0o666)
    else:
        other.touch()
        path = other / "one"
    budget = Budget(ADDRESS, path)
    taken = take_all(budget)
    assert len(taken) == SUBMISSIONS
    budget.give_back(taken[0], arrived=False)
    assert budget.take_slot() == taken[0]
    assert not other.exists() or other.stat().st_size == 0


def test_one_file_for_each_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    old = tmp_path / "gc_jupyter" / "slots" / "of a start long ago"
    old.parent.mkdir(parents=True)
    old.touch()
    os.utime(old, (0, 0))
    assert len(take_all(Budget("https://a.example"))) == SUBMISSIONS
    assert len(take_all(Budget("https://b.example"))) == SUBMISSIONS
    assert Budget("https://a.example").take_slot() is None
    assert len(list(old.parent.iterdir())) == 2
