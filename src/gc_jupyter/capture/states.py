"""What the notebook has set in installed modules: what travels of it, and what is said instead.

Modules that aren't loaded here have nothing that was set, and aren't imported for it.
"""

from __future__ import annotations

import functools
import locale
import logging
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gc_jupyter.capture import history
from gc_jupyter.capture.imports import find_home
from gc_jupyter.capture.worker_side.states import name_of, read_state
from gc_jupyter.errors import CaptureError, gist

#: Bytes of what is set in one module: more than options ever have.
_MOST = 100_000
_NUMPY = {
    **{"edgeitems": 3, "threshold": 1000, "floatmode": "maxprec", "precision": 8},
    **{"suppress": False, "linewidth": 75, "nanstr": "nan", "infstr": "inf", "sign": "-"},
    **{"formatter": None, "legacy": False, "override_repr": None},
    **{"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"},
}
_OPTION_OF_PANDAS = re.compile(r"^([\w.]+)|\[default: (.*)\] \[currently: (.*)\]$", re.MULTILINE)
#: The options that are set most, by whatever code.
_SEEN_OF_PANDAS = (
    *("display.max_rows", "display.min_rows", "display.max_columns", "display.max_colwidth"),
    *("display.width", "display.precision", "display.float_format"),
)
#: Of matplotlib, what is of this machine and of the notebook's windows.
_OWN_OF_MATPLOTLIB = re.compile(
    r"backend|interactive|toolbar|savefig\.directory|(webagg|tk|animation|keymap|macosx)\."
)
_DECIMAL = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "traps")
_LOCALE = ("LC_COLLATE", "LC_MONETARY", "LC_NUMERIC", "LC_TIME")
#: Module -> the functions that get and set a value of the process, and what it is by default.
_FUNCTIONS: dict[str, list[tuple[str, str, Any]]] = {
    "sys": [
        ("getrecursionlimit", "setrecursionlimit", 1000),
        ("get_int_max_str_digits", "set_int_max_str_digits", 4300),
    ],
    "socket": [("getdefaulttimeout", "setdefaulttimeout", None)],
    "csv": [("field_size_limit", "field_size_limit", 131072)],
}
#: Loggers that the kernel itself has set up.
_OF_KERNEL = ("gc_jupyter", "IPKernelApp", "ipykernel", "traitlets", "tornado", "asyncio")


@dataclass
class StatesHere:
    """What is set here and isn't there by itself.

    Parameters
    ----------
    values:
        Module -> key -> value; see `worker_side.states.read_state`.
    also:
        Module -> others by whose import it is set once more.
    replaced:
        The places where something of the notebook's stands now: the owner's id, and the name.
    kept:
        What keeps these ids in use.
    by_value:
        The ids of what stands there.
    left:
        Sentences on what can't go.
    """

    values: dict[str, dict[Any, Any]] = field(default_factory=dict)
    also: dict[str, list[str]] = field(default_factory=dict)
    replaced: set[tuple[int, Any]] = field(default_factory=set)
    kept: list[Any] = field(default_factory=list)
    by_value: set[int] = field(default_factory=set)
    left: list[str] = field(default_factory=list)

    def packed(self, dump: Callable[[Any], bytes]) -> tuple[dict[str, Any], list[str]]:
        """For the worker, and sentences on what can't go.

        Parameters
        ----------
        dump:
            Pickles a value; raises CaptureError where it can't.
        """
        made: dict[str, Any] = {}
        left = [*self.left]
        for module, values in self.values.items():
            pairs = []
            for key, value in values.items():
                try:
                    pairs.append((key, dump(value)))
                except CaptureError as error:
                    left.append(f"{name_of(module, key)} stays here: {gist(error)}")
                    continue
                if len(pairs[-1][1]) > _MOST:
                    size = len(pairs.pop()[1]) / 1e6
                    left.append(f"{name_of(module, key)} stays here: it has {size:.1f} MB.")
            if pairs:
                made[module] = {
                    "data": pairs,
                    "now": module.partition(".")[0] in sys.stdlib_module_names,
                    "also": self.also.get(module, []),
                }
        return made, left

    def named(self) -> list[str]:
        """What is set, for people."""
        return [name_of(module, key) for module, keys in self.values.items() for key in keys]


def states_of(namespace: Mapping[str, Any]) -> StatesHere:
    """What is set in the modules that are loaded here.

    Parameters
    ----------
    namespace:
        The notebook's variables, with `In`, its cells.
    """
    states = StatesHere()
    cells = history.cells_of(namespace)
    words = history.words(cells)
    for module, find in _FINDERS.items():
        if module in sys.modules:
            values = dict(find(sys.modules[module]))
            if values:
                states.values[module] = values
    if "pandas" in sys.modules:
        spoken_of = sum(words[one] for one in ("options", "set_option", "reset_option"))
        values = dict(_of_pandas(sys.modules["pandas"], spoken_of))
        if values:
            states.values["pandas"] = values
    if words.keys() & {"warnings", "filterwarnings", "simplefilter", "resetwarnings"}:
        filters = [*map(_filter, warnings.filters)]
        states.values["warnings"] = {"filters": filters}
        homes = {home for _, _, (home, _), *_ in filters}
        states.also["warnings"] = sorted(homes - {"builtins", "__main__"})
    if "setlocale" in words:  # windows and others set it from the environment
        states.values["locale"] = dict(_of_locale(locale))
    if "logging" in words:
        states.values["logging"] = dict(_loggers(states.left))
    for place in history.places(cells, namespace):
        name = place.key[-1]
        if find_home(place.value) == (place.module, name) and _is_own(place):
            continue  # it was put back
        states.values.setdefault(place.module, {})[place.key] = place.value
        states.replaced.add((id(place.owner), name))
        states.by_value.add(id(place.value))
        states.kept.append(place)
    return states


