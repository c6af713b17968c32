"""A notebook without a kernel: cells run here, or as the text that a worker would run."""

from __future__ import annotations

import itertools
import linecache
import platform
from collections.abc import Callable
from typing import Any

import pytest

from gc_jupyter.capture import Captured, CellFuture, capture_calls, capture_cell

Run = Callable[[Captured, int | None], dict[str, Any]]


@pytest.fixture(autouse=True)
def workers_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's text chooses this backend for its process, which is this one here."""
    monkeypatch.setenv("MPLBACKEND", "agg")


def run_here(captured: Captured, call: int | None = None) -> dict[str, Any]:
    """What a worker does: execute the text in an empty namespace, and call its entry point."""
    namespace: dict[str, Any] = {}
    exec(captured.function.source, namespace)
    reply: dict[str, Any] = namespace[captured.function.name](*captured.arguments(call))
    return reply


NUMBERS = itertools.count(1)  # of cells, over all notebooks: a name is never used again


class Notebook:
    """Variables, and cells that share them."""

    def __init__(self, run: Run = run_here) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.run = run

    def __getitem__(self, name: str) -> Any:
        return self.namespace[name]

    def local(self, text: str) -> None:
        """Run a cell here, as IPython does: its lines stay known."""
        filename = f"<notebook {next(NUMBERS)}>"
        lines = [line + "\n" for line in text.split("\n")]
        linecache.cache[filename] = (len(text), None, lines, filename)
        exec(compile(text, filename, "exec", dont_inherit=True), self.namespace)

    def future(self, text: str, **options: Any) -> CellFuture:
        """A cell that was run by a worker, its reply not looked at yet."""
        options.setdefault("python", platform.python_version())
        captured = capture_cell(text, self.namespace, **options)
        future = CellFuture(captured, "there")
        future.reply = self.run(captured, None)
        return future

    def remote(self, text: str, **options: Any) -> Any:
        """A cell's value, through a worker."""
        future = self.future(text, **options)
        return future.decode(future.reply)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """A function's value, through a worker."""
        here = platform.python_version()
        captured = capture_calls(name, [(args, kwargs)], self.namespace, python=here)
        return CellFuture(captured, "there").decode(self.run(captured, 0))


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()
