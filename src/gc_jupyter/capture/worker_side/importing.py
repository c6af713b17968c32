"""Hooks on imports: modules that came with a task, and what is prepared after an import."""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import sys
from typing import Any

from gc_jupyter.capture.worker_side.displays import OF_IPYTHON, show_figures
from gc_jupyter.capture.worker_side.failures import remember_lines
from gc_jupyter.capture.worker_side.output import current_output


class SentModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules from sources that came with a task."""

    def __init__(self) -> None:
        self.sources: dict[str, Any] = {}  # name -> (source, is a package)

    def accept(self, sources: dict[str, Any]) -> None:
        """Take a task's modules; one whose source has changed will be imported anew."""
        for name, entry in sources.items():
            if self.sources.get(name) != entry:
                self.sources[name] = entry
                sys.modules.pop(name, None)

    def find_spec(self, name: str, _path: Any, _target: Any = None) -> Any:
        if name not in self.sources:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=self.sources[name][1])

    def create_module(self, _spec: Any) -> Any:
        return None

    def exec_module(self, module: Any) -> None:
        filename = "<module %s>" % module.__name__
        source, package = self.sources[module.__name__]
        # as if it lay in this folder: modules look there for their data
        path = [*module.__name__.split("."), *["__init__"] * package]
        module.__file__ = os.path.abspath(os.path.join(*path)) + ".py"
        remember_lines(filename, source)
        exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name: str) -> str:
        return str(self.sources[name][0])


def prepare_pyplot(pyplot: Any) -> None:
    """Make `plt.show()` display at once, as the inline backend does."""
    pyplot.switch_backend("agg")
    pyplot.ioff()
    original = pyplot.show

    def show(*args: Any, **kwargs: Any) -> None:
        if current_output() is None:
            original(*args, **kwargs)
        else:
            show_figures()

    pyplot.show = show


def prepare_display(module: Any) -> None:
    """Let IPython's own functions end up here, where IPython is installed on the worker."""
    for ours in OF_IPYTHON:
        setattr(module, ours.__name__, ours)


class AfterImport(importlib.abc.MetaPathFinder):
    """Prepares a module right after its first import."""

    prepare = {"matplotlib.pyplot": prepare_pyplot, "IPython.display": prepare_display}

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        prepare = self.prepare.get(name)
        if prepare is None:
            return None
        found = (
            finder.find_spec(name, path, target)
            for finder in sys.meta_path
            if finder is not self and hasattr(finder, "find_spec")
        )
        spec: Any = next((spec for spec in found if spec is not None and spec.loader), None)
        if spec is not None:
            load = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                load(module)
                prepare(module)

            spec.loader.exec_module = exec_module
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
    """Serves `IPython.display` where the worker has no IPython (the last finder to be asked)."""

    kinds = {
        "HTML": "_repr_html_",
        "Markdown": "_repr_markdown_",
        "Latex": "_repr_latex_",
        "SVG": "_repr_svg_",
        "Image": "_repr_png_",
        "JSON": "_repr_json_",
    }

    def find_spec(self, name: str, _path: Any, _target: Any = None) -> Any:
        if name not in ("IPython", "IPython.display"):
            return None
        return importlib.util.spec_from_loader(name, self, is_package=name == "IPython")

    def create_module(self, _spec: Any) -> Any:
        return None

    def exec_module(self, module: Any) -> None:
        if module.__name__ == "IPython.display":
            prepare_display(module)
            for name, method in self.kinds.items():
                setattr(module, name, type(name, (Displayed,), {method: Displayed.show}))
        else:
            module.get_ipython = lambda: None


SENT_MODULES = SentModules()


def install_finders() -> None:
    sys.meta_path[:0] = [SENT_MODULES, AfterImport()]
    sys.meta_path.append(DisplayShim())
    os.environ.setdefault("MPLBACKEND", "agg")
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        prepare_pyplot(pyplot)
