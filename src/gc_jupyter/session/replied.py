"""RepliedFuture: the future of a task of which nothing is known here before its reply comes."""

from __future__ import annotations

from typing import Any

from gc_jupyter.capture import Captured
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.journal.sessions import Note
from gc_jupyter.remote_text import one_line
from gc_jupyter.session.futures import NotebookFuture
from gc_jupyter.session.shell import ShellFuture

#: `Note.kind` of such a task.
KIND = "any"
_LONGEST = 500


class RepliedFuture(ShellFuture):
    """As the reply says: a cell's, a script's, or a plain function's value as it is.

    Parameters
    ----------
    namespace:
        The notebook's variables: results refer to its classes by name.
    label_of:
        Names the notebook's files in tracebacks.
    endpoint:
        What the endpoint is called in messages.
    """

    def __init__(self, namespace: Any, label_of: Any, endpoint: str) -> None:
        sent = Captured(SourceFunction("task", ""), b"", {}, {}, namespace)
        super().__init__(sent, endpoint, label_of)

    def decode(self, value: Any) -> Any:
        """See TaskFuture."""
        tag = value.get("tag") if isinstance(value, dict) and "version" in value else None
        if not isinstance(tag, dict):
            return value
        texts = {name: _text(tag.get(name)) for name in ("nonce", "kind", "label", "bind", "part")}
        decode = super().decode if texts["kind"] == "shell" else self._decode_cell
        try:
            return decode(value)
        finally:
            note = Note(texts["kind"], self.endpoint, texts["bind"], tuple(self.out))
            note.part = texts["part"]
            self._describe(note, texts["nonce"], label=texts["label"])

    def _decode_cell(self, value: Any) -> Any:
        return NotebookFuture.decode(self, value)


def _text(value: object) -> str:
    return one_line(value, _LONGEST) if isinstance(value, str) else ""
