"""Provide widgets whose output becomes static at their end, so that a saved notebook reads well.

::

    display ─► widget view + static HTML + text        while it lives
    changed ─► the same anew, for the notebook's file   seconds later (outputs.py)
    settle  ─► static HTML + text, in the same output   once it has ended

A reopened notebook has no kernel. A widget view without a kernel shows "model not found", whatever
else the output holds, so the view is replaced. A widget that `lasts` is still drawn by the
extension, which finds it by `LASTING_VIEW`, as long as the kernel has its model. Other front ends
show the HTML.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import anywidget
import traitlets

from gc_jupyter.runtime.loop import kernel_loop
from gc_jupyter.widgets.bundle import module_text
from gc_jupyter.widgets.front_end import has_front_end, shell, under_voila, vs_code_notebook
from gc_jupyter.widgets.messages import LASTING_VIEW, SAVED, OutputMark
from gc_jupyter.widgets.outputs import mark_of, outputs

VIEW = "application/vnd.jupyter.widget-view+json"


class LiveWidget(anywidget.AnyWidget):
    """The base of this package's widgets.

    In an unattended run (nbclient, papermill, a terminal) it is static from the start and opens no
    comm. Its state is the result of `state`, beside ipywidgets' own traits.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    #: Whether the widget's model stays after its end.
    lasts = False

    def __init__(self, kind: str) -> None:
        self._outputs: list[str] = []  # display ids
        self._saved = _Saved(self)
        self._publisher: Any = None
        self.settled = False
        super().__init__(kind=kind)
        self.on_msg(self._on_message)

    @traitlets.default("_esm")
    def _module(self) -> str:
        return module_text()

    # --- for subclasses --------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return the whole state for a front end that has nothing yet (loop's thread)."""
        raise NotImplementedError

    def static_bundle(self, at: float) -> dict[str, str]:
        """Return `text/html` and `text/plain` of the present state (loop's thread).

        Parameters
        ----------
        at:
            The present time in unix seconds. A text that may still change states it.
        """
        raise NotImplementedError

    def mark(self, _at: float) -> OutputMark:
        """Return the metadata that the notebook keeps with the output (loop's thread)."""
        return OutputMark(live=not self.settled)

    def on_front_end_message(self, content: dict[str, Any]) -> None:
        """Handle a user's action, on the kernel's message thread.

        Parameters
        ----------
        content:
            The front end's message: its `type` and its fields.
        """
        raise NotImplementedError

    def push(self, state: dict[str, Any]) -> None:
        """Send a part of the state (loop's thread).

        Parameters
        ----------
        state:
            The values, by the front end's names.
        """
        if self.comm is not None:
            self.comm.send({"method": "update", "state": state, "buffer_paths": []})

    def changed(self) -> None:
        """Note a change that the notebook's file must get (loop's thread)."""
        if self._outputs and not self.settled and self.comm is not None and not under_voila():
            outputs().saver.mark(self._saved)

    def settle(self) -> None:
        """Make every output of this widget static, and end it, or let it last (loop's thread).
        Again, it shows what has changed since."""
        if under_voila():
            return
        first, self.settled = not self.settled, True
        outputs().saver.forget(self._saved)
        for display_id in self._outputs:
            self._publish_end(display_id)
        if first and self._outputs:  # a widget that is part of another one lives on
            if self.lasts and self.comm is not None:
                outputs().keep(self)
            else:
                self.close()

    def revive(self) -> None:
        """Revive a widget that has news after its end (loop's thread)."""
        self.settled, at = False, time.time()
        for display_id in self._outputs:
            metadata = mark_of(display_id, self.mark(at))
            self._publish(self._live_bundle(at), metadata, display_id, update=True)
            outputs().show(display_id, self)

    def let_go(self) -> None:
        """Let other widgets last instead. Only static outputs remain (loop's thread)."""
        self.close()
        for display_id in self._outputs:
            self._publish_end(display_id)

    @property
    def weight(self) -> int:
        """Return the number of rows that a lasting widget keeps."""
        return 1

    def _live_bundle(self, at: float) -> dict[str, Any]:
        bundle: dict[str, Any] = {**self.static_bundle(at)}
        if self.comm is not None:
            view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
            if not self.settled:
                bundle[VIEW] = view
            if self.lasts:
                bundle[LASTING_VIEW] = view
        return bundle

    def _publish_end(self, display_id: str) -> None:
        at = time.time()
        bundle, metadata = self._live_bundle(at), mark_of(display_id, self.mark(at))
        outputs().end(display_id, bundle, metadata)
        self._publish(bundle, metadata, display_id, update=True)

    def save(self) -> None:
        """Send the present state to the notebook's file (loop's thread)."""
        at = time.time()
        in_place, mark = bool(vs_code_notebook()), self.mark(at)
        bundle = self._live_bundle(at) if in_place else self.static_bundle(at)
        for display_id in self._outputs:
            known_by = display_id if in_place else display_id + SAVED
            self._publish(bundle, mark_of(display_id, mark), known_by, update=True)

    # --- display ---------------------------------------------------------------------------

    def _ipython_display_(self, **_: Any) -> None:
        at = time.time()
        bundle: dict[str, Any] = kernel_loop().ask(self._live_bundle, at)
        running = shell()
        if running is None:
            print(bundle["text/plain"])
            return
        if self._publisher is None:
            self._publisher = running.display_pub
        display_id = uuid.uuid4().hex
        self._publish(bundle, mark_of(display_id, kernel_loop().ask(self.mark, at)), display_id)
        kernel_loop().ask(self._displayed, display_id)

    def _displayed(self, display_id: str) -> None:
        self._outputs.append(display_id)
        if self.settled:  # the widget may have ended while it was displayed
            self._publish_end(display_id)
            if self.lasts and self.comm is not None:
                outputs().keep(self)
        else:
            outputs().show(display_id, self)

    def _publish(
        self,
        bundle: dict[str, Any],
        metadata: dict[str, Any],
        display_id: str,
        *,
        update: bool = False,
    ) -> None:
        self._publisher.publish(
            data=bundle, metadata=metadata, transient={"display_id": display_id}, update=update
        )

    # --- ipywidgets ------------------------------------------------------------------------

    def open(self) -> None:
        """Open the comm if a front end shows live widgets."""
        if has_front_end():
            super().open()
            if hasattr(self.comm, "_reply_subshell_for"):
                # JupyterLab has a thread of the kernel (a subshell) for what is done in widgets, so
                # that it is answered while a cell waits. ipykernel 7.4 would have the thread that
                # spoke last answer, and that is the one which waits.
                self.comm._reply_subshell_for = lambda _data, chosen: chosen

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the traits and, if all are asked for, the result of `state`.

        Parameters
        ----------
        key, drop_defaults:
            As in ipywidgets.
        """
        traits: dict[str, Any] = super().get_state(key, drop_defaults)
        return traits if key is not None else traits | kernel_loop().ask(self.state)

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if isinstance(content, dict):
            self.on_front_end_message(content)


class _Saved:
    """A widget's source for the saver, apart from its live updates."""

    def __init__(self, widget: LiveWidget) -> None:
        self._widget = widget

    def flush(self) -> bool:
        """See flusher.Source."""
        self._widget.save()
        return False
