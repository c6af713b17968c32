"""A worker's reply -> values, output and failure; the future that unpacks it."""

from __future__ import annotations

import contextlib
import importlib
import io
import pickle
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gc_jupyter.capture.cell import SAFE_MIMES, Captured
from gc_jupyter.capture.events import STREAMS, Event, as_bundle, as_event, text_of
from gc_jupyter.capture.failures import LabelOf, Place, make_exception
from gc_jupyter.capture.live import LiveOutput
from gc_jupyter.errors import BadReply, StoreRefused, ValuesMissing
from gc_jupyter.future import TaskFuture
from gc_jupyter.remote_text import harmless, one_line
from gc_jupyter.serialize.foreign import ForeignCode, guard, writer, written_by
from gc_jupyter.serialize.official import same_class_here
from gc_jupyter.travel.store import is_name
from gc_jupyter.travel.texts import helpers, import_helpers

_MINOR = "{}.{}.".format(*sys.version_info)


class Undecoded:
    """Stands for a value that stays on the worker's side: its text, its attributes that are plain
    values (also as its own: ``G.x``), and why.

    Parameters
    ----------
    packed:
        The value's `repr`, `type`, `reason`, and `bundle` where it was to be shown.
    attributes:
        Those that are numbers, text, or containers of such.
    mimes:
        What may be shown beside text.
    endpoint:
        Where the value stayed.
    """

    def __init__(
        self,
        packed: Mapping[str, Any],
        mimes: Collection[str] = SAFE_MIMES,
        endpoint: str = "the endpoint",
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self.attributes = dict(attributes or {})
        self.endpoint = endpoint
        self.text = harmless(str(packed["repr"]))
        self.type_name = one_line(str(packed["type"]))
        self.reason = str(packed["reason"])
        self._bundle = {**as_bundle(packed.get("bundle", {}), mimes), "text/plain": self.text}

    def __getattr__(self, name: str) -> Any:
        known = vars(self).get("attributes", {})
        if name in known and not name.startswith("_"):
            return known[name]
        raise AttributeError(f"{name!r} stayed on {self.endpoint} with {self.text:.80}")

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, Any]:
        return self._bundle

    def gc_refusal(self) -> tuple[str, str]:
        """Why it can't be sent, and what to do."""
        return (
            f"its value ({self.type_name}) stayed on {self.endpoint}, and only its text is here:"
            f" {one_line(self.reason, 300)}",
            "Make it in this cell again, or keep it in a file there; --out brings back parts of it"
            " that are plain data.",
        )

    def __reduce__(self) -> Any:
        raise pickle.PicklingError(self.gc_refusal()[0])


