"""Bring the present content of this kernel's outputs to notebooks, which would keep the first one.

::

    changed ─► saver ─► update_display_data, id `…-saved` ─► lab extension ─► the notebook's output
    page opened ─► comm `gc_jupyter.outputs`: these ids, please ─► what each shows, or has come to

Only the lab extension knows these ids: other front ends let the messages pass. (The output's own id
would draw the widget anew each time in JupyterLab.) VS Code draws nothing anew for a model that is
drawn, and has no extension of ours: there the message has the output's own id. All of it is owned
by `gc-loop`.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import comm

from gc_jupyter.runtime.loop import KernelLoop, kernel_loop
from gc_jupyter.widgets.flusher import Flusher
from gc_jupyter.widgets.front_end import vs_code_notebook
from gc_jupyter.widgets.messages import OUTPUTS_TARGET, OutputMark, OutputNow

#: Seconds from a change until a notebook has it, if no other output waits.
SAVED_AFTER_S = 1.0
_SAVED_APART_S = 0.5
#: The same in VS Code, where each message changes the cell's own output.
_IN_PLACE_AFTER_S = 5.0
#: The most ended outputs that pages can still ask for.
_KEPT = 200
#: The most tables, and rows of theirs, that are kept for pages after their end.
_LASTING, _LASTING_ROWS = 100, 200_000


class OutputSource(Protocol):
    """The widget that an output belongs to."""

    def static_bundle(self, at: float) -> dict[str, str]: ...
    def mark(self, at: float) -> OutputMark: ...


class Lasting(Protocol):
    """A widget whose output is used after its end."""

    @property
    def weight(self) -> int: ...
    def let_go(self) -> None: ...


class Outputs:
    """The outputs of this kernel by id: live ones, and the final content of the others."""

    def __init__(self, loop: KernelLoop) -> None:
        self._live: dict[str, OutputSource] = {}
        self._ended: OrderedDict[str, OutputNow] = OrderedDict()
        self._lasting: dict[Lasting, None] = {}  # in the order of their ends
        delay = _IN_PLACE_AFTER_S if vs_code_notebook() else SAVED_AFTER_S
        self.saver = Flusher(loop.aio, interval=_SAVED_APART_S, delay=delay)

    def show(self, output: str, widget: OutputSource) -> None:
        """Note that a widget is displayed."""
        self._live[output] = widget

    def keep(self, widget: Lasting) -> None:
        """Keep a widget that has ended and is still used. The oldest ones give way to it."""
        self._lasting.pop(widget, None)
        self._lasting[widget] = None
        rows = sum(one.weight for one in self._lasting)
        while len(self._lasting) > _LASTING or (rows > _LASTING_ROWS and len(self._lasting) > 1):
            oldest = next(iter(self._lasting))
            del self._lasting[oldest]
            rows -= oldest.weight
            oldest.let_go()

    def end(self, output: str, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Note that an output will not change any more, or not by itself."""
        self._live.pop(output, None)
        self._ended[output] = OutputNow(data=dict(data), metadata=dict(metadata))
        self._ended.move_to_end(output)
        while len(self._ended) > _KEPT:
            self._ended.popitem(last=False)

    def now(self, wanted: Sequence[str]) -> dict[str, OutputNow]:
        """Return the content of these outputs. Those that this kernel doesn't know are left out."""
        found: dict[str, OutputNow] = {}
        at = time.time()
        for output in wanted:
            if output in self._ended:
                found[output] = self._ended[output]
            elif (widget := self._live.get(output)) is not None:
                metadata = mark_of(output, widget.mark(at))
                found[output] = OutputNow(data=widget.static_bundle(at), metadata=metadata)
        return found


def mark_of(output: str, mark: OutputMark) -> dict[str, Any]:
    """Return an output's metadata in the notebook, by which the extension finds it again."""
    return {"gc_jupyter": {**mark, "output": output}}


_current: tuple[KernelLoop, Outputs] | None = None


def outputs() -> Outputs:
    """Return the kernel's outputs. Call it on the loop."""
    global _current
    loop = kernel_loop()
    if _current is None or _current[0] is not loop:
        _current = loop, Outputs(loop)
        comm.get_comm_manager().register_target(OUTPUTS_TARGET, _asked)
    return _current[1]


def _asked(asking: Any, message: Mapping[str, Any]) -> None:
    """Answer a page that was opened and says which outputs it has."""
    data = message["content"]["data"]
    wanted = data.get("outputs") if isinstance(data, dict) else None
    known = [one for one in wanted if isinstance(one, str)] if isinstance(wanted, list) else []
    asking.send({"outputs": kernel_loop().ask(lambda: outputs().now(known))})
