"""What the notebook has set in installed modules: it is set here, too, for a task's time."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from typing import Any

ABSENT = object()
#: Whose options each thread has of its own; others are those of the whole process.
OF_THREADS = ("numpy", "decimal")
ERRORS_OF_NUMPY = ("divide", "over", "under", "invalid")


class States:
    """The states that came with a task.

    Parameters
    ----------
    given:
        Module -> `data`: pairs of key and pickled value, `now`: whether it is set before the
        cell also where the module isn't loaded, `also`: modules whose import sets it once more.
    load:
        Reads a value.
    alone:
        Whether no other task shares the process as a thread.
    """

    def __init__(self, given: dict[str, Any], load: Callable[[Any], Any], alone: bool) -> None:
        self.given = given
        self.load = load
        self.alone = alone
        self.waiting: dict[str, list[str]] = {}
        self.undo: list[Callable[[], Any]] = []
        self.filters: list[Any] = []
        self.replaces = False  # all that were there

    def begin(self) -> None:
        """Set what belongs to modules that are loaded; the others follow their import."""
        shared = []
        for name, one in self.given.items():
            if not self.alone and name not in OF_THREADS:
                shared.append(name)
            elif name in sys.modules or one["now"] or not self.alone:
                self.set(name)
            else:
                self.waiting.setdefault(name, []).append(name)
            for other in one["also"]:
                self.waiting.setdefault(other, []).append(name)
        if shared:
            say(
                "What the notebook has set in %s doesn't hold here: this worker's tasks are threads"
                " of one process. Set it in the cell." % ", ".join(shared)
            )

    def imported(self, name: str) -> None:
        """A module of `waiting` was imported."""
        for one in self.waiting.get(name, ()):
            self.set(one)

    def set(self, name: str) -> None:
        try:
            module = importlib.import_module(name)
        except ImportError:
            return  # nor can the cell use it
        for key, data in self.given[name]["data"]:
            try:
                value = self.load(data)
                if name == "warnings" and key == "filters":
                    self.set_filters(module, value)
                    continue
                if name == "numpy" and not self.alone and key not in ERRORS_OF_NUMPY:
                    assert int(module.__version__.split(".")[0]) > 1, "a thread can't have its own"
                before = read_state(module, key)
                write_state(module, key, value)
            except Exception as error:
                say("The notebook's %s can't be set here: %s" % (name_of(name, key), error))
            else:
                self.undo.append(functools.partial(write_state, module, key, before))

    def set_filters(self, module: Any, given: list[Any]) -> None:
        """The notebook's warning filters take the place of all others. Once more after an import,
        whose classes they name; what it and the cell have added meanwhile stays before them."""
        found = [one for one in map(filter_of, given) if one is not None]
        own = [one for one in module.filters if one not in found]
        if not self.replaces:
            before, own, self.replaces = [*module.filters], [], True
            self.undo.append(lambda: self.put_filters(module, before))
        self.filters = found
        change_filters(module, own + found)

    def put_filters(self, module: Any, before: list[Any]) -> None:
        added = [one for one in module.filters if one not in before and one not in self.filters]
        change_filters(module, added + before)

    def end(self) -> None:
        """Set back what was there."""
        self.waiting.clear()
        while self.undo:
            try:
                self.undo.pop()()
            except Exception as error:
                say("What the notebook has set can't be set back: %s" % error)


def say(text: str) -> None:
    print(text, file=sys.stderr)


def name_of(module: str, key: Any) -> str:
    """How a user knows a state: ``pandas.DataFrame.f``, ``precision of numpy``."""
    if isinstance(key, tuple) and key[0] == "set":
        _, path, kind, name = key
        return ".".join([module, *path]) + (".%s" % name if kind == "attribute" else "[%r]" % name)
    if isinstance(key, tuple):
        return "%s.%s" % (module, key[1])
    return "%s of %s" % (key or "root", module)


def read_state(module: Any, key: Any) -> Any:
    """What a module's option is, or what stands at a place in it. Keys are strings; ``("set", path,
    "attribute" or "item", name)`` for what code has set; ``(getter, setter)`` for functions."""
    name = module.__name__
    if isinstance(key, tuple) and key[0] == "set":
        owner = owner_of(module, key[1])
        if key[2] == "item":
            return owner.get(key[3], ABSENT)
        if isinstance(owner, (type(sys), type)):
            return vars(owner).get(key[3], ABSENT)
        return getattr(owner, key[3], ABSENT)
    if isinstance(key, tuple):
        return getattr(module, key[0])()
    if name == "numpy":
        return {**module.get_printoptions(), **module.geterr()}[key]
    if name == "pandas":
        return module.get_option(key)
    if name == "matplotlib":
        return module.rcParams[key]
    if name == "matplotlib.colors":
        return module.get_named_colors_mapping()[key]
    if name == "decimal":
        found = getattr(module.getcontext(), key)
        return [one.__name__ for one, on in found.items() if on] if key == "traps" else found
    if name == "locale":
        return module.setlocale(getattr(module, key))
    if name == "logging":
        logger = module.getLogger(key or None)
        return logger.level, logger.propagate, logger.disabled, [*logger.handlers]
    raise KeyError(key)


def write_state(module: Any, key: Any, value: Any) -> None:
    """Set it; see `read_state`."""
    name = module.__name__
    if isinstance(key, tuple) and key[0] == "set":
        owner = owner_of(module, key[1])
        if key[2] == "item" and value is ABSENT:
            del owner[key[3]]
        elif key[2] == "item":
            owner[key[3]] = value
        elif value is ABSENT:
            delattr(owner, key[3])
        else:
            setattr(owner, key[3], value)
    elif isinstance(key, tuple):
        getattr(module, key[1])(value)
    elif name == "numpy" and key in ERRORS_OF_NUMPY:
        module.seterr(**{key: value})
    elif name == "numpy":  # what isn't named is forgotten by some of them
        module.set_printoptions(**{**module.get_printoptions(), key: value})
    elif name == "pandas":
        module.set_option(key, value)
    elif name == "matplotlib":
        module.rcParams[key] = value
    elif name == "matplotlib.colors":
        module.get_named_colors_mapping()[key] = value
    elif key == "traps":
        traps = module.getcontext().traps
        for one in [*traps]:
            traps[one] = one.__name__ in value
    elif name == "decimal":
        setattr(module.getcontext(), key, value)
    elif name == "locale":
        module.setlocale(getattr(module, key), value)
    elif name == "logging":
        logger = module.getLogger(key or None)
        level, logger.propagate, logger.disabled, handlers = value
        logger.setLevel(level)
        logger.handlers[:] = [handler_of(module, one) for one in handlers]


def owner_of(module: Any, path: Any) -> Any:
    found = module
    for part in path:
        found = getattr(found, part)
    return found


def handler_of(logging: Any, one: Any) -> Any:
    """A handler, or one that writes what the task shows: its stream's name, level and formatter."""
    if isinstance(one, logging.Handler):
        return one
    stream, level, formatter = one
    made = logging.StreamHandler(getattr(sys, stream))
    made.setLevel(level)
    made.setFormatter(formatter)
    return made


def filter_of(given: Any) -> Any:
    """A warning filter; None where the class of its warnings isn't imported: nobody gives one."""
    action, message, (home, path), module, line = given
    kind: Any = sys.modules.get(home)
    for part in path.split("."):
        kind = getattr(kind, part, None)
    return (action, message, kind, module, line) if isinstance(kind, type) else None


def change_filters(warnings: Any, filters: list[Any]) -> None:
    warnings.filters[:] = filters
    with warnings.catch_warnings():
        pass  # has all places where one was given forget it
