"""Large values between a kernel and the workers of `local`: of any size, by files that go away."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

import numpy as np
import pytest

from gc_jupyter import Executor
from gc_jupyter.errors import DeserializationError, TaskExecutionFailed, WorkerLost
from gc_jupyter.serialize.near import NEAR_DATA, near_files
from tests.executors import TIMEOUT
from tests.waiting import poll

SIZE = 30_000_000


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with Executor("local") as made:
        yield made


@pytest.fixture(autouse=True)
def before() -> None:
    """What other tests have left counts for nothing."""
    _before[:] = os.listdir(near_files().folder)


_before: list[str] = []


def left() -> list[str]:
    return [one for one in os.listdir(near_files().folder) if one not in _before]


def change(values: np.ndarray) -> np.ndarray:
    values[0] = 5
    return values


def tell(text: bytes, values: np.ndarray, more: dict[str, object]) -> tuple[int, object, object]:
    return len(text), values.sum(), more["rows"] is more["again"]


def keep(values: np.ndarray) -> list[object]:
    return [values, values]


def fail(values: np.ndarray) -> None:
    raise ValueError(str(len(values)))


def test_arrays_there_and_back(executor: Executor) -> None:
    values = np.arange(SIZE // 8)
    back = executor.submit(change, values).result(TIMEOUT)
    assert back[0] == 5
    assert np.array_equal(back[1:], values[1:])
    assert values[0] == 0
    back[1] = 7
    assert back[1] == 7
    poll(lambda: not left())  # a future's callbacks come after its waiters


def test_bytes_rows_and_what_they_share(executor: Executor) -> None:
    rows = [str(one) for one in range(300_000)]
    text, values = os.urandom(SIZE), np.ones(SIZE // 8)
    told = executor.submit(tell, text, values, {"rows": rows, "again": rows}).result(TIMEOUT)
    assert told == (SIZE, SIZE / 8, True)
    one, other = executor.submit(keep, values).result(TIMEOUT)
    assert one is other
    assert executor.submit(bytes, SIZE).result(TIMEOUT) == bytes(SIZE)
    poll(lambda: not left())  # a future's callbacks come after its waiters


def test_nothing_is_left_of_tasks_that_fail(executor: Executor) -> None:
    with pytest.raises(TaskExecutionFailed, match=str(SIZE)):
        executor.submit(fail, np.zeros(SIZE)).result(TIMEOUT)
    with pytest.raises(WorkerLost, match="exit code"):
        executor.submit(lambda _: os._exit(1), np.zeros(SIZE)).result(TIMEOUT)
    poll(lambda: not left())  # a future's callbacks come after its waiters


def test_files_are_ones_own_and_read_once() -> None:
    text = NEAR_DATA.serialize(np.ones(SIZE))
    folder = near_files().folder
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert {stat.S_IMODE(os.stat(os.path.join(folder, one)).st_mode) for one in left()} == {0o600}
    read = NEAR_DATA.deserialize(text)
    near_files().forget(left())
    assert read.sum() == SIZE
    with pytest.raises(DeserializationError, match="not in"):
        NEAR_DATA.deserialize(text)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "", 7])
def test_no_other_file_is_read(name: object) -> None:
    with pytest.raises(DeserializationError, match="not the name of a part"):
        NEAR_DATA.deserialize(f"nf\n[{name!r}]".replace("'", '"'))


def test_what_can_not_be_pickled_leaves_nothing() -> None:
    with pytest.raises(Exception, match="generator"):
        NEAR_DATA.serialize([np.ones(SIZE), bytes(SIZE), (one for one in "a")])
    poll(lambda: not left())  # a future's callbacks come after its waiters
