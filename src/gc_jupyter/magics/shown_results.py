"""ShownResults: results that were shown to a page which may have been closed or reloaded.

A page that is reloaded while a cell waits gets no more messages of that cell, and the kernel isn't
told of the reload. But each request says which page sent it, and when. A page that sends a request
after a result was shown has that result.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture
    from gc_jupyter.session import Tasks

_KEPT = 20  # the most cells whose results are kept


@dataclass(frozen=True)
class _Shown:
    page: str
    at: float
    result: CellFuture | Tasks


class ShownResults:
    """The results that cells have shown, until it is known that a page has them."""

    def __init__(self) -> None:
        self._page = ""
        self._shown: list[_Shown] = []

    def enter(self, page: str, sent_at: float) -> None:
        """Note that a cell of a page begins.

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
        """Note that the cell that runs now has shown this result."""
        self._shown.append(_Shown(self._page, time.time(), result))

    def missed(self) -> list[CellFuture | Tasks]:
        """Results that only other pages got, oldest first. They count as this page's afterwards."""
        found = [one for one in self._shown if one.page != self._page]
        self._shown = [one for one in self._shown if one.page == self._page]
        return [one.result for one in found]


def page_of(shell: Any) -> tuple[str, float]:
    """The page that sent the current request, and when it sent it (unix seconds)."""
    kernel = getattr(shell, "kernel", None)
    header = (kernel.get_parent() or {}).get("header", {}) if kernel is not None else {}
    sent = header.get("date")
    at = sent.timestamp() if isinstance(sent, datetime) else time.time()
    return str(header.get("session", "")), at
