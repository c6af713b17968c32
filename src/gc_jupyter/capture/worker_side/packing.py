"""Values for the way back: each pickled on its own, so that one that fails costs itself alone."""

from __future__ import annotations

from typing import Any

from gc_jupyter.capture.worker_side.displays import short_repr
from gc_jupyter.capture.worker_side.failures import one_line
from gc_jupyter.capture.worker_side.values import dump, find_named


class Packer:
    """Pickles values for the way back, each on its own, beside its repr."""

    def __init__(self, sent: dict[int, str], namespace: dict[str, Any], limit: int) -> None:
        self.sent = sent
        self.namespace = namespace
        self.room = limit

    def name_of(self, obj: Any) -> str | None:
        path = self.sent.get(id(obj)) or str(getattr(obj, "__qualname__", ""))
        outer = self.namespace.get(path.partition(".")[0])
        return path if id(outer) in self.sent and find_named(path, self.namespace) is obj else None

    def __call__(self, value: Any) -> dict[str, Any]:
        packed: dict[str, Any] = {"repr": short_repr(value), "pickle": None, "reason": ""}
        packed["type"] = type(value).__module__ + "." + type(value).__qualname__
        try:
            (data,) = dump([value], self.name_of)
        except BaseException as error:  # what a value's own code raises costs that value alone
            packed["reason"] = "it can't be pickled on the worker: " + one_line(error)
            return packed
        if len(data) > self.room:
            packed["reason"] = (
                "it has %.1f MB, and a result may have 10 MB in all, counted as encoded text; "
                "write it to a file on the endpoint, or reduce it there" % (len(data) / 1e6)
            )
            return packed
        self.room -= len(data)
        packed["pickle"] = data
        return packed

    def fitting(self, bundle: dict[str, Any]) -> dict[str, Any]:
        """Of a MIME bundle its text, and what else there is room for."""
        for mime, content in list(bundle.items()):
            if mime != "text/plain" and len(content) > self.room:
                del bundle[mime]
            elif mime != "text/plain":
                self.room -= len(content)
        return bundle
