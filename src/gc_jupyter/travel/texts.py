"""The texts that run on workers: what reads our pickles, and what writes them."""

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

#: One module on a worker, whose text is in each pickle that needs it.
READING = ("rebuild", "rebuild_classes")
#: Another one, which comes with cells: it writes their replies.
WRITING = ("refused", "code", "objects", "classes", "modules", "pickler")
#: And a third: the store of values that stay there.
STORING = ("kept", "store", "near")
#: Makes the module of the store's text, once in a process.
LOAD_STORE = (
    "(lambda s, m: s.modules.get(N) or (exec(compile(__import__('zlib').decompress(Z),"
    " '<gc_jupyter>', 'exec'), m.__dict__), s.modules.setdefault(N, m))[1])"
    "(__import__('sys'), __import__('types').ModuleType(N))"
)
_READING_NAME = "_gc_jupyter_reading_"
_OURS = ("from __future__", "from gc_jupyter.travel")


def joined(names: tuple[str, ...]) -> str:
    """These files as one text, without their imports of each other."""
    folder = importlib.resources.files("gc_jupyter.travel")
    lines = ["from __future__ import annotations\n"]
    for name in names:
        text = folder.joinpath(f"{name}.py").read_text(encoding="utf-8")
        lines += [line for line in text.splitlines(True) if not line.startswith(_OURS)]
    return "".join(lines)


def digest(text: str) -> str:
    """A short name for a text."""
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


@functools.cache
def reading_text() -> str:
    """What our pickles need where they are read."""
    return joined(READING)


@functools.cache
def writing_text() -> str:
    """What writes our pickles."""
    return joined(WRITING)


@functools.cache
def writing_name() -> str:
    """The module that this text becomes on a worker."""
    return "_gc_jupyter_writing_" + digest(writing_text())


@functools.cache
def store_text() -> str:
    """What reads and writes values that stay at the endpoint."""
    return joined(STORING)


@functools.cache
def store_name() -> str:
    """The module that this text becomes on a worker."""
    return "_gc_jupyter_store_" + digest(store_text())


@functools.cache
def packed_store() -> dict[str, Any]:
    """`LOAD_STORE`'s names."""
    return {"N": store_name(), "Z": zlib.compress(store_text().encode(), 9)}


@functools.cache
def name_texts() -> None:
    """Tells `rebuild` what it is named in pickles, and what text makes it there."""
    rebuild.NAME = _READING_NAME + digest(reading_text())
    rebuild.PACKED = zlib.compress(reading_text().encode(), 9)


def helpers() -> Any:
    """The module that this text becomes: as on a worker, made once."""
    name_texts()
    found = sys.modules.get(rebuild.NAME)
    if found is None:
        made = types.ModuleType(rebuild.NAME)
        vars(made).update(NAME=rebuild.NAME, PACKED=rebuild.PACKED)
        exec(compile(reading_text(), "<gc_jupyter>", "exec"), vars(made))
        found = sys.modules.setdefault(rebuild.NAME, made)
    return found


def import_helpers(name: str) -> Any:
    """`importlib.import_module`; for the helpers of any version, those that are here."""
    return helpers() if name.startswith(_READING_NAME) else importlib.import_module(name)
