"""Read the pickles that came with a task."""

from __future__ import annotations

import importlib
import io
import pickle
from typing import Any

from gc_jupyter.capture.worker_side.storing import Taken
from gc_jupyter.travel.rebuild import Reading


class Loader(pickle.Unpickler):
    """Loads values piece by piece. `modules` holds those that came with a task which shares
    its process with others. `taken` holds what the store has. A stored pickle is described
    by `{"pickle": bytes or parts, "buffers": parts of each}`."""

    def __init__(self, data: Any, reading: Reading, modules: Any = None, taken: Any = None) -> None:
        buffers: Any = ()
        if isinstance(data, dict):
            buffers = taken.buffers(data)
            data = data["pickle"]
        stream = io.BytesIO(data) if isinstance(data, bytes) else taken.store.open(data)
        super().__init__(stream, buffers=buffers)
        self.reading = reading
        self.modules = modules
        self.taken: Taken | None = taken

    def persistent_load(self, place: Any) -> Any:
        """Return an object of a value that has its own pickle, by the value's number and the index
        in that pickle's memo."""
        number, at = place
        assert self.taken is not None
        memos = self.taken.memos
        if number not in memos:
            loader: Any = Loader(self.taken.values[number], self.reading, self.modules, self.taken)
            loader.load()
            memos[number] = loader.memo.copy()
        return memos[number][at]

    def find_class(self, module: str, name: str) -> Any:
        if self.modules is not None:
            if self.modules.covers(module):
                return self.modules.find(module, name)
            if (module, name) == ("importlib", "import_module"):
                return self.import_module
        return super().find_class(module, name)

    def import_module(self, name: str) -> Any:
        if self.modules is not None and self.modules.covers(name):
            return self.modules.load(name)
        return importlib.import_module(name)

    def load(self) -> Any:
        with self.reading:
            return super().load()
