"""Record the values that are kept in a store's folder. A sweep never removes the parts of a record.

A value is kept until a user forgets it. Two kinds are removed some days after their last use, as
other parts are: values whose notebook has kept another value by that name since then, and values
that no user asked to keep, which were too large to be fetched by themselves.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import stat
import tempfile
import time
from collections.abc import Iterable, Mapping
from typing import Any

#: How a file of a store is opened: another account may have put a link or a pipe there.
NO_LINK = sum(  # of different bits; not every system has each
    getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC")
)

_SUFFIX = ".kept"
_LENGTH = 32
#: The name of a cell's last value in a record.
LAST = "_"
#: The fields of a record that say where its bytes are.
_BYTES = ("pickle", "buffers", "definitions")


class KeptGone(Exception):
    """A kept value isn't there any more. The message is one line that says what to do."""


def is_ident(text: Any) -> bool:
    """Whether a text is the name of a record, and not a path out of the folder."""
    known = isinstance(text, str) and len(text) == _LENGTH
    return known and not set(text) - set("0123456789abcdef")


def summary(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without its parts."""
    return {key: value for key, value in record.items() if key not in _BYTES}


def parts_in(record: dict[str, Any]) -> list[str]:
    """Return the names of a record's parts."""
    pickles = [record, *([record["definitions"]] if record.get("definitions") else [])]
    stored = [some for one in pickles for some in (one["pickle"], *one["buffers"])]
    return [name for some in stored for name in some["parts"]]


class Records:
    """The records in a store's folder, one file each.

    Parameters
    ----------
    folder:
        The store's folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def write(self, record: dict[str, Any]) -> None:
        """Write a record, whole or not at all.

        Raises
        ------
        OSError
            The file can't be written.
        """
        handle, made = tempfile.mkstemp(dir=self._folder, prefix=".part")  # 0600
        try:
            with open(handle, "w", encoding="utf-8") as file:
                json.dump(record, file)
            os.replace(made, self._path(record["id"]))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(made)
            raise

    def read(self, ident: str) -> dict[str, Any] | None:
        """Read a record and mark it as used now. None if it is missing or damaged."""
        record = None
        with contextlib.suppress(FileNotFoundError):
            record = self._read(ident)
            os.utime(self._path(ident))
        return record

    def _read(self, ident: str) -> dict[str, Any] | None:
        path = self._path(ident)
        if os.path.islink(path):
            return None
        with open(os.open(path, os.O_RDONLY | NO_LINK), encoding="utf-8") as file:
            about = os.fstat(file.fileno())
            if os.name == "posix" and about.st_uid != os.geteuid():
                return None
            text = file.read() if stat.S_ISREG(about.st_mode) else ""
        try:
            record: dict[str, Any] = json.loads(text)
            named = all(isinstance(one, str) for one in [*record["names"], *parts_in(record)])
            return record if named and record["id"] == ident and record["at"] > 0 else None
        except (ValueError, TypeError, LookupError, AttributeError):
            return None

    def every(self) -> list[dict[str, Any]]:
        """Return all records, oldest first. Each has `used` (unix seconds) and `replaced`: whether
        its notebook has kept newer values by all of its names.

        Raises
        ------
        OSError
            A record can't be read now, so it isn't known which parts are pinned.
        """
        found = []
        for file in os.listdir(self._folder):
            ident = file[: -len(_SUFFIX)]
            if file.endswith(_SUFFIX) and is_ident(ident):
                with contextlib.suppress(FileNotFoundError):
                    used = os.lstat(self._path(ident)).st_mtime
                    record = self._read(ident)
                    if record is not None:
                        found.append(dict(record, used=used))
        found.sort(key=lambda one: float(one["at"]))
        newest = _newest(found)
        for one in found:
            mine = [_key(one, name) for name in one["names"] if name]
            older = all(newest[key] != one.get("run") for key in mine)
            one["replaced"] = older or bool(one.get("orphaned"))
        return found

    def pinned(self, unused_s: float) -> set[str]:
        """Return the parts that a sweep must not remove. Records that were replaced or not asked
        for, and that were not used for so many seconds, are removed."""
        names: set[str] = set()
        for one in self.every():
            if (one["replaced"] or one.get("unasked")) and time.time() - one["used"] > unused_s:
                with contextlib.suppress(OSError):
                    os.unlink(self._path(one["id"]))
            else:
                names.update(parts_in(one))
        return names

    def forget(self, names: Mapping[str, Iterable[str]]) -> list[str]:
        """Remove names of records. If a name is its notebook's newest of that name, the older ones
        of the same kernel are removed, too. Those of the notebook's other kernels stay as replaced
        ones, since these kernels may still use them.

        Parameters
        ----------
        names:
            The names to remove, by record.

        Returns
        -------
        list
            The parts that no record refers to any more.
        """
        every = self.every()
        gone = {one["id"]: set(names.get(one["id"], ())) for one in every}
        newest = _newest(every)
        wanted = {
            _key(one, name): one.get("kernel")
            for one in every
            for name in gone[one["id"]]
            if newest.get(_key(one, name)) == one.get("run")
        }
        parts: list[str] = []
        left = set()
        changed: set[str] = set()
        for one in every:
            for name in one["names"]:
                key = _key(one, name)
                if key not in wanted or newest[key] == one.get("run"):
                    continue
                if one.get("kernel") == wanted[key]:
                    gone[one["id"]].add(name)
                else:
                    one["orphaned"] = True
                    changed.add(one["id"])
            if not gone[one["id"]].intersection(one["names"]):
                if one["id"] in changed:
                    self._rewrite(one)
                left.update(parts_in(one))
                continue
            one["names"] = ["" if name in gone[one["id"]] else name for name in one["names"]]
            if any(one["names"]):
                left.update(parts_in(one))
                self._rewrite(one)
            else:
                os.unlink(self._path(one["id"]))
                parts += parts_in(one)
        return [name for name in parts if name not in left]

    def _rewrite(self, one: dict[str, Any]) -> None:
        """Write a changed record of `every`. This doesn't count as a use."""
        self.write({key: one[key] for key in one if key not in ("used", "replaced")})
        os.utime(self._path(one["id"]), (one["used"], one["used"]))

    def _path(self, ident: str) -> str:
        if not is_ident(ident):
            raise ValueError("this is not the name of a record: %.80r" % (ident,))
        return os.path.join(self._folder, ident + _SUFFIX)


def _newest(records: Iterable[dict[str, Any]]) -> dict[Any, Any]:
    """Return the run that kept each notebook's names last. The records are in order of age."""
    return {_key(one, name): one.get("run") for one in records for name in one["names"]}


def _key(record: dict[str, Any], name: str) -> Any:
    """Return the key by which a later record replaces this one."""
    return record.get("owner"), name, bool(record.get("unasked"))


def load_kept(store: Any, ident: str, needs: dict[Any, Any], reading: Any) -> list[Any]:
    """Load the values of a record.

    Parameters
    ----------
    store:
        A `Store`.
    ident:
        The record's name.
    needs:
        The notebook's objects to which its pickle refers, by key.
    reading:
        The class `rebuild.Reading`.

    Raises
    ------
    KeptGone
        The value was forgotten or purged.
    """
    record = store.records.read(ident)
    if record is None or store.missing(parts_in(record)):
        raise KeptGone(gone(record, store.folder))
    lacking = [key for key, _, _ in record["needs"] if key not in needs]
    if lacking:
        definitions = {}
        if record["definitions"]:
            with reading():
                definitions = _load(store, record["definitions"])
        needs = {**definitions, **needs}
    with reading(known=needs):
        values: list[Any] = _load(store, record)
    return values


def _load(store: Any, one: dict[str, Any]) -> Any:
    buffers = (store.read_all(stored) for stored in one["buffers"])
    return pickle.Unpickler(store.open(one["pickle"]), buffers=buffers).load()


def gone(record: dict[str, Any] | None, folder: str) -> str:
    """Return the message about a value that isn't there."""
    if record is None:
        what = "A kept value that this uses is not in %s any more" % folder
    else:
        names = ", ".join(str(name) for name in record["names"] if name)
        what = "Parts of the kept value %.200s are not in %s any more" % (names, folder)
    return what + ": it was forgotten or purged. Make it again and keep it again (--keep)"
