"""KeptValue: the notebook's stand-in for a value that stays at an endpoint."""

from __future__ import annotations

import html
import importlib
import operator
import re
import sys
import weakref
from collections.abc import Mapping
from typing import Any

from gc_jupyter.capture.failures import show_at_caller
from gc_jupyter.errors import StoreRefused
from gc_jupyter.journal.sessions import Part
from gc_jupyter.moments import ago
from gc_jupyter.remote_text import one_line
from gc_jupyter.travel import rebuild_classes
from gc_jupyter.travel.instances import Call
from gc_jupyter.travel.kept import is_ident
from gc_jupyter.travel.objects import HELPERS
from gc_jupyter.travel.pickler import Pickler
from gc_jupyter.travel.refused import CannotTravel
from gc_jupyter.travel.sending import endpoint_there
from gc_jupyter.travel.store import megabytes
from gc_jupyter.travel.texts import LOAD_STORE, packed_store
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME

_MOST = 10_000  # the most names of one record
_PATH = re.compile(r"[\w.<>]*")


class KeptRecord:
    """The values that a cell has kept together: one pickle in the store of an endpoint's account.

    Parameters
    ----------
    told:
        The record without its parts, as a worker wrote it (`travel.kept`): remote text.
    endpoint_id, endpoint:
        The endpoint of the store, and its name.
    objects:
        The notebook's objects that its pickle refers to, by key.

    Raises
    ------
    LookupError, TypeError, ValueError
        It isn't a record.
    """

    def __init__(
        self,
        told: Mapping[str, Any],
        endpoint_id: str,
        endpoint: str = "",
        objects: Mapping[Any, Any] | None = None,
    ) -> None:
        if not is_ident(told["id"]):
            raise ValueError("not the name of a record")
        self.ident = str(told["id"])
        self.endpoint_id = endpoint_id
        self.endpoint = one_line(endpoint or endpoint_id, 200)
        self.folder = str(told["folder"])
        self.host = one_line(str(told.get("host") or ""))
        self.notebook = one_line(str(told.get("notebook") or ""), 300)
        self.owner = str(told.get("owner") or "")
        #: The id of the endpoint that has kept it; another one may have the same store.
        self.kept_by = str(told.get("endpoint") or endpoint_id)
        config = told.get("config")
        #: Of tasks that fetch it: the cell's endpoint configuration, as each may have own workers.
        self.config: dict[str, Any] | None = config if isinstance(config, dict) else None
        self.python = one_line(str(told["python"]))
        self.at = float(told["at"])
        self.used = float(told.get("used") or self.at)
        self.replaced = bool(told.get("replaced"))
        #: Whether it was kept only because it was too large to come back.
        self.unasked = bool(told.get("unasked"))
        self.names = [one_line(str(name), 200) for name in told["names"][:_MOST]]
        self.types = [one_line(str(one), 200) for one in told["types"]]
        self.sizes = [int(one) for one in told["sizes"]]
        self.shapes = [None if one is None else [int(n) for n in one] for one in told["shapes"]]
        self.needs = [(key, str(home), str(path)) for key, home, path in told["needs"]]
        if not len(self.names) == len(self.types) == len(self.sizes) == len(self.shapes):
            raise ValueError("not a record")
        objects = objects or {}
        self.objects = {key: objects[key] for key, _, _ in self.needs if key in objects}
        self.part = Part.read(str(told.get("part") or ""))
        self.run = str(told.get("run") or "")
        #: The values that the user has removed.
        self.forgotten: set[int] = set()

    def __getitem__(self, name: str) -> KeptValue:
        return KeptValue(self, self.names.index(name))

    def values(self) -> list[KeptValue]:
        """The values that weren't forgotten."""
        return [KeptValue(self, at) for at, name in enumerate(self.names) if name]

    @property
    def total(self) -> int:
        """The size of all its values in bytes."""
        return sum(self.sizes)

    def needed(self, namespace: Mapping[str, Any]) -> dict[Any, Any]:
        """The notebook's objects that its pickle uses: the originals, or what has their name."""
        found = dict(self.objects)
        for key, home, path in self.needs:
            if key not in found and (one := _look_up(home, path, namespace)) is not None:
                found[key] = one
        return found

    def gc_travels(self, pickler: Pickler) -> Any:
        """It is pickled as a call that loads its values at the endpoint."""
        here = vars(sys.modules["__main__"])
        needs = self.needed(here if pickler.notebook is None else pickler.notebook)
        if pickler.reader_has_helpers:
            return rebuild_classes.kept, (self.folder, self.ident, needs)
        module = Call(eval, LOAD_STORE, packed_store())
        load, store = Call(getattr, module, "load_kept"), Call(getattr, module, "Store")
        made = Call(rebuild_classes.with_keywords, store, (self.folder,), {})
        of = made, self.ident, needs, Call(getattr, HELPERS, "Reading")
        return rebuild_classes.with_keywords, (load, of, {})

    def plain(self) -> dict[str, Any]:
        """The record as a dict, as it was told."""
        found = {name: getattr(self, name) for name in _TOLD}
        told = {"id": self.ident, "part": str(self.part or ""), "endpoint": self.kept_by}
        return {**told, **found}


