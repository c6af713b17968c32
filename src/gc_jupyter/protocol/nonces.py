"""Nonces: random names that identify tasks before the service has given them ids.

The service gives the ids in a reply, which may get lost. So each task of a cell, a call or a script
has a nonce among its arguments, and the worker's reply begins with it. The nonce can be read
without unpickling, since it stands in the first bytes.
"""

from __future__ import annotations

import binascii
import re
import uuid

_MARK = "gcj-"
#: Characters of a run that are enough to tell it from others.
SHORT = 12
_NONCE = re.compile(_MARK + r"[0-9a-f]{40}")
#: Base64 as the worker's serializer writes it, in lines.
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/=]{4,}\n?)+")
#: Characters of a result that are searched: the nonce stands at the reply's beginning.
_LOOKED_AT = 4000


def new_run() -> str:
    """A random text that begins the nonces of all tasks that are submitted together."""
    return _MARK + uuid.uuid4().hex


def nonce_of(run: str, at: int = 0) -> str:
    """The nonce of a run's task.

    Parameters
    ----------
    run:
        As `new_run` gave it.
    at:
        The task's place in it, from 0.
    """
    return f"{run}{at:08x}"


def run_of(nonce: str) -> str:
    """The part of a nonce that all tasks of its run share; empty for an empty nonce."""
    return nonce[:-8]


def place_of(nonce: str) -> int:
    """The task's place in its run; 0 for an empty nonce."""
    return int(nonce[-8:], 16) if _NONCE.fullmatch(nonce) else 0


def nonce_in(result: str) -> str:
    """The nonce at the beginning of a result; empty where the result is no cell's reply.

    Parameters
    ----------
    result:
        Serialized text of any data strategy. It is not unpickled.
    """
    head = result[:_LOOKED_AT]
    if (plain := _NONCE.search(head)) is not None:
        return plain.group()
    for found in _BASE64.finditer(head):
        text = found.group().replace("\n", "")
        try:
            data = binascii.a2b_base64(text[: len(text) // 4 * 4])
        except binascii.Error:
            continue
        if (inside := _NONCE.search(data.decode("latin-1"))) is not None:
            return inside.group()
    return ""
