"""Import modules that came with a task. They exist while it runs, and no other task sees them."""

from __future__ import annotations

import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import os
import sys
import threading
import types
from typing import Any

from gc_jupyter.capture.worker_side.failures import remember_lines

#: Held while a module's text runs, where tasks are threads; see `TaskModules.run_text`.
RUNNING_TEXT = threading.RLock()


class TaskModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules from the sources that came with a task.

    A task that has the process to itself finds them in `sys.modules`, like any module. Modules with
    the same names are put aside for that time. Tasks that are threads of one process share
    `sys.modules` and may bring different modules of one name. There the import statements of the
    cell and of these modules look here first; `importlib` and pickles of the cell's own don't.
    """

    def __init__(self, sources: dict[str, Any], brought: Any, alone: bool) -> None:
        self.sources = sources  # name -> (source, is a package)
        self.alone = alone
        self.brought = set(brought)  # names of modules that come as objects
        self.names = {*sources, *brought}
        for name in [*self.names]:
            parts = name.split(".")
            self.names.update(".".join(parts[:size]) for size in range(1, len(parts)))
        self.loaded: dict[str, Any] = {}
        self.texts: dict[str, Any] = {}  # of the modules that came as objects
        self.aside: dict[str, Any] = {}
        self.lock = threading.RLock()
        self.builtins: Any = builtins
        if self.names and not alone:
            self.builtins = types.ModuleType("builtins")
            self.builtins.__dict__.update(vars(builtins), __import__=self.import_)

    def enter(self) -> None:
        if self.names and self.alone:
            for name in list(sys.modules):
                if self.covers(name):
                    self.aside[name] = sys.modules.pop(name)
            sys.meta_path.insert(0, self)

    def leave(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            for name in list(sys.modules):
                if self.covers(name):
                    del sys.modules[name]
            sys.modules.update(self.aside)
        for name in self.sources:
            linecache.cache.pop(text_name(name), None)

    def covers(self, name: str) -> bool:
        """Whether a module or its package is one of these."""
        return name.partition(".")[0] in self.names

    def elsewhere(self) -> TaskModules | None:
        """Return this object if `sys.modules` doesn't have the modules, else None."""
        return self if self.names and not self.alone else None

    def bring(self, name: str, package: bool, text: Any) -> Any:
        """Make a module whose variables come as objects. Imports find it."""
        spec = importlib.machinery.ModuleSpec(
            name, self, origin=place_of(name, package), is_package=package
        )
        spec.has_location = True
        module = importlib.util.module_from_spec(spec)
        module.__builtins__ = self.builtins  # type: ignore[attr-defined]
        self.texts[name] = text
        self.loaded[name] = module
        if self.alone:
            sys.modules[name] = module
        return module

    # --- as a finder and loader of `sys.meta_path`

    def find_spec(self, name: str, _path: Any, _target: Any = None) -> Any:
        if name in self.sources:
            return importlib.util.spec_from_loader(name, self, is_package=self.sources[name][1])
        if name in self.names and name not in self.brought:  # without an __init__.py
            return importlib.machinery.ModuleSpec(name, None, is_package=True)
        return None

    def create_module(self, _spec: Any) -> Any:
        return None

    def exec_module(self, module: Any) -> None:
        name = module.__name__
        source, package = self.sources[name]
        module.__file__ = place_of(name, package)
        module.__builtins__ = self.builtins
        remember_lines(text_name(name), source)
        exec(compile(source, text_name(name), "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name: str) -> Any:
        return self.texts[name] if name in self.texts else self.sources[name][0]

    # --- where tasks are threads

    def import_(
        self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        """Do as `__import__`, for the cell and for these modules."""
        full = name
        if level:
            package = str((globals or {}).get("__package__") or "")
            base = package.rsplit(".", level - 1)[0]
            full = base + "." + name if name else base
        if not self.covers(full):
            return builtins.__import__(name, globals, locals, fromlist, level)
        module = self.load(full)
        if not fromlist:
            return module if level else self.load(full.partition(".")[0])
        wanted = getattr(module, "__all__", ()) if "*" in fromlist else fromlist
        for one in wanted:
            if not hasattr(module, one) and full + "." + one in self.names:
                self.load(full + "." + one)
        return module

    def load(self, name: str) -> Any:
        with self.lock:
            parent, _, last = name.rpartition(".")
            package = self.load(parent) if parent else None
            if name not in self.loaded:
                spec = self.find_spec(name, None)
                if spec is None:
                    raise ModuleNotFoundError("No module named %r" % name, name=name)
                module = importlib.util.module_from_spec(spec)
                self.loaded[name] = module
                if name in self.sources:
                    try:
                        self.run_text(module)
                    except BaseException:
                        del self.loaded[name]
                        raise
                if package is not None:
                    setattr(package, last, module)
            return self.loaded[name]

    def run_text(self, module: Any) -> None:
        """Run a module's text. It stands in `sys.modules` for this time if its name is free there,
        since `dataclasses` and others look for it."""
        name = module.__name__
        with RUNNING_TEXT:
            hides = name in sys.modules or installed(name)
            if not hides:
                sys.modules[name] = module
            try:
                self.exec_module(module)
            finally:
                if not hides:
                    sys.modules.pop(name, None)

    def find(self, module: str, path: str) -> Any:
        """Find the object that a pickle names; see `pickle.Unpickler.find_class`."""
        found = self.load(module)
        for part in path.split("."):
            found = getattr(found, part)
        return found


def place_of(name: str, package: bool) -> str:
    """Return the file that a module gets, in a folder where it looks for its data."""
    path = [*name.split("."), *["__init__"] * package]
    return os.path.abspath(os.path.join(*path)) + ".py"


def text_name(module: str) -> str:
    """Return the file name that frames have for a module's text."""
    return "<module %s>" % module


def installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False
