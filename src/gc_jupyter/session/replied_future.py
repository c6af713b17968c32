"""RepliedFuture: the future of a task that is unknown here until its reply comes; and fan-outs that
wait for such tasks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gc_jupyter.capture import Captured
from gc_jupyter.capture.reply import Fetcher
from gc_jupyter.errors import ComputeError
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.future import TaskFuture
from gc_jupyter.journal.sessions import UNRECORDED, Note, Part
from gc_jupyter.remote_text import one_line
from gc_jupyter.session.fan_out import Tasks
from gc_jupyter.session.futures import NotebookFuture
from gc_jupyter.session.shell import ShellFuture
from gc_jupyter.travel.kept import LAST

#: The `Note.kind` of such a task.
KIND = "any"
_LONGEST = 500
_YEAR_10000 = 253_402_300_800.0  # no clock shows what is later


class RepliedFuture(ShellFuture):
    """A future that decodes by the reply: a cell's, a script's, or a plain function's value.

    Parameters
    ----------
    namespace:
        The notebook's variables: results refer to its classes by name.
    label_of:
        Names the notebook's files in tracebacks.
    endpoint:
        The endpoint's name in messages.
    fetcher_of:
        Makes the fetcher for the endpoint of this id.
    """

    def __init__(
        self,
        namespace: Any,
        label_of: Any,
        endpoint: str,
        fetcher_of: Callable[[str], Fetcher | None] = lambda _: None,
    ) -> None:
        self._fetcher_of = fetcher_of
        sent = Captured(SourceFunction("task", ""), b"", {}, {}, namespace)
        super().__init__(sent, endpoint, label_of)

    def decode(self, value: Any) -> Any:
        """See TaskFuture."""
        tag = value.get("tag") if isinstance(value, dict) and "version" in value else None
        if not isinstance(tag, dict):
            return value
        texts = {name: _text(tag.get(name)) for name in ("nonce", "kind", "label", "bind", "part")}
        if texts["kind"] == UNRECORDED:
            self._describe(Note(UNRECORDED))
            return value
        sent = tag.get("sent")
        if self.info.submitted_at is None and isinstance(sent, float) and 0 <= sent < _YEAR_10000:
            self._learn(replace(self.info, submitted_at=sent))  # which run of a cell is the newest
        self.fetcher = self.fetcher or self._fetcher_of(_text(tag.get("endpoint")))
        decode = super().decode if texts["kind"] == "shell" else self._decode_cell
        try:
            return decode(value)
        finally:
            out = tuple(map(_text, _names(value)))
            note = Note(texts["kind"], self.endpoint, texts["bind"], out)
            note.part = texts["part"]
            self._describe(note, texts["nonce"], label=texts["label"])

    def _decode_cell(self, value: Any) -> Any:
        return NotebookFuture.decode(self, value)


class StandIn(TaskFuture):
    """Holds the place of a fan-out's task whose reply hasn't come.

    Parameters
    ----------
    label:
        The label that is shown until then.
    """

    def __init__(self, label: str) -> None:
        super().__init__(label=label)
        self.set_running_or_notify_cancel()  # it can't be cancelled, since it was sent


def stand_ins(futures: Sequence[TaskFuture]) -> dict[int, StandIn]:
    """The stand-ins among these futures, by their places."""
    return {at: one for at, one in enumerate(futures) if isinstance(one, StandIn)}


def await_replies(tasks: Tasks, nameless: Sequence[TaskFuture]) -> None:
    """Let each of these tasks take its place in a fan-out, if its reply says that it belongs to it.
    Places that are left when all have ended get an error.

    Parameters
    ----------
    tasks:
        The fan-out, with a `StandIn` at each free place.
    nameless:
        The tasks of which nothing is known here.
    """
    free = {at: one for at, one in stand_ins(tasks).items() if not one.done()}
    waited_for = set(nameless)
    lock = threading.Lock()

    def replied(future: TaskFuture) -> None:
        part = Part.read(future.note.part) if future.note is not None else None
        with lock:
            waited_for.discard(future)
            if (
                part is not None
                and part.run == tasks.run
                and free.pop(part.place, None) is not None
            ):
                tasks.fill(part.place, future)
            if not waited_for:
                settle()

    def settle() -> None:
        for one in set(free.values()):
            one.set_exception(
                ComputeError(
                    "It isn't known here: the service hasn't it, or has no reply of it.",
                    next_step="%gc attach looks again; or run the cell again.",
                )
            )
        free.clear()

    for future in nameless:
        future.add_done_callback(replied)  # type: ignore[arg-type]
    if not nameless:
        settle()


def _names(reply: dict[str, Any]) -> list[object]:
    """The names of a reply's variables: those that came with it, and those that stay there. `reply`
    may be anything."""
    try:
        kept = [name for one in reply["kept"]["records"] for name in one["names"]]
    except (LookupError, TypeError):
        kept = []
    out = reply.get("out")
    return [*(out if isinstance(out, dict) else ()), *(name for name in kept if name != LAST)]


def _text(value: object) -> str:
    return one_line(value, _LONGEST) if isinstance(value, str) else ""
