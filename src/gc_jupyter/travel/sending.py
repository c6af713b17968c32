"""Adapt the pickler to the kernel: which modules workers have, and which Python they run."""

from __future__ import annotations

import contextlib
import importlib
import io
import platform
import sys
import textwrap
import types
from collections.abc import Callable, Container, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from gc_jupyter.travel import code as code_
from gc_jupyter.travel import rebuild
from gc_jupyter.travel.installed import is_ours, worker_has
from gc_jupyter.travel.names import find_names
from gc_jupyter.travel.objects import Helpers, Name
from gc_jupyter.travel.pickler import Pickler
from gc_jupyter.travel.refused import CannotTravel
from gc_jupyter.travel.syntax import OLDEST, find_lacking
from gc_jupyter.travel.texts import name_texts

_python: ContextVar[Callable[[], str]] = ContextVar("gc_jupyter_python_there", default=str)
_endpoint: ContextVar[str] = ContextVar("gc_jupyter_endpoint_there", default="")
#: Functions that IPython puts into a notebook's globals. They belong to the running shell.
_SHELL_NAMES = {"exit", "quit", "get_ipython", "open"}


@contextlib.contextmanager
def going_to(python: Callable[[], str] | None = None, endpoint: str = "") -> Iterator[None]:
    """Set the Python version and the endpoint for which values are pickled meanwhile. Each is empty
    if it isn't known. The version is looked up only if it matters: for code without a source, and
    for syntax that the oldest supported Python lacks."""
    tokens = _python.set(python or _python.get()), _endpoint.set(endpoint)
    try:
        yield
    finally:
        _python.reset(tokens[0])
        _endpoint.reset(tokens[1])


def endpoint_there() -> str:
    """Return the endpoint for which values are pickled now, or empty text if it isn't known."""
    return _endpoint.get()


def minor(version: str) -> str:
    """Return ``3.11`` for ``3.11.2``."""
    return ".".join(version.split(".")[:2])


HERE = platform.python_version()


def refuse_newer_syntax(
    what: str, text: str, python: str | Callable[[], str] | None = None, line: int = 1
) -> None:
    """Raise an error, before a text is sent, if the other Python can't read it.

    Parameters
    ----------
    what:
        The name of the text, as the subject of a sentence.
    text:
        Python that this interpreter can read.
    python:
        The version there, or a function that returns it; empty if it isn't known. None for the
        version of `going_to`.
    line:
        The number of the text's first line.

    Raises
    ------
    CannotTravel
        The text has newer syntax.
    """
    if not isinstance(python, str):
        if find_lacking(text, OLDEST) is None:
            return  # every Python can read it
        python = (python or _python.get())()
    there = minor(python)
    lacking = find_lacking(text, there)
    if lacking is not None:
        lacking = lacking._replace(line=lacking.line + line - 1)
        raise CannotTravel(
            f"{what} has {lacking}; the endpoint runs Python {there}, and this is Python"
            f" {minor(HERE)}",
            f"Write it as Python {there} has it, or use an endpoint with Python"
            f" {lacking.version} or newer.",
        )


class SendingPickler(Pickler):
    """A `Pickler` for workers. `texts` has the code that reads its pickles there."""

    def __init__(
        self, stream: Any, has: Callable[[str], bool] = worker_has, **options: Any
    ) -> None:
        self._asks = None if "python" in options else _python.get()
        options.setdefault("wanted", _is_wanted)
        #: Places of installed modules where something of the notebook's stands now: the id of the
        #: module or class, and the name. The other side has there what was there before.
        self.replaced: Container[tuple[int, str]] = options.pop("replaced", ())
        super().__init__(stream, has, **options)
        #: Modules that the pickled functions import when they are called, and modules of classes.
        self.imported: set[str] = set()

    @property
    def python(self) -> str:
        """The other side's Python, see Pickler. It is looked up at its first use."""
        if self._asks is not None:
            self._python, self._asks = minor(self._asks()), None
        return self._python

    @python.setter
    def python(self, value: str) -> None:
        self._python = value

    def helpers(self, one: Helpers) -> Any:
        name_texts()
        return super().helpers(one)

    def reducer_override(self, obj: Any) -> Any:
        if self.replaced and isinstance(getattr(obj, "__qualname__", None), str):
            owner, name, own = _place_of(obj)
            if own and (id(owner), name) in self.replaced:
                return getattr, (owner, name)
        return super().reducer_override(obj)

    def reference(self, obj: Any, name: str = "__qualname__") -> Any:
        if self.replaced and (id(_place_of(obj)[0]), _place_of(obj)[1]) in self.replaced:
            return None  # it only has the names of what it replaces
        found = super().reference(obj, name)
        if found is None and is_ours(getattr(obj, "__module__", None)):
            raise CannotTravel(
                f"{obj.__module__}.{obj.__qualname__} belongs to gc_jupyter, which workers don't"
                " have",
                "Leave it out of the function and its arguments.",
            )
        return found

    def module(self, module: types.ModuleType) -> Any:
        if module.__name__ == "gc_jupyter" and self.reader_has_helpers:
            return importlib.import_module, (module.__name__,)  # cells have `progress` there
        if is_ours(module.__name__):
            raise _ours()
        return super().module(module)

    def module_names(self, module: Any, uses: Iterable[str]) -> list[Any]:
        if not (isinstance(module, types.ModuleType) and is_ours(module.__name__)):
            return super().module_names(module, uses)
        if ({*getattr(module, "__all__", ())} - {"progress"}).intersection(uses):
            raise _ours()
        return []

    def code(self, one: types.CodeType) -> Any:
        made = super().code(one)
        if made[0] is rebuild.code:
            _, line, text, name, *_ = made[1]
            refuse_newer_syntax(name, text, lambda: self.python, line)
        elif made[0] is rebuild.code_in:
            filename, text, *_ = made[1]
            refuse_newer_syntax(f"The file {filename}", text, lambda: self.python)
        return made

    def function(self, function: types.FunctionType) -> Any:
        found = super().function(function)
        if isinstance(found, tuple) and found[0] is rebuild.function:
            self.imported.update(_imported(function))
        return found

    def kind(self, one: type) -> Any:
        home = str(one.__module__)
        if home != "__main__" and not self.has(home):
            self.imported.add(home)  # code that inspects a class may look there
        return super().kind(one)

    def names_of(self, function: types.FunctionType) -> Iterable[str]:
        return names_of(function.__code__)


