"""A worker's reply -> values, output and failure; the future that unpacks it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from gc_jupyter.capture.cell import Captured
from gc_jupyter.capture.failures import LabelOf, Place, make_exception
from gc_jupyter.capture.worker_side.values import Loader
from gc_jupyter.errors import BadReply
from gc_jupyter.future import TaskFuture


class Undecoded:
    """Stands for a value that stays on the worker's side: its repr, and why.

    Parameters
    ----------
    packed:
        The value's `repr`, `type`, `reason`, and `bundle` where it was to be shown.
    """

    def __init__(self, packed: Mapping[str, Any]) -> None:
        self.text = str(packed["repr"])
        self.type_name = str(packed["type"])
        self.reason = str(packed["reason"])
        self._bundle = {**packed.get("bundle", {}), "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        return self._bundle


class CellFuture(TaskFuture):
    """The future of a cell or of a notebook function's call: its result is the last value.

    Parameters
    ----------
    captured:
        What was sent.
    endpoint:
        The endpoint's name, for messages.
    label_of:
        Names the notebook's files in tracebacks.

    Attributes
    ----------
    events:
        What the task wrote and displayed, in order, once it is done: ``("stdout", text)``,
        ``("stderr", text)``, ``("display", MIME bundle)``, ``("clear", "")``.
    out:
        The values of the names asked for.
    """

    def __init__(
        self, captured: Captured, endpoint: str, label_of: LabelOf = str, *, label: str = ""
    ) -> None:
        super().__init__(label=label)
        self.endpoint = endpoint
        self.events: list[tuple[str, Any]] = []
        self.out: dict[str, Any] = {}
        self.undecoded: dict[str, Undecoded] = {}
        self.place = Place(endpoint)
        #: The most frames that a traceback shows, the innermost; None for all.
        self.tb_limit: int | None = None
        self._origins = captured.origins
        self._objects = captured.objects
        self._label_of = label_of

    @property
    def stdout(self) -> str:
        """What the task wrote to its standard output."""
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        """What the task wrote to its standard error."""
        return self._text("stderr")

    def decode(self, value: Any) -> Any:
        """Unpack the worker's reply; raises what the code raised there."""
        if not isinstance(value, dict) or value.get("version") != 1:
            raise BadReply("The worker's reply isn't that of a cell.")
        self.events = value["events"]
        self.place = Place(
            self.endpoint, self.task_id, value["host"], value["seconds"], value["python"]
        )
        if value["error"] is not None:
            raise self._failure(value["error"])
        for name, packed in value["out"].items():
            self.out[name] = self._unpack(name, packed)
        return None if value["value"] is None else self._unpack("", value["value"])

    def _unpack(self, name: str, packed: dict[str, Any]) -> Any:
        if packed["pickle"] is not None:
            try:
                return Loader(packed["pickle"], self._objects).load()
            except Exception as error:
                reason = f"it can't be decoded here: {type(error).__name__}: {error}"
                packed = {**packed, "reason": reason}
        self.undecoded[name] = Undecoded(packed)
        return self.undecoded[name]

    def _failure(self, described: dict[str, Any]) -> BaseException:
        original = self._original(described)
        if self.tb_limit is not None:
            described = _shortened(described, self.tb_limit)
        return make_exception(described, original, self.place, self._origins, self._label_of)

    def _original(self, described: dict[str, Any]) -> BaseException | None:
        """The exception itself; its text and its traceback are there all the same."""
        if described["pickle"] is not None:
            with contextlib.suppress(Exception):
                loaded = Loader(described["pickle"], self._objects).load()
                return loaded if isinstance(loaded, BaseException) else None
        if described["parts"] is not None:
            with contextlib.suppress(Exception):
                kind, args, members = Loader(described["parts"], self._objects).load()
                made: BaseException = kind.__new__(kind, *args)
                made.args = args
                made.__dict__.update(members)
                return made
        return None

    def _text(self, kind: str) -> str:
        return "".join(text for what, text in self.events if what == kind)


def _shortened(described: dict[str, Any], limit: int) -> dict[str, Any]:
    """A failure with its last `limit` frames, and so for what caused it."""
    frames = described["frames"]
    short = {**described, "frames": frames[len(frames) - min(limit, len(frames)) :]}
    for key in ("cause", "context"):
        if described[key]:
            short[key] = _shortened(described[key], limit)
    return short
