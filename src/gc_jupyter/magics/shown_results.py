"""Results that were shown to a page which may be gone by then.

A page that is reloaded while a cell waits hears nothing more of that cell. No kernel is told, but
each request says which page sends it, and when: one that is sent after a result was shown comes
from a page that has it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture
    from gc_jupyter.session import Tasks

_KEPT = 20  # cells


@dataclass(frozen=True)
class _Shown:
    page: str
    at: float
    result: CellFuture | Tasks


class ShownResults:
    """What the kernel's cells have shown, as long as it isn't known that somebody has seen it."""

    def __init__(self) -> None:
        self._page = ""
        self._shown: list[_Shown] = []

    def enter(self, page: str, sent_at: float) -> None:
        """A page's cell begins.

        Parameters
        ----------
        page:
            The front end's session.
        sent_at:
            Unix seconds, by the page's clock.
        """
        self._page = page
        self._shown = [one for one in self._shown if one.page != page or one.at > sent_at][-_KEPT:]

    def add(self, result: CellFuture | Tasks) -> None:
        """The cell that runs now has shown this."""
        self._shown.append(_Shown(self._page, time.time(), result))

    def missed(self) -> list[CellFuture | Tasks]:
        """What was shown to other pages, oldest first; from now on it is this page's."""
        found = [one for one in self._shown if one.page != self._page]
        self._shown = [one for one in self._shown if one.page == self._page]
        return [one.result for one in found]


def page_of(shell: Any) -> tuple[str, float]:
    """Who has sent the request that is under way, and when."""
    kernel = getattr(shell, "kernel", None)
    header = (kernel.get_parent() or {}).get("header", {}) if kernel is not None else {}
    sent = header.get("date")
    at = sent.timestamp() if isinstance(sent, datetime) else time.time()
    return str(header.get("session", "")), at
