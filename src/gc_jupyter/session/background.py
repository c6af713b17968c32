"""Sending: move values that tasks need to their endpoint's store while the notebook goes on."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterable
from functools import partial

from gc_jupyter.session.transfer import Transfer


class Sending:
    """Ask a store which parts it has, then transfer the others. Nobody waits for it.

    Parameters
    ----------
    asked:
        A future of the names of the parts that are missing there.
    transfer:
        Makes the transfer of such parts.
    refused:
        Turns an error into the one that the user gets.

    Attributes
    ----------
    over:
        A future that is done once all parts are there, or can't be put there. Cancelling it stops
        the transfer.
    listeners:
        Called at each change, on any thread.
    """

    def __init__(
        self,
        asked: concurrent.futures.Future[Iterable[str]],
        transfer: Callable[[Iterable[str]], Transfer],
        refused: Callable[[BaseException], BaseException],
    ) -> None:
        self.over: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.listeners: list[Callable[[], object]] = []
        self._make, self._refused = transfer, refused
        self._transfer: Transfer | None = None
        self.over.add_done_callback(partial(self._stop, asked))
        asked.add_done_callback(self._answered)

    def text(self) -> str:
        """Its progress as text; empty before it begins and after its end."""
        over = self._transfer is None or self._transfer.over.done()
        return "" if over or self._transfer is None else self._transfer.text()

    def _answered(self, asked: concurrent.futures.Future[Iterable[str]]) -> None:
        try:
            if asked.cancelled() or self.over.done():
                return
            self._transfer = self._make(asked.result())
        except Exception as error:
            self._end(error)
            return
        self._transfer.listeners.append(self._tell)
        self._transfer.over.add_done_callback(self._moved)
        self._transfer.begin()

    def _moved(self, over: concurrent.futures.Future[None]) -> None:
        self._end(over.exception())

    def _end(self, error: BaseException | None) -> None:
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # it was cancelled
            if error is None:
                self.over.set_result(None)
            else:
                self.over.set_exception(self._refused(error))

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()

    def _stop(
        self, asked: concurrent.futures.Future[Iterable[str]], over: concurrent.futures.Future[None]
    ) -> None:
        if over.cancelled():
            asked.cancel()
            if self._transfer is not None:
                self._transfer.stop()
