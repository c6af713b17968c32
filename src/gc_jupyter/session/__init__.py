"""Session: endpoints by name, an executor for each, and cells and notebook functions run on them.

This is what the magics call, and the plain Python API for hosts without magics::

    session = gc_jupyter.session.current_session()
    future = session.submit_cell("sum(numbers)", globals(), "local")
"""

from __future__ import annotations

from gc_jupyter.session.core import Session, current_session
from gc_jupyter.session.directory import Directory
from gc_jupyter.session.fan_out import NoValue, Tasks
from gc_jupyter.session.fan_out_failed import FanOutFailed
from gc_jupyter.session.output import show_output, without_markup
from gc_jupyter.session.target import Target
from gc_jupyter.session.waiting import Interrupted, StillRunning, wait

__all__ = [
    "Directory",
    "FanOutFailed",
    "Interrupted",
    "NoValue",
    "Session",
    "StillRunning",
    "Target",
    "Tasks",
    "current_session",
    "show_output",
    "wait",
    "without_markup",
]
