"""Turn values and modules into pieces of one pickle, with the worker's instructions for them."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gc_jupyter.capture import modules
from gc_jupyter.capture.credentials import CredentialGuard
from gc_jupyter.capture.imports import is_local
from gc_jupyter.capture.states import StatesHere
from gc_jupyter.capture.storing import Storing
from gc_jupyter.errors import CaptureError
from gc_jupyter.travel import code
from gc_jupyter.travel.arrays import viewed
from gc_jupyter.travel.installed import worker_has
from gc_jupyter.travel.modules import module_contents
from gc_jupyter.travel.pickler import NOTEBOOK
from gc_jupyter.travel.refused import CannotTravel
from gc_jupyter.travel.sending import SendingPickler, refuse_newer_syntax

#: The most bytes of a module's variables. Above it the module's text makes them anew there.
_LARGE = 1_000_000


@dataclass(frozen=True)
class SourceOrigin:
    """A travelling text's place in the notebook, to which frames on the worker are mapped back."""

    filename: str
    first_line: int
    source: str


class Pieces:
    """Pickles what a cell uses. All names are pieces of one pickle, so objects that they share are
    shared there, too. A module is a piece as well, unless it travels as text.

    Parameters
    ----------
    namespace:
        The notebook's variables.
    guard:
        Refuses to send credentials.
    python:
        The endpoint's minor version of Python, or empty text if it isn't known.
    wanted:
        Tells whether to send a name that a function uses.
    states:
        What the notebook has set in installed modules.
    storing:
        Takes out large data; None if all data travels with the cell.

    Attributes
    ----------
    content:
        The pieces, in order.
    buffers:
        The buffers that were taken out of the pieces.
    sizes:
        The bytes of each piece, with its buffers.
    modules:
        The names of the modules that are used. Those that aren't installed travel.
    modules_first, modules_last:
        The modules that travel as objects: those known to be used, and those that values use.
    brought:
        All modules that travel as objects, also within other pieces.
    as_text:
        The texts of modules that are loaded here and still travel as text.
    changed:
        The modules among these whose variables were set since.
    reloads:
        Whether the cell reloads modules, which needs the present text of their files.
    sent:
        The objects that a reply may refer to, by index.
    origins:
        Maps the file name that frames have for a text to the text's place.
    """

    def __init__(
        self,
        namespace: Mapping[str, Any],
        guard: CredentialGuard,
        python: str,
        wanted: Callable[[str, Any], bool],
        states: StatesHere,
        storing: Storing | None = None,
    ) -> None:
        self.storing = storing
        self.buffers: list[Any] = []
        self.sizes: dict[str, int] = {}
        self._guard = guard
        self._options: dict[str, Any] = {
            "has": self._has,
            "python": python,
            "notebook": namespace,
            "wanted": wanted,
            "reader_has_helpers": True,  # they come with the cell
            "replaced": states.replaced,
        }
        #: What is set in installed modules, as the worker takes it, and what is said of the rest.
        self.states: dict[str, Any] = {}
        self.unset: list[str] = []
        self._given = states
        self.content: dict[str, bytes] = {}
        self.modules: set[str] = set()
        self.modules_first: list[str] = []
        self.modules_last: list[str] = []
        self.brought: dict[str, None] = {}
        self.as_text: dict[str, str] = {}
        self.changed: list[str] = []
        self.reloads = False
        self.sent: list[Any] = []
        self.origins: dict[str, SourceOrigin] = {}
        self._looked_at: set[str] = set()
        self._stream = io.BytesIO()
        self._pickler = self._new_pickler()

    def pickle(
        self, values: Mapping[str, Any], imports: Mapping[str, str], calls: Sequence[Any]
    ) -> list[Any]:
        """Fill `content`. Return each of `calls` (arguments, or a variable's value) as a pickle
        of its own that `worker_side.loading.Loader` reads.

        Parameters
        ----------
        values:
            The values of the names, in the order of their pieces.
        imports:
            The names that an import statement binds there.
        """
        code.remember_modules()
        while True:
            with contextlib.suppress(_AsText):  # found meanwhile
                return self._pickle(values, imports, calls)

    def _pickle(
        self, values: Mapping[str, Any], imports: Mapping[str, str], calls: Sequence[Any]
    ) -> list[Any]:
        for known in (self.content, self.sent, self.brought, self.buffers, self.sizes):
            known.clear()
        self._stream = io.BytesIO()
        self._pickler = pickler = self._new_pickler()
        written = pickler.written.setdefault(NOTEBOOK, set(imports))
        self.modules_first = self._add_modules()
        pickler.viewed = viewed(values.values())
        for name, value in values.items():
            self._add(name, name, value)
            written.add(name)
        if self.storing is not None and not self.storing.alone:
            options = {key: self._options[key] for key in ("has", "python", "reader_has_helpers")}
            if self.storing.take_large(values, self.content, options, _AsText):
                raise _AsText
        self.modules |= pickler.imported
        self.modules_last = self._add_modules()
        packed = [self._call(call, written) for call in calls]
        sent = {id(one): token for token, one in enumerate(self.sent)}
        self.states, self.unset = self._given.packed(partial(self._state, written, sent))
        self._add_changes()
        for filename in pickler.files:
            self.origins[filename] = SourceOrigin(filename, 1, code.text_of(filename))
        return packed

    def _add(self, piece: str, name: str, value: Any) -> None:
        before = len(self.buffers)
        try:
            self._pickler.dump(value)
        except (_AsText, CaptureError):
            raise
        except Exception as error:
            self._look_at_modules()
            raise _cannot_send(name, error) from error
        finally:
            self.brought.update(dict.fromkeys(self._pickler.brought))
        self.content[piece] = self._stream.getvalue()
        self._guard.pickled(name, self.content[piece])
        alone = 0 if self.storing is None else self.storing.alone.get(piece, 0)
        self.sizes[piece] = len(self.content[piece]) + sum(map(len, self.buffers[before:])) + alone
        self._stream.seek(0)
        self._stream.truncate()

    def _call(self, call: Any, written: set[str]) -> Any:
        known = {id(one): token for token, one in enumerate(self.sent)}
        stream = io.BytesIO()
        buffers: list[Any] = []
        pickler = self._new_pickler(stream, buffers, known=known)
        pickler.written[NOTEBOOK] = set(written)
        try:
            pickler.dump(call)
        except (_AsText, CaptureError):
            raise
        except Exception as error:
            raise CaptureError(
                f"An argument can't be sent: {_text(error)}",
                next_step=getattr(error, "next_step", "")
                or "Pass plain values, or build the object where it is used.",
            ) from error
        self.modules |= pickler.imported
        self.brought.update(dict.fromkeys(pickler.brought))
        data: Any = stream.getvalue()
        self._guard.pickled("", data)
        if self.storing is None:
            return data
        if len(data) > self.storing.least:
            data = self.storing.add(data)
        plain = isinstance(data, bytes) and not buffers
        return data if plain else self.storing.pickled(data, buffers)

    def _state(self, written: set[str], known: Mapping[int, int], value: Any) -> bytes:
        """Pickled by itself: each is read when its module is there."""
        stream = io.BytesIO()
        pickler = SendingPickler(stream, known=known, sent=self.sent, **self._options)
        pickler.written[NOTEBOOK] = set(written)
        try:
            pickler.dump(value)
        except (_AsText, CaptureError):
            raise
        except Exception as error:
            raise CaptureError(_text(error)) from error
        self.modules |= pickler.imported
        self.brought.update(dict.fromkeys(pickler.brought))
        self._guard.pickled("", stream.getvalue())
        return stream.getvalue()

    def _new_pickler(
        self, stream: io.BytesIO | None = None, buffers: list[Any] | None = None, **options: Any
    ) -> SendingPickler:
        made: type[SendingPickler] = SendingPickler
        if self.storing is not None:
            made = self.storing.pickler()
            options["buffers"] = self.storing.callback(self.buffers if buffers is None else buffers)
        found: Any = made(stream or self._stream, sent=self.sent, **self._options, **options)
        if self.storing is not None and self.storing.known:
            found.stored = self.storing.known
        pickler: SendingPickler = found
        return pickler

    def _has(self, module: str) -> bool:
        loaded = module in sys.modules
        if loaded and module not in self.as_text and not worker_has(module):
            self._choose(modules.reached([module]))
        there = worker_has(module) or module in self.as_text or (not loaded and is_local(module))
        if there:
            self.modules.add(module)
        return there

    # --- modules ---------------------------------------------------------------------------

    def _add_modules(self) -> list[str]:
        """Add the modules that travel as objects and haven't been added yet."""
        added: list[str] = []
        while True:
            found = modules.reached(self.modules)
            self._choose(found)
            todo = [name for name in found if name not in {*self.as_text, *self.brought, *added}]
            for name in todo:
                added.append(name)
                self._add(module_piece(name), name, found[name])
                self.modules |= self._pickler.imported
                if len(self.content[module_piece(name)]) > _LARGE and self._take_text(name):
                    raise _AsText
            if not todo:
                return added

    def _choose(self, found: Mapping[str, types.ModuleType]) -> None:
        """Choose the modules that run there from their text: those that installed packages know,
        and those that they import, unless they were changed here since."""
        for name, module in found.items():
            if name in self.as_text or name in self._looked_at:
                continue
            self._looked_at.add(name)
            text = modules.text_as_is(module)
            if text is not None and modules.registers(module, text):
                self._take_text(name)
            elif name not in self.as_text:
                self._check(name, module, text)

    def _check(self, name: str, module: types.ModuleType, text: str | None) -> None:
        shown = text if text is not None else modules.shown_text(module)
        self._guard.texts({name: shown})
        with contextlib.suppress(SyntaxError), as_capture_error():  # of an edited file
            refuse_newer_syntax(f"The module {name}", shown, self._options["python"])
        for variable in module_contents(module):
            value = vars(module)[variable]
            if isinstance(value, types.ModuleType):
                continue
            try:
                self._guard.values({f"{name}.{variable}": value})
            except CaptureError:
                if text is None or not modules.binds(text, variable) or not self._take_text(name):
                    raise
                return  # the text holds no credential: it finds its own there, or none

    def _take_text(self, name: str) -> bool:
        """Send a module and its imports as text. Returns False if one of them was changed here."""
        found = {one: modules.text_as_is(module) for one, module in modules.reached([name]).items()}
        if None in found.values():
            return False
        self.as_text.update({one: text for one, text in found.items() if text is not None})
        if found.keys() & {*self.brought, *self._pickler.brought}:
            raise _AsText
        return True

    def _look_at_modules(self) -> None:
        """Find out, after a failure, whether a module has something that can't be sent. If the
        module's text makes it anew there, the text travels; else the cell is refused."""
        names = {*self.modules, *self.brought, *self._pickler.brought}
        for name, module in modules.reached(names).items():
            for variable in module_contents(module) if name not in self.as_text else ():
                try:
                    _Probe(io.BytesIO(), **self._options).dump(vars(module)[variable])
                except _AsText:
                    raise
                except Exception as error:
                    text = modules.text_as_is(module)
                    anew = text is not None and modules.binds(text, variable)
                    is_open = getattr(error, "is_open", False)
                    if is_open or not anew or not self._take_text(name):
                        raise _cannot_send(f"{name}.{variable}", error) from error
                    raise _AsText from error

    def _add_changes(self) -> None:
        """Add what the notebook has set in modules that travel as text."""
        self.changed = []
        for name, text in self.as_text.items():
            module = sys.modules[name]
            changed = modules.changed_since(module, text)
            self._guard.values({f"{name}.{key}": value for key, value in changed.items()})
            if changed:
                self._add(f"{name} (set since)", name, changed)
                self.changed.append(name)

    def settings(self) -> list[tuple[Any, ...]]:
        """Return what modules sent as objects have set in installed ones; see `compose.Task`."""
        found = []
        for name in [one for one in sys.modules if one in self.brought]:
            module = sys.modules[name]
            statements = modules.settings(modules.text_as_is(module) or modules.shown_text(module))
            if statements:
                found.append(("settings", name, (str(module.__file__), statements)))
        return found

    def sources(self) -> tuple[tuple[str, tuple[str, bool]], ...]:
        """Return the modules that run there from their source; see `compose.Task`."""
        texts = dict(self.as_text)
        if self.reloads:
            texts.update({name: modules.text_now(sys.modules[name]) for name in self.brought})
        found = sorted(modules.sources({*self.modules, *texts}, texts.get).items())
        self._guard.texts({name: text for name, (text, _) in found})
        for name, (text, _) in found:
            with as_capture_error():
                refuse_newer_syntax(f"The module {name}", text, self._options["python"])
        return tuple(found)


@contextlib.contextmanager
def as_capture_error() -> Iterator[None]:
    """Turn an error about a value that can't travel into an error about the cell."""
    try:
        yield
    except CannotTravel as error:
        raise CaptureError(f"{error}.", next_step=error.next_step) from None


class _AsText(Exception):
    """Everything is pickled again: a module travels as text, or a value has its own pickle."""


class _Probe(SendingPickler):
    """Tries to pickle what a module holds, without the modules that it refers to."""

    def module(self, module: types.ModuleType) -> Any:
        super().module(module)
        return importlib.import_module, (module.__name__,)


def module_piece(module: str) -> str:
    """Return the name under which a module's size is listed."""
    return f"module {module}"


def _text(error: Exception) -> str:
    """Describe what went wrong. Our own errors keep their words; others get their type in front."""
    return str(error) if isinstance(error, CannotTravel) else f"{type(error).__name__}: {error}"


def _cannot_send(name: str, error: Exception) -> CaptureError:
    return CaptureError(
        f"The cell uses {name!r}, which can't be sent: {_text(error)}",
        next_step=getattr(error, "next_step", "")
        or f"Make {name!r} inside the cell, or send plain data (numbers, text, lists, arrays) in"
        " its place.",
    )
