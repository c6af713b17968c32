"""Change the worker's process for a task, and leave it as it was found.

While a task of ours runs, imports are watched, so that pyplot shows its figures as displays and
IPython's display functions write to the task's output. The watch ends with the last such task.
Changes made by a cell's own code stay, as after a plain function's task: imports and what they
set up, `sys.path`, `os.environ`, warnings' filters, random states. What would act for a cell that
has ended is undone: its directory, its signal handlers, its `__main__`.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

from gc_jupyter.capture.worker_side.displays import OF_IPYTHON, ORIGINALS, show_figures
from gc_jupyter.capture.worker_side.importing import TaskModules
from gc_jupyter.capture.worker_side.live import progress
from gc_jupyter.capture.worker_side.output import current_output


class Visit:
    """A task's time in the process.

    Parameters
    ----------
    main:
        The module that is `__main__` for the task. It isn't set where tasks share the process as
        threads.
    sources:
        The modules that came with the task as text.
    brought:
        The names of the modules that came as objects.
    """

    def __init__(self, main: types.ModuleType, sources: dict[str, Any], brought: list[str]) -> None:
        self.main = main
        self.alone = threading.current_thread() is threading.main_thread()
        self.modules = TaskModules(sources, brought, self.alone)
        self.states: Any = None

    def __enter__(self) -> Visit:
        with HOSTING:
            if not VISITS:
                prepare_process()
            VISITS.append(self)
        if self.alone:
            self.signals: Any = {
                number: signal.getsignal(number) for number in signal.valid_signals()
            }
            self.directory = None
            with contextlib.suppress(OSError):  # the directory may be gone
                self.directory = os.getcwd()
            # As in a notebook, classes of the cell are found in `__main__`: pickle and
            # dataclasses look there.
            self.worker_main = sys.modules["__main__"]
            sys.modules["__main__"] = self.main
        self.modules.enter()
        return self

    def __exit__(self, *_error: object) -> None:
        if self.states is not None:
            self.states.end()
        self.modules.leave()
        if self.alone:
            sys.modules["__main__"] = self.worker_main
            put_back_signals(self.signals)
            if self.directory is not None:
                with contextlib.suppress(OSError):
                    os.chdir(self.directory)
        with HOSTING:
            VISITS.remove(self)
            if not VISITS:
                while UNDO:
                    UNDO.pop()()


HOSTING = threading.RLock()
VISITS: list[Visit] = []  # the tasks that run
UNDO: list[Callable[[], Any]] = []  # calls that restore the process, the last change first


def put_back_signals(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        if signal.getsignal(number) is handler or handler is None:
            continue
        if number == getattr(signal, "SIGALRM", None):  # it would end the process now
            signal.setitimer(signal.ITIMER_REAL, 0)
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, handler)


def prepare_process() -> None:
    finders = [AfterImport(), DisplayShim()]
    sys.meta_path.insert(0, finders[0])
    sys.meta_path.append(finders[1])
    UNDO.append(lambda: remove_finders(finders))
    if "MPLBACKEND" not in os.environ:
        os.environ["MPLBACKEND"] = "agg"
        UNDO.append(forget_backend)
    for name, prepare in PREPARED.items():
        spec = getattr(sys.modules.get(name), "__spec__", None)
        if spec is not None and not getattr(spec, "_initializing", False):
            prepare(sys.modules[name])


def remove_finders(finders: list[Any]) -> None:
    for one in finders:
        if one in sys.meta_path:
            sys.meta_path.remove(one)


def forget_backend() -> None:
    if os.environ.get("MPLBACKEND") == "agg":
        del os.environ["MPLBACKEND"]


def prepare_pyplot(pyplot: Any) -> None:
    """Make `plt.show()` display figures at once, as the inline backend does."""
    backend, original = str(pyplot.get_backend()), pyplot.show
    interactive = bool(pyplot.isinteractive())
    if backend.lower() != "agg":
        pyplot.switch_backend("agg")
    pyplot.ioff()

    def show(*args: Any, **kwargs: Any) -> None:
        if current_output() is None:
            original(*args, **kwargs)
        else:
            show_figures()

    def undo() -> None:
        if pyplot.show is show:
            pyplot.show = original
        if interactive:
            pyplot.ion()
        if backend.lower() != "agg" and str(pyplot.get_backend()).lower() == "agg":
            with contextlib.suppress(Exception):  # the backend can't be loaded here
                pyplot.switch_backend(backend)

    pyplot.show = show
    UNDO.append(undo)


def prepare_display(module: Any) -> None:
    """Replace IPython's own functions by ours, if IPython is installed on the worker."""
    for ours in OF_IPYTHON:
        name = ours.__name__
        ORIGINALS[name] = getattr(module, name)
        setattr(module, name, ours)

    def undo() -> None:
        for ours in OF_IPYTHON:
            if getattr(module, ours.__name__) is ours:
                setattr(module, ours.__name__, ORIGINALS[ours.__name__])

    UNDO.append(undo)


