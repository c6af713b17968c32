"""Provide the texts that run on workers: the code that reads our pickles, and the code that writes
them."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.resources
import sys
import types
import zlib
from typing import Any

from gc_jupyter.travel import rebuild

#: The files of a module that reads pickles on a worker. Each pickle that needs it has its text.
READING = ("rebuild", "rebuild_classes")
#: The files of a module that comes with cells and writes their replies.
WRITING = ("refused", "code", "arrays", "instances", "objects", "classes", "modules", "pickler")
#: The files of a module that is the store of values which stay there.
STORING = ("kept", "store", "near")
#: Makes a module of the store's text, once in a process.
LOAD_STORE = (
    "(lambda s, m: s.modules.get(N) or (exec(compile(__import__('zlib').decompress(Z),"
    " '<gc_jupyter>', 'exec'), m.__dict__), s.modules.setdefault(N, m))[1])"
    "(__import__('sys'), __import__('types').ModuleType(N))"
)
_READING_NAME = "_gc_jupyter_reading_"
_OURS = ("from __future__", "from gc_jupyter.travel")


def joined(names: tuple[str, ...]) -> str:
    """Join these files to one text, without their imports of each other."""
    folder = importlib.resources.files("gc_jupyter.travel")
    lines = ["from __future__ import annotations\n"]
    for name in names:
        text = folder.joinpath(f"{name}.py").read_text(encoding="utf-8")
        lines += [line for line in text.splitlines(True) if not line.startswith(_OURS)]
    return "".join(lines)


def digest(text: str) -> str:
    """Return a short digest of a text."""
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


@functools.cache
def reading_text() -> str:
    """Return the text that our pickles need where they are read."""
    return joined(READING)


@functools.cache
def writing_text() -> str:
    """Return the text that writes our pickles."""
    return joined(WRITING)


@functools.cache
def writing_name() -> str:
    """The module that this text becomes on a worker."""
    return "_gc_jupyter_writing_" + digest(writing_text())


@functools.cache
def store_text() -> str:
    """Return the text that reads and writes values that stay at the endpoint."""
    return joined(STORING)


@functools.cache
def store_name() -> str:
    """The module that this text becomes on a worker."""
    return "_gc_jupyter_store_" + digest(store_text())


@functools.cache
def packed_store() -> dict[str, Any]:
    """Return the names for `LOAD_STORE`."""
    return {"N": store_name(), "Z": zlib.compress(store_text().encode(), 9)}


@functools.cache
def name_texts() -> None:
    """Tell `rebuild` its name in pickles, and the text that makes it on the other side."""
    rebuild.NAME = _READING_NAME + digest(reading_text())
    rebuild.PACKED = zlib.compress(reading_text().encode(), 9)


def helpers() -> Any:
    """Return the module of the reading text. As on a worker, it is made once."""
    name_texts()
    found = sys.modules.get(rebuild.NAME)
    if found is None:
        made = types.ModuleType(rebuild.NAME)
        vars(made).update(NAME=rebuild.NAME, PACKED=rebuild.PACKED)
        exec(compile(reading_text(), "<gc_jupyter>", "exec"), vars(made))
        found = sys.modules.setdefault(rebuild.NAME, made)
    return found


def import_helpers(name: str) -> Any:
    """Import a module. For the helpers of any version, return those of this version."""
    return helpers() if name.startswith(_READING_NAME) else importlib.import_module(name)
