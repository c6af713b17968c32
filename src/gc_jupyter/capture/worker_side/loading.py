"""Reads the pickles that came with a task."""

from __future__ import annotations

import importlib
import io
import pickle
from typing import Any

from gc_jupyter.travel.rebuild import Reading


class Loader(pickle.Unpickler):
    """Loads values piece by piece; `modules` has those that came with a task which shares its
    process with others."""

    def __init__(self, data: bytes, reading: Reading, modules: Any = None) -> None:
        super().__init__(io.BytesIO(data))
        self.reading = reading
        self.modules = modules

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
