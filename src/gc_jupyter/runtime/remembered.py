"""A file of facts that later kernels need not ask for: ids of registered functions, versions.

Each entry has a time after which it is ignored. If the file can't be read or written, kernels ask
again, and nothing else happens. Blocking; any thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from gc_jupyter.own_files import check_own, data_directory, make_own

_LONGEST = 300  # characters of an entry; a longer text isn't ours
_MOST = 200  # entries, the newest

_file = threading.Lock()  # one thread at a time; of two processes, the last one wins


class Remembered:
    """The remembered facts of one user of one service.

    Parameters
    ----------
    who:
        Tells users and services apart.
    path:
        The file; by default the one of all kernels of this user.
    """

    def __init__(self, who: str, path: Path | None = None) -> None:
        self._who = hashlib.sha256(who.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._path = path

    def get(self, name: str) -> str | None:
        """The value that is remembered under a name; None where there is none, or it is too old."""
        entry = self._read().get(f"{self._who} {name}")
        if not isinstance(entry, list) or len(entry) != 2:
            return None
        value, until = entry
        usable = isinstance(value, str) and isinstance(until, int | float)
        return value if usable and len(value) <= _LONGEST and time.time() < until else None

    def put(self, name: str, value: str, for_s: float) -> None:
        """Remember `value` for so many seconds."""
        self._change(
            lambda known: known.update({f"{self._who} {name}": [value, time.time() + for_s]})
        )

    def forget(self, name: str) -> None:
        """Forget a value that is no longer true."""
        self._change(lambda known: known.pop(f"{self._who} {name}", None))

    def _place(self) -> Path:
        return self._path or data_directory() / "remembered.json"

    def _read(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError, RuntimeError, RecursionError):
            path = self._place()
            check_own(path)
            known = json.loads(path.read_text("utf-8"))
            if isinstance(known, dict):
                return known
        return {}

    def _change(self, change: Any) -> None:
        with _file, contextlib.suppress(OSError, RuntimeError):
            path, known = self._place(), self._read()
            make_own(path)
            change(known)
            text = json.dumps(dict(list(known.items())[-_MOST:]))
            handle, made = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # 0600
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(made, path)
