"""Read `GLOBUS_DATA`, JupyterHub's base64 of a pickle, without running anything in it."""

from __future__ import annotations

import base64
import binascii
import io
import pickle
import pickletools
from typing import Any, NoReturn

from gc_jupyter.errors import LoginMisconfigured

#: A hub's real data are a few kilobytes.
MAX_BYTES = 256 * 1024

# Opcodes that only build dict, list, tuple, str, numbers, bool and None. An opcode that imports,
# calls, sets state or reads from elsewhere is not listed, so it is refused.
# fmt: off
_BUILDING = frozenset({
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP",
    "NONE", "NEWTRUE", "NEWFALSE",
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "EMPTY_LIST", "APPEND", "APPENDS", "LIST",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS",
    "GET", "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE",
})
# fmt: on
_MEMO_WRITES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})

_NEXT_STEP = (
    'Remove it (del os.environ["GLOBUS_DATA"]) and log in with %gc login, '
    "or ask the hub's administrator what sets it."
)


class _PlainUnpickler(pickle.Unpickler):
    """Admits no class, function or outside object, whatever the opcodes say."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:  # noqa: ARG002
        raise pickle.UnpicklingError("no classes")

    def persistent_load(self, pid: Any) -> NoReturn:  # noqa: ARG002
        raise pickle.UnpicklingError("no outside objects")


def decode_globus_data(text: str) -> dict[str, Any]:
    """The plain data in `GLOBUS_DATA`.

    Protocol ("Credentials"): JupyterHub's GlobusOAuthenticator puts base64 of a pickled dict,
    ``{client_id, tokens{resource_server{access_token, …}}, …}``, into a server's environment.

    Raises
    ------
    LoginMisconfigured
        It is not base64, is longer than `MAX_BYTES`, is not a pickled dict, or holds anything but
        dict, list, tuple, str, numbers, bool and None. No code of it has run.
    """
    if len(text) > MAX_BYTES * 4 // 3 + 4:
        raise _refused(f"it is longer than {MAX_BYTES // 1024} KiB")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _refused("it is not base64") from None
    _check_opcodes(data)
    try:
        value = _PlainUnpickler(io.BytesIO(data)).load()
    except Exception:  # a damaged pickle can raise any exception, whose text may quote the data
        raise _refused("it is not a readable pickle") from None
    if not isinstance(value, dict):
        raise _refused("it is not a dict")
    return value


def _check_opcodes(data: bytes) -> None:
    try:
        for opcode, argument, _position in pickletools.genops(data):
            if opcode.name not in _BUILDING:
                raise _refused(f"it holds more than plain data (opcode {opcode.name})")
            # The memo is an array in C: one huge index would claim gigabytes.
            if opcode.name in _MEMO_WRITES and not (
                isinstance(argument, int) and 0 <= argument <= len(data)
            ):
                raise _refused("its memo is out of bounds")
    except LoginMisconfigured:
        raise
    except Exception:  # its text may quote the data
        raise _refused("it is not a readable pickle") from None


def _refused(why: str) -> LoginMisconfigured:
    return LoginMisconfigured(
        f"GLOBUS_DATA can't be used: {why}. Nothing in it was run.", next_step=_NEXT_STEP
    )