def prepare_progress(package: Any) -> None:
    """Make `gc_jupyter.progress` report for this task, if gc_jupyter is installed on the worker."""
    original = vars(package).get("progress")
    package.progress = progress
    UNDO.append(lambda: setattr(package, "progress", original))


PREPARED = {
    "matplotlib.pyplot": prepare_pyplot,
    "IPython.display": prepare_display,
    "gc_jupyter": prepare_progress,
}


class AfterImport(importlib.abc.MetaPathFinder):
    """Prepares a module right after its first import."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        followed = [one.states for one in VISITS if one.states and name in one.states.waiting]
        if name not in PREPARED and not followed:
            return None
        found = (
            finder.find_spec(name, path, target)
            for finder in sys.meta_path
            if not isinstance(finder, (AfterImport, DisplayShim)) and hasattr(finder, "find_spec")
        )
        spec: Any = next((spec for spec in found if spec is not None and spec.loader), None)
        if spec is not None:
            loader = spec.loader
            load = loader.exec_module

            def exec_module(module: Any) -> None:
                del loader.exec_module  # only this time: others may reload it
                load(module)
                with HOSTING:
                    if VISITS and name in PREPARED:
                        PREPARED[name](module)
                for states in followed:
                    states.imported(name)

            loader.exec_module = exec_module
        return spec


class Displayed:
    """A stand-in for IPython.display's classes, where the worker has no IPython."""

    def __init__(self, data: Any = None, **options: Any) -> None:
        filename = options.get("filename")
        if filename is not None:
            with open(filename, "rb") as stream:
                data = stream.read()
        self.data = data

    def show(self) -> Any:
        return self.data


class DisplayShim(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Provides `IPython.display` and `gc_jupyter.progress` on a worker without IPython or
    gc_jupyter. It is the last finder that is asked."""

    kinds = {
        "HTML": "_repr_html_",
        "Markdown": "_repr_markdown_",
        "Latex": "_repr_latex_",
        "SVG": "_repr_svg_",
        "Image": "_repr_png_",
        "JSON": "_repr_json_",
    }

    def find_spec(self, name: str, _path: Any, _target: Any = None) -> Any:
        if name not in ("IPython", "IPython.display", "gc_jupyter"):
            return None
        return importlib.util.spec_from_loader(name, self, is_package=name == "IPython")

    def create_module(self, _spec: Any) -> Any:
        return None

    def exec_module(self, module: Any) -> None:
        if module.__name__ == "IPython.display":
            for ours in OF_IPYTHON:
                setattr(module, ours.__name__, ours)
            for name, method in self.kinds.items():
                setattr(module, name, type(name, (Displayed,), {method: Displayed.show}))
        elif module.__name__ == "gc_jupyter":
            module.progress = progress
        else:
            module.get_ipython = lambda: None
        UNDO.append(lambda: sys.modules.pop(module.__name__, None))
