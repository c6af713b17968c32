"""KeyboardInterrupt at any line of `submit` and `gathering`: the client stays usable."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from globus_sdk import AccessTokenAuthorizer

import gc_jupyter
from gc_jupyter import Client, Executor
from gc_jupyter.journal import Journal, KernelSession
from gc_jupyter.runtime import submitter
from gc_jupyter.runtime.shared import Registry, registry
from tests.service.handle import Loopback

TIMEOUT = 30
PACKAGE = str(Path(gc_jupyter.__file__).parent)


def double(x: int) -> int:
    return 2 * x


class _At:
    """Interrupts this thread at one line: the nth that it comes to, of this package and of what
    makes its context managers."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.lines = 0

    def run(self, act: Callable[[], object]) -> bool:
        """Whether the line was reached."""
        sys.settrace(self._enter)
        try:
            act()
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(None)
        return False

    def _enter(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        name = frame.f_code.co_filename
        return self._step if name.startswith(PACKAGE) or name.endswith("contextlib.py") else None

    def _step(self, _frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line":
            self.lines += 1
            if self.lines == self.line:
                raise KeyboardInterrupt
        return self._step


def in_one(executor: Executor) -> None:
    executor.submit(double, 1)


def in_a_gathering(executor: Executor) -> None:
    with executor.gathering():
        executor.submit(double, 1)
        executor.submit(double, 2)


def _loops() -> int:
    return sum(thread.name == "gc-loop" for thread in threading.enumerate())


@pytest.fixture(params=["no journal", "journal"])
def written_down(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Whether tasks are written down, as in a notebook."""
    if request.param == "no journal":
        yield
        return
    journal = Journal(tmp_path / "journal.sqlite", KernelSession.here())
    registry.record(lambda: journal)
    yield
    registry.record(lambda: None)
    journal.close()
    assert not journal.problem


@pytest.mark.skipif(sys.gettrace() is not None, reason="something else traces")
@pytest.mark.usefixtures("written_down")
@pytest.mark.parametrize("act", [in_one, in_a_gathering])
def test_an_interrupt_at_any_line(
    client: Client,
    loopback: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Executor], None],
) -> None:
    monkeypatch.setattr(submitter, "GATHERING_S", 0.05)
    executor = Executor(loopback.endpoint("instant"), client=client)
    executor.register_function(double)
    assert executor.submit(double, 0).result(TIMEOUT) is None
    line, reached, before = 0, True, _loops()
    while reached:
        line += 1
        reached = _At(line).run(lambda: act(executor))
        after = [executor.submit(double, 3)]
        with executor.gathering():
            after += [executor.submit(double, 4)]
        assert [one.result(TIMEOUT) for one in after] == [None, None], line
    assert line > 50
    # other tests' threads may be there, too
    assert _loops() <= before
    executor.shutdown(cancel_futures=True)  # nothing stays open


@pytest.mark.skipif(sys.gettrace() is not None, reason="something else traces")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_at_a_clients_first_use() -> None:
    """At any line; whoever comes next, on any thread, waits for nothing that nobody gives back."""
    authorizer = AccessTokenAuthorizer("a token")

    def use(registry: Registry) -> None:
        joined = registry.shared((None, authorizer, None), None, "http://127.0.0.1:1", True)
        joined.users.add(authorizer)
        dispatcher = joined.dispatcher("endpoint")
        assert joined.dispatcher("endpoint") is dispatcher
        joined.leave(authorizer)

    use(Registry())
    line, reached = 0, True
    while reached:
        line += 1
        registry = Registry()
        at = _At(line)
        at.run(partial(use, registry))
        reached = at.lines >= line  # an interrupt may be lost in a generator that is closed
        next_one = threading.Thread(target=use, args=[registry], daemon=True)
        next_one.start()
        next_one.join(TIMEOUT)
        assert not next_one.is_alive(), line
    assert line > 50
