"""Show tasks, logins and endpoints in a notebook. The TypeScript half is built into static/.

Imports are lazy: ipywidgets is loaded when one of the names is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gc_jupyter.widgets.endpoint_card import EndpointCard
    from gc_jupyter.widgets.login import LoginWidget
    from gc_jupyter.widgets.task_table import TaskTable

__all__ = ["EndpointCard", "LoginWidget", "TaskTable"]

_HOMES = {
    "EndpointCard": "gc_jupyter.widgets.endpoint_card",
    "LoginWidget": "gc_jupyter.widgets.login",
    "TaskTable": "gc_jupyter.widgets.task_table",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