def _is_own(place: history.Place) -> bool:
    """Whether it is the module's, not a wrapper with its names."""
    variables = vars(sys.modules[place.module])
    return getattr(place.value, "__globals__", variables) is variables


def _of_numpy(numpy: Any) -> Iterator[tuple[str, Any]]:
    for key, value in {**numpy.get_printoptions(), **numpy.geterr()}.items():
        if key in _NUMPY and value != _NUMPY[key]:
            yield key, value


def _of_pandas(pandas: Any, spoken_of: int) -> Iterator[tuple[str, Any]]:
    seen = tuple(map(repr, map(pandas.get_option, _SEEN_OF_PANDAS)))
    for name in _changed(spoken_of, seen):
        yield name, read_state(pandas, name)


@functools.lru_cache(maxsize=4)
def _changed(_spoken_of: int, _seen: tuple[str, ...]) -> list[str]:
    """The options of pandas that aren't at their default, by what it says of all. That takes long,
    and is asked for after cells that speak of options, and where one is seen to have changed."""
    found = []
    name = ""
    said = sys.modules["pandas"].describe_option("", _print_desc=False)
    for key, default, now in _OPTION_OF_PANDAS.findall(said):
        name = key or name
        if default != now:
            found.append(name)
    return found


def _of_matplotlib(matplotlib: Any) -> Iterator[tuple[str, Any]]:
    default = matplotlib.rcParamsDefault
    for key, value in dict.items(matplotlib.rcParams):  # reading one by its name may import
        if value != dict.get(default, key) and _OWN_OF_MATPLOTLIB.match(key) is None:
            yield key, value


def _of_colors(colors: Any) -> Iterator[tuple[str, Any]]:
    now = colors.get_named_colors_mapping()
    for key, value in colors.BASE_COLORS.items():
        if now[key] != value:
            yield key, now[key]


def _of_decimal(decimal: Any) -> Iterator[tuple[str, Any]]:
    now, default = decimal.getcontext(), decimal.DefaultContext
    for key in _DECIMAL:
        if getattr(now, key) != getattr(default, key):
            yield key, read_state(decimal, key)


def _of_locale(module: Any) -> Iterator[tuple[str, Any]]:
    for key in _LOCALE:
        value = read_state(module, key)
        if value != "C":
            yield key, value


def _of_functions(module: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    for get, put, default in _FUNCTIONS[module.__name__]:
        value = getattr(module, get)() if hasattr(module, get) else default
        if value != default:
            yield (get, put), value


_FINDERS: dict[str, Callable[[Any], Iterator[tuple[Any, Any]]]] = {
    "numpy": _of_numpy,
    "matplotlib": _of_matplotlib,
    "matplotlib.colors": _of_colors,
    "decimal": _of_decimal,
    **dict.fromkeys(_FUNCTIONS, _of_functions),
}


def _filter(one: Any) -> Any:
    """A warning filter as the worker takes it: the class of its warnings by its names."""
    action, message, kind, module, line = one
    return action, message, (kind.__module__, kind.__qualname__), module, line


def _loggers(left: list[str]) -> Iterator[tuple[Any, Any]]:
    """Loggers that were set up, with the handlers that write what a cell shows."""
    manager = logging.root.manager
    if manager.disable:
        yield ("set", ("root", "manager"), "attribute", "disable"), manager.disable
    for name, logger in [("", logging.root), *manager.loggerDict.items()]:
        if not isinstance(logger, logging.Logger) or name.startswith(_OF_KERNEL):
            continue
        if logger.level or logger.handlers or logger.disabled or not logger.propagate or not name:
            handlers = [_handler(one) for one in logger.handlers]
            known = [one for one in handlers if one is not None]
            if len(known) < len(handlers):
                kinds = sorted({type(one).__name__ for one in logger.handlers})
                left.append(
                    f"The handlers of the logger {logger.name!r} stay here ({', '.join(kinds)}):"
                    " only those travel that write to sys.stdout and sys.stderr."
                )
            yield name, (logger.level, logger.propagate, logger.disabled, known)


def _handler(one: logging.Handler) -> Any:
    if type(one) is not logging.StreamHandler:
        return None
    for name in ("stdout", "stderr"):
        same = one.stream in (getattr(sys, name), getattr(sys, f"__{name}__"))
        if same or getattr(one.stream, "name", "") in (name, f"<{name}>"):
            return name, one.level, one.formatter
    return None


def not_there(namespace: Mapping[str, Any], modules: Collection[str], text: str) -> list[str]:
    """Sentences on what earlier cells have set and what doesn't go with a cell.

    Parameters
    ----------
    namespace:
        The notebook's variables.
    modules:
        What the cell uses.
    text:
        The cell.
    """
    cells = history.cells_of(namespace)
    found = history.calls(cells, namespace, modules)
    return [
        f"{call} was called in an earlier cell, and what it has set stays here. If this cell needs"
        " it, call it there, too."
        for name, call in found.items()
        if f"{name}(" not in text
    ]