def _place_of(obj: Any) -> tuple[Any, str, bool]:
    """The module or class that has an object by its names, its name there, and whether its code is
    that module's."""
    module: Any = sys.modules.get(str(getattr(obj, "__module__", "")))
    *path, name = str(getattr(obj, "__qualname__", "")).split(".")
    owner = module
    for part in path:
        owner = getattr(owner, part, None)
    variables = vars(module) if isinstance(module, types.ModuleType) else None
    return owner, name, getattr(obj, "__globals__", variables) is variables


def _ours() -> CannotTravel:
    return CannotTravel("it uses the module gc_jupyter, which workers don't have", "Leave it out.")


def _imported(function: types.FunctionType) -> Iterator[str]:
    """Return the modules that a function may import, with full names for its own package."""
    package = str(function.__globals__.get("__package__") or "")
    for name in code_.imported_names(function.__code__):
        yield name
        inner = package
        while inner:
            yield f"{inner}.{name}"
            inner = inner.rpartition(".")[0]


def _is_wanted(name: str, value: Any) -> bool:
    ipythons = type(value).__module__.startswith("IPython.")
    return not (name in _SHELL_NAMES and (ipythons or getattr(value, "__wrapped__", "") is open))


#: Calls that evaluate names in a text: `eval("x + 1")`, `df.query("a > @x")`, `!ls {folder}`.
_EVALUATE = {
    *("eval", "exec", "query", "evaluate", "system", "getoutput"),
    *(
        "run_line_magic",
        "run_cell_magic",
        "globals",
        "locals",
        "vars",
        "dir",
        "__main__",
        "user_ns",
    ),
}


def names_of(code: types.CodeType | str) -> tuple[str, ...]:
    """Return the names that code uses and doesn't bind itself, built-in ones included.

    Parameters
    ----------
    code:
        A function's code, or a text, which is read as a cell's.
    """
    if isinstance(code, str):
        return tuple(find_names(rebuild.parse(code)).needed)
    found = code_.global_names(code)
    if not _EVALUATE.isdisjoint(code_.all_names(code)) or _has_formula(code):
        with contextlib.suppress(code_.NoSource, SyntaxError):
            text = code_.recipe(code, code.co_filename)[2]
            tree = rebuild.parse(textwrap.dedent(text))
            found = tuple(dict.fromkeys([*found, *find_names(tree).needed]))
    return found


def _has_formula(code: types.CodeType) -> bool:
    constants = (one for part in code_.parts(code) for one in part.co_consts)
    return any(isinstance(one, str) and "~" in one for one in constants)


@dataclass(frozen=True)
class Statement:
    """A definition or an import that runs there, since it couldn't run here.

    Parameters
    ----------
    name:
        The name that it binds.
    source:
        Its text.
    filename, first_line:
        The place of the text.
    deferred:
        Whether annotations stay text, as with ``from __future__ import annotations``.
    """

    name: str
    source: str
    filename: str = ""
    first_line: int = 1
    deferred: bool = False

    def written_by(self, pickler: Pickler, of: object) -> Any:
        """Return the reduction. `of` is the object that stands for it here."""
        if pickler.notebook is None:
            raise CannotTravel(
                f"{self.name!r} could not be defined here, and goes to a cell only",
                "Use it in a %%gcrun cell.",
            )
        refuse_newer_syntax(self.name, self.source, lambda: pickler.python, self.first_line)
        notebook: dict[str, Any] = {"__name__": "__main__"}
        needs = [
            Name(notebook, name, value)
            for name in names_of(self.source)
            if (value := pickler.notebook.get(name, of)) is not of and pickler.wanted(name, value)
        ]
        text = (self.filename or f"<def {self.name}>", self.first_line, self.source, self.deferred)
        made_of = (pickler.token(of), pickler.owner(notebook), self.name, text, needs)
        return rebuild.defined, made_of


def dumps(value: Any, pickler: type[Pickler] = SendingPickler, **options: Any) -> bytes:
    """Pickle any value for a worker."""
    stream = io.BytesIO()
    pickler(stream, **options).dump(value)
    return stream.getvalue()
