"""Remember which parts are in the stores of endpoints."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterable

from gc_jupyter.own_files import check_own, data_directory, write_own
from gc_jupyter.travel.store import UNUSED_S, is_name, name_of

#: How long a part counts as present, which is less than the store keeps it.
_KNOWN_S = UNUSED_S - 86400.0
_MOST_KNOWN = 20_000


class KnownParts:
    """The parts that this kernel and earlier ones have put into the store of one endpoint. If the
    file can't be read or written, the endpoint is asked."""

    def __init__(self, key: str) -> None:
        self._path = data_directory() / "stores" / f"{name_of(key.encode())[:32]}.json"
        self._lock = threading.Lock()
        self._times: dict[str, float] = {}
        try:
            check_own(self._path)
            found = json.loads(self._path.read_text("utf-8"))
            oldest = time.time() - _KNOWN_S
            self._times = {
                name: float(at) for name, at in found.items() if is_name(name) and at > oldest
            }
        except (OSError, ValueError, TypeError, AttributeError, RuntimeError):
            pass

    def unknown(self, names: Iterable[str]) -> list[str]:
        """The parts that may be missing; the others count as used now."""
        with self._lock:
            return [name for name in names if name not in self._times]

    def add(self, names: Iterable[str]) -> None:
        """Note parts that were put, found or used."""
        with self._lock:
            self._times.update(dict.fromkeys(names, time.time()))

    def remove(self, names: Iterable[str]) -> None:
        """Note parts that are missing."""
        with self._lock:
            for name in names:
                self._times.pop(name, None)
        self.save()

    def save(self) -> None:
        """Save the record for later kernels."""
        with self._lock:
            newest = sorted(self._times.items(), key=lambda one: -one[1])[:_MOST_KNOWN]
        with contextlib.suppress(OSError):
            write_own(self._path, json.dumps(dict(newest)))