_TOLD = (
    *("folder", "host", "notebook", "owner", "run", "python", "at", "used"),
    *("replaced", "unasked", "config"),
    *("names", "types", "sizes", "shapes", "needs"),
)
_known: weakref.WeakValueDictionary[tuple[str, str], KeptRecord] = weakref.WeakValueDictionary()


def record_of(
    told: Mapping[str, Any],
    endpoint_id: str,
    endpoint: str = "",
    objects: Mapping[Any, Any] | None = None,
) -> KeptRecord:
    """The one object of this process for a record; see `KeptRecord`."""
    made = KeptRecord(told, endpoint_id, endpoint, objects)
    return _known.setdefault((endpoint_id, made.ident), made)


def _look_up(home: str, path: str, namespace: Mapping[str, Any]) -> Any:
    """The object at a path in a module; `namespace` is the notebook's."""
    parts = path.split(".") if path else []
    if home == "__main__":
        found = namespace.get(parts.pop(0)) if parts else None
    else:
        try:
            found = importlib.import_module(home)
        except Exception:  # the module's own code raised it
            return None
    for part in parts:
        found = getattr(found, part, None)
    return found if path == "" or callable(found) else None


class KeptValue:
    """A value that stays at an endpoint. A cell there that uses its name gets the value itself.

    Parameters
    ----------
    record:
        The record that it is in.
    index:
        Its place in the record.
    """

    def __init__(self, record: KeptRecord, index: int) -> None:
        self._record = record
        self._index = index

    @property
    def name(self) -> str:
        """The name in the cell that has kept it."""
        return self._record.names[self._index]

    @property
    def endpoint(self) -> str:
        """The endpoint that has it."""
        return self._record.endpoint

    @property
    def type_name(self) -> str:
        """Its type, with the module."""
        return self._record.types[self._index]

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of an array or a table, or the length of a container; else None."""
        found = self._record.shapes[self._index]
        return None if found is None else tuple(found)

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self._record.sizes[self._index]

    @property
    def forgotten(self) -> bool:
        """Whether this kernel has removed it there."""
        return self._index in self._record.forgotten

    @property
    def record(self) -> KeptRecord:
        """The record that it is in."""
        return self._record

    @property
    def index(self) -> int:
        """Its place in the record."""
        return self._index

    @property
    def kept_at(self) -> float:
        """When it was kept, in unix seconds."""
        return self._record.at

    def fetch(self) -> Any:
        """Bring the value here.

        Raises
        ------
        StoreRefused
            It is no longer there.
        Interrupted
            The user has stopped it.
        """
        from gc_jupyter.session.core import current_session
        from gc_jupyter.session.keeping import fetch

        try:
            return fetch([self])[0]
        except StoreRefused as error:
            show_at_caller(error, current_session().label_of)
            raise

    # --- how it is sent ----------------------------------------------------------------------

    def gc_travels(self, _pickler: Pickler) -> Any:
        """It is pickled as a reference to the value, which its endpoint has."""
        there, record = endpoint_there(), self._record
        if self.forgotten:
            raise CannotTravel(
                f"the kept value {self.name} was forgotten (%gc forget)",
                "Make it again, and keep it again.",
            )
        if there and there != record.endpoint_id:
            other = LOCAL_NAME if there == LOCAL_ENDPOINT_ID else "another endpoint"
            raise CannotTravel(
                f"the value of {self.name} is kept on {record.endpoint}, and this goes to {other}",
                f"Run it on {record.endpoint}, or bring the value here first: %gc fetch"
                f" {self.name}, or .fetch().",
            )
        return operator.getitem, (record, self._index)

    def gc_uses(self) -> tuple[str, ...]:
        """The notebook's names that are sent with it."""
        needs = self._record.needs
        return tuple(path.partition(".")[0] for _, home, path in needs if home == "__main__")

    def gc_text(self) -> str:
        """It has no source text."""
        return ""

    def __reduce__(self) -> Any:
        record = self._record
        return _restored, (record.plain(), record.endpoint_id, record.endpoint, self._index)

    # --- how it looks ------------------------------------------------------------------------

    def described(self) -> list[tuple[str, str]]:
        """Its description for the user, as pairs of a word and a text."""
        shape, (home, _, kind) = self.shape, self.type_name.rpartition(".")
        if shape is not None and home == "builtins":
            kind += f" of {shape[0]:,}"
        elif shape is not None:
            kind += f" {' x '.join(f'{n:,}' for n in shape)}" if shape else " of one number"
        kept = f"kept on {self.endpoint} {ago(self.kept_at)} ago"
        return [
            ("name", self.name),
            ("kind", kind),
            ("size", megabytes(self.size)),
            ("where", kept + ", forgotten since" * self.forgotten),
        ]

    def __repr__(self) -> str:
        name, *rest = (text for _, text in self.described())
        return f"<{name}: {', '.join(rest)}>"

    def _repr_html_(self) -> str:
        name, *rest = (html.escape(text) for _, text in self.described())
        return f"<code>{name}</code>: {', '.join(rest)}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"{name!r} is there with the value, which is kept on {self.endpoint}: use it in a"
            f" %%gcrun {self.endpoint} cell, or bring it here by .fetch()"
        )


def _restored(told: Mapping[str, Any], endpoint_id: str, endpoint: str, index: int) -> KeptValue:
    return KeptValue(record_of(told, endpoint_id, endpoint), index)
