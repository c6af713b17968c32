"""The state in which a task finds its process, and the traces that it leaves there."""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import decimal
import gc
import locale
import logging
import multiprocessing
import os
import random
import resource
import signal
import socket
import sys
import sysconfig
import threading
import types
import warnings
from collections.abc import Container, Mapping
from typing import Any

from gc_jupyter.service.local_wire import Surroundings

#: Packages that take long to import, and work after a fork.
WARM = {
    *("IPython", "PIL", "matplotlib", "networkx", "numpy", "pandas", "scipy", "skimage", "sklearn"),
    *("statsmodels", "sympy", "torch", "xarray"),
}
#: Modules whose attributes tasks are most likely to replace.
PATCHED = (
    *("builtins", "json", "math", "os", "random", "subprocess", "time"),
    *("matplotlib.pyplot", "numpy", "numpy.random", "pandas"),
)
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_STDLIB = sysconfig.get_path("stdlib")
_OURS = "_gc_jupyter_"  # what a cell's own runner changes, and puts back by itself
_GROWTH = 64 * 1024  # KB that a process may grow by
_SIGNALS = {
    *(signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD, signal.SIGHUP),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE),
}


def enter(place: Surroundings) -> None:
    """Give this process the surroundings that the kernel gives a plain cell."""
    sys.stderr = sys.__stderr__
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    vars(main)["__builtins__"] = builtins  # libraries of C code look for them there
    with contextlib.suppress(OSError):  # it was removed
        os.chdir(place.directory or ".")
    sys.path[:] = place.path
    sys.argv[:] = place.arguments
    for name in set(os.environ) - set(place.environment):
        del os.environ[name]
    os.environ.update(place.environment)
    os.environ["MPLBACKEND"] = "Agg"  # no windows from here, and no kernel's display hook
    if place.umask is not None:
        os.umask(place.umask)
    if place.cores and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, place.cores)
    if place.start_method is not None:
        multiprocessing.set_start_method(place.start_method, force=True)
    if place.recursion_limit is not None:
        sys.setrecursionlimit(place.recursion_limit)


class Traces:
    """The state of a process at the time when this was made.

    It compares the directory, environment, `umask`, streams, hooks and limits, signal handlers,
    threads and child processes, open files, logging, warnings, the locale, memory, which modules
    are loaded, how many names each has, and the values of all names in the modules of `PATCHED`. It
    looks no deeper; random states don't matter (`draw_anew`).
    """

    def __init__(self) -> None:
        self._state = _state()
        self._modules = {**sys.modules}
        self._counts = _counts(self._modules)
        self._patched = _patched(self._modules)

    def none(self) -> bool:
        """Whether nothing has changed. It takes some 0.1 ms."""
        try:
            if new := sys.modules.keys() - self._modules.keys():
                if not all(name.startswith(_OURS) for name in new):
                    return False
                self._modules.update((name, sys.modules[name]) for name in new)
                self._counts = _counts(self._modules)
            return (
                self._modules == sys.modules
                and self._counts == _counts(self._modules)
                and self._patched == _patched(sys.modules)
                and self._state == _state()
            )
        except Exception:  # values that can't be compared: arrays, for one
            return False


def _counts(modules: Mapping[str, Any]) -> list[int]:
    return [len(getattr(one, "__dict__", ())) for one in modules.values()]


def _patched(modules: Mapping[str, Any]) -> list[list[Any]]:
    return [[*vars(modules[name]).values()] for name in PATCHED if name in modules]


def _state() -> tuple[Any, ...]:
    root, manager = logging.root, logging.root.manager
    mask = os.umask(0o077)
    os.umask(mask)
    return (
        mask,
        _directory(),
        dict(os.environb),
        [*sys.path],
        [*sys.argv],
        [signal.getsignal(number) for number in _SIGNALS],
        signal.getitimer(signal.ITIMER_REAL),
        (sys.stdin, sys.stdout, sys.stderr, sys.excepthook, sys.displayhook, sys.gettrace()),
        ([*sys.meta_path], [*sys.path_hooks], sys.getrecursionlimit(), sys.getswitchinterval()),
        (threading.active_count(), _has_children(), _files()),
        (gc.isenabled(), gc.get_threshold(), socket.getdefaulttimeout()),
        (str(decimal.getcontext()), locale.setlocale(locale.LC_ALL), [*warnings.filters]),
        (root.level, [*root.handlers], [*root.filters], manager.disable, {**manager.loggerDict}),
        [(one.level, [*one.handlers]) for one in _loggers(manager)],
        multiprocessing.get_start_method(allow_none=True),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _GROWTH,
    )


def _directory() -> str | None:
    with contextlib.suppress(OSError):
        return os.getcwd()
    return None


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _files() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return len(os.listdir(folder))
    return 0


def _loggers(manager: logging.Manager) -> list[logging.Logger]:
    return [one for one in manager.loggerDict.values() if isinstance(one, logging.Logger)]


def adopt_orphans() -> None:
    """Let orphans of this process's descendants become its own children, where the system can: on
    Linux, also those with a session of their own."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def end_orphans(known: Container[int] = ()) -> list[int]:
    """Kill this process's children except `known`; returns them. Their own children then become
    this process's."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
    except OSError:  # not on Linux
        return []
    orphans = [pid for pid in children if pid not in known]
    for pid in orphans:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return orphans


def imported_since(before: set[str]) -> list[str]:
    """The modules of large packages, and of Python, that the worker should import, too."""
    names = []
    for name, module in sys.modules.items():
        root = name.partition(".")[0]
        origin = getattr(getattr(module, "__spec__", None), "origin", None) or ""
        if name in before or name.count(".") > 1:
            continue
        if root in WARM or (root in sys.stdlib_module_names and origin.startswith(_STDLIB)):
            names.append(name)
    return names[:500]


def draw_anew() -> None:
    """Seed the random generators anew, so that tasks get different numbers."""
    random.seed()
    for name in ("numpy.random", "torch"):
        if name in sys.modules:
            sys.modules[name].seed()
