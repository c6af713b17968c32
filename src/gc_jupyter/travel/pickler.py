"""Pickle values, and by value those functions and classes that the other side doesn't have.

Plain `pickle.loads` reads the result. The live objects travel; only a function's code travels as
source text. An object that may refer to itself is written empty, and its content follows piece by
piece, so that each piece is complete when the next one needs it.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations

import contextlib
import enum
import importlib
import io
import marshal
import pickle
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gc_jupyter.travel import classes, code, modules, rebuild, rebuild_classes
from gc_jupyter.travel.instances import STANDARD, Call
from gc_jupyter.travel.objects import HELPERS, Helpers, Name, reducer_of
from gc_jupyter.travel.refused import CannotTravel

#: Every worker's Python (3.8 and newer) reads protocol 4.
PROTOCOL = 4
#: Makes a module of `rebuild`'s text, once in a process.
_LOAD = (
    "(lambda s, m: s.modules.get(N) or (m.__dict__.update(NAME=N, PACKED=Z), exec(compile("
    "__import__('zlib').decompress(Z), '<gc_jupyter>', 'exec'), m.__dict__),"
    " s.modules.setdefault(N, m))[2])(__import__('sys'), __import__('types').ModuleType(N))"
)
_UNNAMED = {id(kind): name for name, kind in vars(types).items() if isinstance(kind, type)}
#: The key for the written names of a notebook, whichever dict holds them here.
NOTEBOOK = 0
_HELPING = (vars(rebuild), vars(rebuild_classes))


class Pickler(pickle.Pickler):
    """Writes values that may share objects. `dump` each one, and load them in the same order.

    Parameters
    ----------
    stream:
        The file that takes the bytes.
    has:
        Tells whether the other side can import a module of this name.
    python:
        The other side's Python, such as ``"3.11"``, or empty text if it isn't known. Code without a
        source travels between equal versions only.
    notebook:
        The notebook's variables, if functions that use them share a cell's variables there.
    wanted:
        Tells whether to send a name that a function uses.
    known:
        id -> token, for objects that the other side has itself.
    sent:
        Collects the objects that are written by value, if replies may refer to them. An object's
        index is its token.
    reader_has_helpers:
        Whether the reader has `rebuild`, so that its text need not be written.
    protocol:
        Pickle's protocol. With 3, several unpicklers can load the pieces, each with the memo of the
        one before, since each object states its index there.
    buffers:
        Pickle's `buffer_callback`, which keeps large buffers out of the pickle. The protocol is 5
        then.
    """

    def __init__(
        self,
        stream: Any,
        has: Callable[[str], bool],
        *,
        python: str = "",
        notebook: Mapping[str, Any] | None = None,
        wanted: Callable[[str, Any], bool] = lambda _name, _value: True,
        known: Mapping[int, int] | None = None,
        sent: list[Any] | None = None,
        protocol: int = PROTOCOL,
        reader_has_helpers: bool = False,
        buffers: Callable[[Any], bool] | None = None,
    ) -> None:
        if buffers is None:
            super().__init__(stream, protocol)
        else:
            super().__init__(stream, 5, buffer_callback=buffers)
        self.protocol = protocol if buffers is None else 5
        self.has = has
        self.python = python
        self.notebook = notebook
        self.wanted = wanted
        self.known = known or {}
        self.sent = sent
        self.reader_has_helpers = reader_has_helpers
        #: The files whose text has travelled. Frames on the other side name them.
        self.files: dict[str, None] = {}
        #: The names already written, by the id of their namespace.
        self.written: dict[int, set[str]] = {}
        self.owners: dict[int, Call] = {}
        #: The objects that are sent in place of others, by these others' ids.
        self.stands_for: dict[int, Any] = {}
        #: Modules that travel whole, by the names under which they are imported there.
        self.brought: list[str] = []
        self._whole: dict[int, types.ModuleType | None] = {}
        self._texts: dict[str, list[str]] = {}  # their files
        self._cells: set[int] = set()
        self._filled: set[int] = set()
        self._kept: list[Any] = []  # they stay alive, since their ids are keys above
        self._reducers: dict[type, Any] = {}
        self.fitting: dict[tuple[int, int, int], tuple[bool, Any, type]] = {}
        self.viewed: set[int] = set()  # see `arrays.viewed`

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        reduce = self._reducers.get(kind, False)
        if reduce is False:
            reduce = reducer_of(kind)
            if isinstance(reduce, str):
                reduce = getattr(type(self), reduce)
            self._reducers[kind] = reduce
        return NotImplemented if reduce is None else reduce(self, obj)

    # --- by reference --------------------------------------------------------------------------

    def reference(self, obj: Any, name: str = "__qualname__") -> Any:
        """Return the name of an object that the other side has; None for any other object."""
        if self.known:
            token = self.known.get(id(obj))
            if token is not None:
                return rebuild.known, (token, str(getattr(obj, name, "")))
        home, path = getattr(obj, "__module__", None), getattr(obj, name, None)
        if not isinstance(home, str) or not isinstance(path, str):
            return None
        if home == "builtins" and id(obj) in _UNNAMED:
            return getattr, (types, _UNNAMED[id(obj)])
        if obj is enum.EnumMeta:  # since Python 3.11 under another name
            return getattr, (enum, "EnumMeta")
        found: Any = sys.modules.get(home)
        for part in path.split("."):
            found = getattr(found, part, None)
        if found is not obj or not self.has(home):
            return None
        public = None
        if home.startswith("IPython."):  # whose display may be a stand-in there
            public = sys.modules.get("IPython.display")
        elif "._" in home and home.partition(".")[0] in STANDARD:  # pathlib._local is Python 3.13's
            public = sys.modules.get(home.partition("._")[0])
        elif home.startswith("numpy."):  # not all its versions have this module
            public = sys.modules.get("numpy")
        if public is not None and getattr(public, path, None) is obj:
            return getattr, (public, path)
        return NotImplemented

    def token(self, obj: Any) -> int | None:
        """Return the token of an object in replies."""
        if self.sent is None:
            return None
        self.sent.append(self.stands_for.get(id(obj), obj))
        return len(self.sent) - 1

    # --- functions -----------------------------------------------------------------------------

    def function(self, function: types.FunctionType) -> Any:
        if function.__globals__ is _HELPING[0] or function.__globals__ is _HELPING[1]:
            return getattr, (HELPERS, function.__name__)
        found = self.reference(function)
        if found is not None:
            return found
        special = classes.function(self, function)
        if special is not None:
            return special
        cells = function.__closure__
        for cell in cells or ():
            self._cells.add(id(cell))
        self.goes_whole(function.__globals__)
        made_of = (
            *(self.token(function), function.__code__, self.owner(function.__globals__)),
            *(function.__name__, cells),
        )
        state = ([*self.contents(cells), *self.names(function)], self.attributes(function))
        return rebuild.function, made_of, state, None, None, rebuild.attributes

    def attributes(self, function: types.FunctionType) -> dict[str, Any]:
        """Return a function's attributes other than code, closure and globals."""
        state: dict[str, Any] = {}
        for name in ("__defaults__", "__kwdefaults__", "__doc__", "__type_params__"):
            value = getattr(function, name, None)
            if value:
                state[name] = value
        made_with = function.__code__.co_consts[:1]
        if function.__doc__ is None and made_with and isinstance(made_with[0], str):
            state["__doc__"] = None  # code's own comes back otherwise
        annotations = self.annotations(function)
        if annotations:
            state["__annotations__"] = annotations
        state["__qualname__"] = function.__qualname__
        if function.__module__ != function.__globals__.get("__name__"):
            state["__module__"] = function.__module__
        if vars(function):
            state["__dict__"] = vars(function)
        return state

    def annotations(self, function: types.FunctionType) -> dict[str, Any] | None:
        try:
            return function.__annotations__
        except NameError:  # Python 3.14 evaluates them only now
            return None

    def contents(self, cells: Iterable[Any] | None) -> Iterable[Any]:
        """Write the contents of a closure's cells, each once."""
        for cell in cells or ():
            if id(cell) in self._filled:
                continue
            self._filled.add(id(cell))
            self._kept.append(cell)
            try:
                value = cell.cell_contents
            except ValueError:  # not bound yet
                continue
            yield Call(setattr, cell, "cell_contents", value)

    def names(self, function: types.FunctionType) -> list[Any]:
        """Write the global names that a function uses, and the submodules that it reaches."""
        uses = code.all_names(function.__code__)
        owner = function.__globals__
        found: list[Any] = []
        for cell in function.__closure__ or ():
            with contextlib.suppress(ValueError):  # not bound yet
                found += self.module_names(cell.cell_contents, uses)
        if self.is_module(owner) or self.goes_whole(owner):
            return found
        names: Mapping[str, Any] = owner
        if self.is_notebook(owner):
            assert self.notebook is not None
            names = self.notebook
        for name in self.names_of(function):
            if name in names and self.wanted(name, names[name]):
                value = names[name]
                found += self.module_names(value, uses)
                found.append(Name(owner, name, value))
        home = str(owner.get("__name__"))
        return found + self.annotation_names(home, self.annotations(function))

    def names_of(self, function: types.FunctionType) -> Iterable[str]:
        """Return the global names that a function uses."""
        return code.global_names(function.__code__)

    def annotation_names(self, home: str, annotations: Any) -> list[Any]:
        """Write the names in annotations that are text, for code that evaluates them."""
        if self.notebook is None or home != "__main__" or not isinstance(annotations, dict):
            return []
        found: list[Any] = []
        owner: dict[str, Any] = {"__name__": home}
        for text in code.texts_in(list(annotations.values())):
            for name in code.names_in(text):
                value = self.notebook.get(name, rebuild)
                if value is not rebuild and self.wanted(name, value):
                    found.append(Name(owner, name, value))
        return found

    def is_notebook(self, owner: Mapping[str, Any]) -> bool:
        """Whether these globals are a notebook's variables that become a cell's."""
        return self.notebook is not None and owner.get("__name__") == "__main__"

    def is_module(self, owner: Mapping[str, Any]) -> bool:
        """Whether these globals belong to a module that the other side has."""
        name = owner.get("__name__")
        module = sys.modules.get(name) if isinstance(name, str) else None
        return module is not None and vars(module) is owner and self.has(str(name))

    def owner(self, owner: dict[str, Any]) -> Any:
        """Return the globals for functions. Functions that share a dict here share one there."""
        found = self.owners.get(id(owner))
        if found is None:
            name = str(owner.get("__name__") or "__main__")
            module = self.goes_whole(owner) or sys.modules.get(name)
            if self.is_module(owner) or self.goes_whole(owner):
                found = Call(vars, module)
            elif self.is_notebook(owner):
                found = Call(rebuild.notebook)
            elif module is not None and vars(module) is owner and name != "__main__":
                self.written.setdefault(id(owner), set())
                found = Call(vars, module)
            else:
                found = Call(rebuild.namespace, name)
            self.owners[id(owner)] = found
            self._kept.append(owner)
        return found

    # --- modules -------------------------------------------------------------------------------

    def module(self, module: types.ModuleType) -> Any:
        return modules.reduce_module(self, module)

    def module_names(self, module: Any, uses: Iterable[str]) -> list[Any]:
        """Write these names of a module, as far as the module has them."""
        return modules.module_names(self, module, uses)

    def goes_whole(self, owner: Mapping[str, Any]) -> types.ModuleType | None:
        """Return the module of these globals if the module travels with all its names."""
        if self.notebook is None or self.is_notebook(owner):
            return None
        if id(owner) not in self._whole:
            found = None if self.is_module(owner) else modules.module_of(self, owner)
            self._whole[id(owner)] = found
            if found is not None:
                self.module_text(found)
        return self._whole[id(owner)]

    def module_text(self, module: types.ModuleType) -> str | None:
        """Return the text that is shown for a module's file; None if it has none."""
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py"):
            return None
        if file not in self._texts:
            self._texts[file] = code.texts_of(file)
        return self._texts[file][0]

    # --- code ----------------------------------------------------------------------------------

    def code(self, one: types.CodeType) -> Any:
        recipe = code.recipe_in(one, self._texts.get(one.co_filename, ()))
        if recipe is not None:
            self.files[recipe[0]] = None
            return rebuild.code_in, recipe
        try:
            recipe = code.recipe(one, one.co_filename)
        except code.NoSource:
            return self.compiled(one)
        self.files[recipe[0]] = None
        return rebuild.code, recipe

    def compiled(self, one: types.CodeType) -> Any:
        here = "%d.%d" % sys.version_info[:2]
        # if the other Python isn't known, the reader checks the version first
        if self.python and self.python != here:
            raise CannotTravel(
                "the source of %r can't be found, the other side runs Python %s, and what Python"
                " %s has compiled runs on %s alone" % (one.co_name, self.python, here, here),
                "Define it in a cell or in a .py file as it is now, not by exec or eval.",
            )
        version = sys.version_info[:2]
        return rebuild.compiled_elsewhere, (version, one.co_name, marshal.dumps(one))

    # --- the rest ------------------------------------------------------------------------------

    def call(self, one: Call) -> Any:
        return one.function, one.arguments

    def name(self, one: Name) -> Any:
        key = NOTEBOOK if self.is_notebook(one.owner) else id(one.owner)
        written = self.written.setdefault(key, set())
        if one.name in written:
            return rebuild.same, (None,)
        written.add(one.name)
        self._kept.append(one.owner)
        return dict.__setitem__, (self.owner(one.owner), one.name, one.value)

    def helpers(self, _one: Helpers) -> Any:
        if self.reader_has_helpers:
            return importlib.import_module, (rebuild.NAME,)
        return eval, (_LOAD, {"N": rebuild.NAME, "Z": rebuild.PACKED})

    def cell(self, one: Any) -> Any:
        if id(one) in self._cells:
            return rebuild.cell, ()
        return rebuild.cell, (), [*self.contents([one])], None, None, rebuild.nothing

    def kind(self, one: type) -> Any:
        found = self.reference(one)
        return classes.reduce(self, one) if found is None else found

    def builtin(self, one: Any) -> Any:
        """Return the reduction of NumPy's arrays and scalars, by names that all its versions
        have."""
        if one.__module__ == "numpy._core.multiarray" and self.has("numpy"):
            if one.__name__ == "_reconstruct":
                return getattr, (sys.modules["numpy"].ndarray, "__new__")
            if one.__name__ == "scalar":
                return getattr, (Call(importlib.import_module, "numpy.core.multiarray"), "scalar")
        return NotImplemented

    def defined(self, one: Any) -> Any:
        """Return the object to write in place of this one; see `remote_function`."""
        return one.gc_travels(self)


def dumps(value: Any, has: Callable[[str], bool], **options: Any) -> bytes:
    """Pickle one value; see `Pickler`."""
    stream = io.BytesIO()
    Pickler(stream, has, **options).dump(value)
    return stream.getvalue()
