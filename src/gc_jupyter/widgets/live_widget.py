"""A widget whose output becomes static when it has ended, so that a saved notebook reads well.

::

    display ─► widget view + static HTML + text        while it lives
    settle  ─► static HTML + text, in the same output   once it has ended

A reopened notebook has no kernel, and a widget view without one reads "model not found" whatever
else the output holds: hence the replacement.
"""

from __future__ import annotations

import uuid
from typing import Any

import anywidget
import traitlets

from gc_jupyter.runtime.loop import kernel_loop
from gc_jupyter.widgets.bundle import module_text
from gc_jupyter.widgets.front_end import has_front_end, shell, under_voila

VIEW = "application/vnd.jupyter.widget-view+json"


class LiveWidget(anywidget.AnyWidget):
    """Base of this package's widgets.

    Displayed where nobody watches (nbclient, papermill, a terminal), it is static from the start
    and opens no comm. Its state is what `state` returns, beside ipywidgets' own traits.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)

    def __init__(self, kind: str) -> None:
        self._outputs: list[str] = []  # display ids
        self._publisher: Any = None
        self.settled = False
        super().__init__(kind=kind)
        self.on_msg(self._on_message)

    @traitlets.default("_esm")
    def _module(self) -> str:
        return module_text()

    # --- for subclasses --------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """The whole state for a front end that has nothing yet (loop's thread)."""
        raise NotImplementedError

    def static_bundle(self) -> dict[str, str]:
        """`text/html` and `text/plain` of what there is to see now (loop's thread)."""
        raise NotImplementedError

    def on_front_end_message(self, content: dict[str, Any]) -> None:
        """A user did something; on the thread that the kernel handles messages on.

        Parameters
        ----------
        content:
            The front end's message: its `type`, and what belongs to it.
        """
        raise NotImplementedError

    def push(self, state: dict[str, Any]) -> None:
        """Send a part of the state (loop's thread).

        Parameters
        ----------
        state:
            By the names that the front end knows.
        """
        if self.comm is not None:
            self.comm.send({"method": "update", "state": state, "buffer_paths": []})

    def settle(self) -> None:
        """Make every output of this widget static, and end it (loop's thread). Idempotent."""
        if self.settled or under_voila():
            return
        self.settled = True
        bundle = self.static_bundle()
        for display_id in self._outputs:
            self._publish(bundle, display_id, update=True)
        if self._outputs:  # one that is part of another widget lives on
            self.close()

    # --- display ---------------------------------------------------------------------------

    def _ipython_display_(self, **_: Any) -> None:
        bundle: dict[str, Any] = kernel_loop().ask(self.static_bundle)
        running = shell()
        if running is None:
            print(bundle["text/plain"])
            return
        if self._publisher is None:
            self._publisher = running.display_pub
        display_id = uuid.uuid4().hex
        if not self.settled and self.comm is not None:
            bundle[VIEW] = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        self._publish(bundle, display_id)
        kernel_loop().ask(self._displayed, display_id)

    def _displayed(self, display_id: str) -> None:
        self._outputs.append(display_id)
        if self.settled:  # perhaps it ended while it was being displayed
            self._publish(self.static_bundle(), display_id, update=True)

    def _publish(self, bundle: dict[str, Any], display_id: str, *, update: bool = False) -> None:
        self._publisher.publish(
            data=bundle, metadata={}, transient={"display_id": display_id}, update=update
        )

    # --- ipywidgets ------------------------------------------------------------------------

    def open(self) -> None:
        """Open the comm, where somebody is there to see it."""
        if has_front_end():
            super().open()
            if hasattr(self.comm, "_reply_subshell_for"):
                # JupyterLab has a thread of the kernel (a subshell) for what is done in widgets, so
                # that it is answered while a cell waits. ipykernel 7.4 would have the thread that
                # spoke last answer, and that is the one which waits.
                self.comm._reply_subshell_for = lambda _data, chosen: chosen

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The traits and, when all is asked for, what `state` has.

        Parameters
        ----------
        key, drop_defaults:
            As of ipywidgets.
        """
        traits: dict[str, Any] = super().get_state(key, drop_defaults)
        return traits if key is not None else traits | kernel_loop().ask(self.state)

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if isinstance(content, dict):
            self.on_front_end_message(content)