class _Loader(pickle.Unpickler):
    """Loads one value, and builds no code that another Python has compiled."""

    def __init__(self, data: bytes, known: Mapping[Any, Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._reading = helpers().Reading(known=known, writer=writer())
        self._guard = guard(same_class_here, lambda data: _load(data, known))

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        if found is importlib.import_module:
            return import_helpers
        return found if self._guard is None else self._guard.allow(module, name, found)

    def load(self) -> Any:
        try:
            with self._reading:
                return super().load()
        finally:
            if self._guard is not None:
                self._guard.check()


def _load(data: bytes, known: Mapping[Any, Any]) -> Any:
    return _Loader(data, known).load()


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
        ``("stderr", text)``, ``("display", MIME bundle)``; ``("hidden", "")`` follows a display
        that is markup, which was not asked for.
    out:
        The values of the names asked for; where the cell failed, of those that it had set.
    """

    def __init__(
        self, captured: Captured, endpoint: str, label_of: LabelOf = str, *, label: str = ""
    ) -> None:
        super().__init__(label=label)
        self.endpoint = endpoint
        self.events: list[Event] = []
        self.out: dict[str, Any] = {}
        #: Where the notebook's random numbers have got to there, if they went along.
        self.random: dict[str, Any] = {}
        self.undecoded: dict[str, Undecoded] = {}
        self.place = Place(endpoint)
        #: The most frames that a traceback shows, the innermost; None for all.
        self.tb_limit: int | None = None
        self._mimes = captured.options.get("mimes", SAFE_MIMES)
        self._live: LiveOutput | None = None
        self.replied = False
        self._origins = captured.origins
        self._objects = captured.objects
        self._label_of = label_of
        self._unsent = captured.unsent

    @property
    def live(self) -> LiveOutput:
        """What its worker tells while it runs; empty where it tells nothing before its reply."""
        if self._live is None:
            self._live = LiveOutput(self._mimes)
        return self._live

    @property
    def so_far(self) -> list[Event]:
        """As `events`: those that are known while the task runs, or where it never replied."""
        return self.events if self.replied or self._live is None else self._live.events

    @property
    def output(self) -> str:
        """What the task has printed so far, both streams in order."""
        return text_of(self.so_far, *STREAMS)

    @property
    def stdout(self) -> str:
        """What the task has written to its standard output so far."""
        return text_of(self.so_far, "stdout")

    @property
    def stderr(self) -> str:
        """What the task has written to its standard error so far."""
        return text_of(self.so_far, "stderr")

    def hear(self, message: bytes) -> None:
        """See TaskFuture: what the task shows while it runs.

        Parameters
        ----------
        message:
            As there.
        """
        self.live.feed(message)

    def decode(self, value: Any) -> Any:
        """Unpack the worker's reply; raises what the code raised there.

        Raises
        ------
        BadReply
            It isn't a cell's: the worker may be somebody else's program.
        StoreRefused
            What it needs can't be had there; nothing has run.
        """
        try:
            with written_by(value["python"]):
                failure, last = self._read(value)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise BadReply(
                f"The worker's reply isn't that of a cell ({type(error).__name__}).",
                next_step="Run the cell again; if it stays so, ask the endpoint's owner.",
            ) from error
        if failure is not None:
            raise failure
        return last

    def _read(self, reply: Any) -> tuple[BaseException | None, Any]:
        """The cell's failure or its last value; takes what the worker says apart."""
        if not isinstance(reply, dict) or reply.get("version") != 1:
            raise ValueError("another version")
        if self.nonce and (reply["tag"] or {}).get("nonce") != self.nonce:
            raise BadReply(
                "What came for this task is another task's result.",
                next_step="Run the cell again; if it stays so, tell the service's operators.",
            )
        if reply.get("store") is not None:
            raise _of_store(reply["store"])
        self.events = [as_event(kind, content, self._mimes) for kind, content in reply["events"]]
        self.replied = True
        host, python = one_line(reply["host"]), one_line(reply["python"])
        self.place = Place(self.endpoint, self.task_id, host, float(reply["seconds"]), python)
        self.random = dict(reply.get("random", {}))
        last = {} if reply["value"] is None else {"": reply["value"]}
        values = self._values({**last, **reply["out"]}, reply.get("shared", ()))
        value = values.pop("", None)
        self.out.update(values)
        if reply["error"] is not None:
            return self._failure(reply["error"]), None
        return None, value

    def _values(self, packed: dict[str, Any], shared: Sequence[Any]) -> dict[str, Any]:
        """The last value and those of the names asked for; see `Packer.together`."""
        found: dict[str, Any] = {}
        for names, data in shared:
            with contextlib.suppress(Exception):  # then each by itself
                found.update(dict(zip(names, _load(data, self._objects), strict=True)))
        for name in packed.keys() - found.keys():
            found[name] = self._unpack(name, packed[name])
        return {name: found[name] for name in packed}

    def _unpack(self, name: str, packed: dict[str, Any]) -> Any:
        if packed["pickle"] is not None:
            try:
                return _load(packed["pickle"], self._objects)
            except ForeignCode as error:
                reason = error.reason[:1].lower() + error.reason[1:]
                packed = {**packed, "reason": reason}
            except Exception as error:
                reason = f"it can't be decoded here: {type(error).__name__}: {error}"
                if self.place.python and not self.place.python.startswith(_MINOR):
                    reason += f" (Python {self.place.python} wrote it, this is {_MINOR[:-1]})"
                packed = {**packed, "reason": reason}
        attributes = {}
        if packed.get("plain") is not None:
            with contextlib.suppress(Exception):
                attributes = dict(_load(packed["plain"], {}))
        self.undecoded[name] = Undecoded(packed, self._mimes, self.endpoint, attributes)
        return self.undecoded[name]

    def _failure(self, described: dict[str, Any]) -> BaseException:
        original = self._original(described)
        if self.tb_limit is not None:
            described = _shortened(described, self.tb_limit)
        known = (self.place, self._origins, self._label_of, self._unsent)
        return make_exception(described, original, *known)

    def _original(self, described: dict[str, Any]) -> BaseException | None:
        """The exception itself; its text and its traceback are there all the same."""
        if described["pickle"] is not None:
            with contextlib.suppress(Exception):
                loaded = _load(described["pickle"], self._objects)
                return loaded if isinstance(loaded, BaseException) else None
        if described["parts"] is not None:
            with contextlib.suppress(Exception):
                kind, args, members = _load(described["parts"], self._objects)
                made: BaseException = kind.__new__(kind, *args)
                made.args = args
                made.__dict__.update(members)
                return made
        return None


def _of_store(said: Mapping[str, Any]) -> StoreRefused:
    """What a worker says of its store."""
    text = f"{one_line(str(said['text']), 500)}."
    missing = [name for name in said["missing"] if is_name(name)]
    return ValuesMissing(text, missing) if missing else StoreRefused(text)


def _shortened(described: dict[str, Any], limit: int) -> dict[str, Any]:
    """A failure with its last `limit` frames, and so for what caused it."""
    frames = described["frames"]
    short = {**described, "frames": frames[len(frames) - min(limit, len(frames)) :]}
    for key in ("cause", "context"):
        if described[key]:
            short[key] = _shortened(described[key], limit)
    return short
