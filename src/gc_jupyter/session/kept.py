"""KeptValue: what stands in the notebook for a value that stays at an endpoint."""

from __future__ import annotations

import html
import importlib
import operator
import re
import sys
import time
import weakref
from collections.abc import Mapping
from typing import Any

from gc_jupyter.journal.sessions import Part
from gc_jupyter.remote_text import one_line
from gc_jupyter.travel import rebuild_classes
from gc_jupyter.travel.kept import is_ident
from gc_jupyter.travel.objects import HELPERS, Call
from gc_jupyter.travel.pickler import Pickler
from gc_jupyter.travel.refused import CannotTravel
from gc_jupyter.travel.sending import endpoint_there
from gc_jupyter.travel.store import megabytes
from gc_jupyter.travel.texts import LOAD_STORE, packed_store
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME

_MOST = 10_000  # names of one record
_PATH = re.compile(r"[\w.<>]*")


class KeptRecord:
    """What a cell has kept together: one pickle in the store of an endpoint's account.

    Parameters
    ----------
    told:
        The record without its parts, as a worker has it (`travel.kept`): remote text.
    endpoint_id, endpoint:
        Whose store it is, and what that is called.
    objects:
        What the notebook has of it, by key.

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
        self.python = one_line(str(told["python"]))
        self.at = float(told["at"])
        self.used = float(told.get("used") or self.at)
        self.replaced = bool(told.get("replaced"))
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
        #: Which of them the user has had removed.
        self.forgotten: set[int] = set()

    def __getitem__(self, name: str) -> KeptValue:
        return KeptValue(self, self.names.index(name))

    def values(self) -> list[KeptValue]:
        """Those that weren't forgotten, by what they are called."""
        return [KeptValue(self, at) for at, name in enumerate(self.names) if name]

    @property
    def total(self) -> int:
        """Bytes of all its values."""
        return sum(self.sizes)

    def needed(self, namespace: Mapping[str, Any]) -> dict[Any, Any]:
        """What its pickle has of the notebook: as it was here, or what has its name now."""
        found = dict(self.objects)
        for key, home, path in self.needs:
            if key not in found and (one := _look_up(home, path, namespace)) is not None:
                found[key] = one
        return found

    def gc_travels(self, pickler: Pickler) -> Any:
        """Is pickled as what loads its values there."""
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
        """As it was told."""
        found = {name: getattr(self, name) for name in _TOLD}
        return {"id": self.ident, "part": str(self.part or ""), **found}


_TOLD = (
    *("folder", "host", "notebook", "owner", "run", "python", "at", "used", "replaced"),
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
    """What a module has here by a path; the notebook's own is `namespace`."""
    parts = path.split(".") if path else []
    if home == "__main__":
        found = namespace.get(parts.pop(0)) if parts else None
    else:
        try:
            found = importlib.import_module(home)
        except Exception:  # its own code raised it
            return None
    for part in parts:
        found = getattr(found, part, None)
    return found if path == "" or callable(found) else None


class KeptValue:
    """A value that stays at an endpoint: cells there that use its name find the value itself.

    Parameters
    ----------
    record:
        What it was kept with.
    index:
        Which of them it is.
    """

    def __init__(self, record: KeptRecord, index: int) -> None:
        self._record = record
        self._index = index

    @property
    def name(self) -> str:
        """What the cell called it that has kept it."""
        return self._record.names[self._index]

    @property
    def endpoint(self) -> str:
        """The endpoint where it is."""
        return self._record.endpoint

    @property
    def type_name(self) -> str:
        """Its type, with the module."""
        return self._record.types[self._index]

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of an array or a table; of a container, its length; else None."""
        found = self._record.shapes[self._index]
        return None if found is None else tuple(found)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._record.sizes[self._index]

    @property
    def forgotten(self) -> bool:
        """Whether this kernel has had it removed there."""
        return self._index in self._record.forgotten

    @property
    def record(self) -> KeptRecord:
        """What it was kept with."""
        return self._record

    @property
    def index(self) -> int:
        """Which of its record's values it is."""
        return self._index

    @property
    def kept_at(self) -> float:
        """When, in unix seconds."""
        return self._record.at

    def fetch(self) -> Any:
        """Bring the value here.

        Raises
        ------
        StoreRefused
            It isn't there any more.
        Interrupted
            The user has stopped it.
        """
        from gc_jupyter.session.keeping import fetch

        return fetch([self])[0]

    # --- how it is sent ----------------------------------------------------------------------

    def gc_travels(self, _pickler: Pickler) -> Any:
        """Is pickled as the value itself, which its endpoint has."""
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
        """The notebook's names that go along."""
        needs = self._record.needs
        return tuple(path.partition(".")[0] for _, home, path in needs if home == "__main__")

    def gc_text(self) -> str:
        """It has none."""
        return ""

    def __reduce__(self) -> Any:
        record = self._record
        return _restored, (record.plain(), record.endpoint_id, record.endpoint, self._index)

    # --- how it looks ------------------------------------------------------------------------

    def described(self) -> list[tuple[str, str]]:
        """What is told of it, for people."""
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


def ago(at: float) -> str:
    """How long ago, in the largest unit that fits."""
    seconds = max(0.0, time.time() - at)
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s'[: count - 1]}"
    return f"{seconds:.0f} s"
