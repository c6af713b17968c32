"""Turn a worker's reply into values, output and failure, by the future that unpacks it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from gc_jupyter.capture.cell import SAFE_MIMES, Captured
from gc_jupyter.capture.events import STREAMS, Event, as_event, text_of
from gc_jupyter.capture.failures import LabelOf, WorkerPlace, make_exception, show_at_caller
from gc_jupyter.capture.live import LiveOutput
from gc_jupyter.capture.loading import load
from gc_jupyter.capture.undecoded import AtEndpoint, Undecoded, size_of
from gc_jupyter.errors import BadReply, StoreRefused, ValuesMissing
from gc_jupyter.future import Later, TaskFuture
from gc_jupyter.remote_text import one_line
from gc_jupyter.serialize.foreign import ForeignCode, written_by
from gc_jupyter.travel.kept import LAST
from gc_jupyter.travel.store import is_name, megabytes

_MINOR = "{}.{}.".format(*sys.version_info)
Packed = dict[str, Any]


class Moving(Protocol):
    """A transfer of bytes to an endpoint's store or from it."""

    #: Done once the bytes have arrived or can't be had.
    over: concurrent.futures.Future[Any]
    #: Called after each change, on any thread.
    listeners: list[Callable[[], object]]

    def text(self) -> str:
        """Return how far the transfer is."""


class StoreFetch(Moving, Protocol):
    """A transfer of bytes from an endpoint's store."""

    #: The bytes of each `stored`.
    data: list[bytearray]


class Fetcher(Protocol):
    """Brings values that stayed in the store of a task's endpoint."""

    def configured(self, config: dict[str, Any]) -> Fetcher:
        """Return a fetcher for tasks with this endpoint configuration, as the cell had it."""

    def purged(self, error: ValuesMissing) -> None:
        """Note that data which a task needed is gone there: the next task sends it again."""

    def begin(self, stored: Sequence[Mapping[str, Any]], folder: str, what: str) -> StoreFetch:
        """Start to bring these; returns at once."""

    def fetch(self, stored: Sequence[Mapping[str, Any]], folder: str) -> Sequence[bytearray]:
        """Bring these and wait, telling the user how far they are."""


class CellFuture(TaskFuture):
    """The future of a cell or of a notebook function's call. Its result is the last value.

    Parameters
    ----------
    captured:
        The captured cell that was sent.
    endpoint:
        The endpoint's name, for messages.
    label_of:
        Names the notebook's files in tracebacks.

    Attributes
    ----------
    events:
        The task's output in order, once it is done: ``("stdout", text)``, ``("stderr", text)``,
        ``("display", MIME bundle)``. ``("hidden", "")`` follows a display whose markup was not
        asked for.
    out:
        The values of the requested names. If the cell failed, those that it had set.
    """

    def __init__(
        self, captured: Captured, endpoint: str, label_of: LabelOf = str, *, label: str = ""
    ) -> None:
        super().__init__(label=label)
        self.endpoint = endpoint
        self.events: list[Event] = []
        self.out: dict[str, Any] = {}
        #: The state of the notebook's random generators after the task, if they travelled.
        self.random: dict[str, Any] = {}
        self.undecoded: dict[str, Undecoded] = {}
        #: The stand-ins for values that were too large to be fetched by themselves.
        self.stayed: list[Any] = []
        #: Brings values that were too large for the reply; None if nothing can.
        self.fetcher: Fetcher | None = None
        #: The transfer that runs for this task now, in either direction.
        self.fetching: Moving | None = None
        self._when_fetching: list[Callable[[], object]] = []
        self.place = WorkerPlace(endpoint)
        #: The number of innermost frames that a traceback shows; None for all.
        self.tb_limit: int | None = None
        self._mimes = captured.options.get("mimes", SAFE_MIMES)
        self._live: LiveOutput | None = None
        self.replied = False
        self._origins = captured.origins
        self._storing = captured.storing  # the values in `local`'s files stay until it is done
        self.add_done_callback(_let_go)
        #: The objects that a reply may refer to; see `Captured`.
        self.objects = captured.objects
        self._label_of = label_of
        self._unsent = captured.unsent

    @property
    def live(self) -> LiveOutput:
        """What the worker has sent while the task runs; empty if it sends only its reply."""
        if self._live is None:
            self._live = LiveOutput(self._mimes)
        return self._live

    @property
    def so_far(self) -> list[Event]:
        """The events known so far, also of a task that runs or has never replied."""
        return self.events if self.replied or self._live is None else self._live.events

    @property
    def output(self) -> str:
        """The text that the task has printed so far, both streams in order."""
        return text_of(self.so_far, *STREAMS)

    @property
    def stdout(self) -> str:
        """The text that the task has written to its standard output so far."""
        return text_of(self.so_far, "stdout")

    @property
    def stderr(self) -> str:
        """The text that the task has written to its standard error so far."""
        return text_of(self.so_far, "stderr")

    def when_fetching(self, listener: Callable[[], object]) -> None:
        """Add a listener, called on any thread, for the progress of `fetching`.

        Parameters
        ----------
        listener:
            Called after each change.
        """
        self._when_fetching.append(listener)
        if self.fetching is not None:
            self.fetching.listeners.append(listener)

    def hear(self, message: bytes) -> None:
        """Take in output of the running task; see TaskFuture.

        Parameters
        ----------
        message:
            As there.
        """
        self.live.feed(message)

    def decode(self, value: Any) -> Any:
        """Unpack the worker's reply. Raises the exception that the code raised there.

        Raises
        ------
        BadReply
            It isn't the reply of a cell. The worker may be somebody else's program.
        StoreRefused
            Data that the cell needs can't be had there; nothing has run.
        """
        return self._understood(value, partial(self._arrived, value))

    def _understood(self, reply: Any, read: Callable[[], Any]) -> Any:
        try:
            with written_by(reply["python"]):
                failure, last = read()
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise BadReply(
                f"The worker's reply isn't that of a cell ({type(error).__name__}).",
                next_step="Run the cell again; if it stays so, ask the endpoint's owner.",
            ) from error
        if failure is not None:
            raise failure
        return last

    def _arrived(self, reply: Any) -> tuple[BaseException | None, Any]:
        """Read a reply, or first bring what was too large for it."""
        if not isinstance(reply, dict) or reply.get("version") != 1:
            raise ValueError("another version")
        if self.nonce and (reply["tag"] or {}).get("nonce") != self.nonce:
            raise BadReply(
                "What came for this task is another task's result.",
                next_step="Run the cell again; if it stays so, tell the service's operators.",
            )
        if reply.get("store") is not None:
            error = _of_store(reply["store"])
            if isinstance(error, ValuesMissing) and self.fetcher is not None:
                self.fetcher.purged(error)
            raise error
        wanted, config = dict(_left(reply)), (reply.get("tag") or {}).get("config")
        if self.fetcher is not None and isinstance(config, dict):
            self.fetcher = self.fetcher.configured(config)
        if self.fetcher is None or not wanted:
            for packed in wanted.values():
                packed["reason"] = "nobody here knows the endpoint that has it"
            return self._read(reply)
        stored = [one for packed in wanted.values() for one in _pieces(packed["stored"])]
        folder = str(next(iter(wanted.values()))["stored"]["folder"])
        what = ", ".join(name or "the value" for name in wanted)
        self.fetching = fetching = self.fetcher.begin(stored, folder, what)
        fetching.listeners.extend(self._when_fetching)
        read = partial(self._fetched, reply, list(wanted.values()), fetching)
        return None, Later(fetching.over, partial(self._understood, reply, read))

    def _fetched(
        self, reply: Any, wanted: Sequence[Packed], fetching: StoreFetch
    ) -> tuple[BaseException | None, Any]:
        """Read a reply with the data that has come, or with the reason why it hasn't."""
        error, data = fetching.over.exception(), iter(fetching.data)
        self.fetching = None
        for packed in wanted:
            if error is None:
                packed["pickle"] = next(data)
                packed["buffers"] = [next(data) for _ in packed["stored"]["buffers"]]
            else:
                packed["reason"] = one_line(f"{error}", 500)
        return self._read(reply)

    def _read(self, reply: Any) -> tuple[BaseException | None, Any]:
        """Take the worker's reply apart. Returns the last value or raises the cell's failure."""
        self.events = [
            as_event(kind, _displayed(kind, content), self._mimes)
            for kind, content in reply["events"]
        ]
        self.replied = True
        host, python = one_line(reply["host"]), one_line(reply["python"])
        self.place = WorkerPlace(self.endpoint, self.task_id, host, float(reply["seconds"]), python)
        self.random = dict(reply.get("random", {}))
        last = {} if reply["value"] is None else {"": reply["value"]}
        values = self._values({**last, **reply["out"]}, reply.get("shared", ()))
        value = values.pop("", None)
        self.out.update(values)
        self.take_kept(reply.get("kept") or {})
        if self.stayed and reply["value"] is None:
            value = self.out.pop(LAST, None)
        if reply["error"] is not None:
            return self._failure(reply["error"]), None
        return None, value

    def take_kept(self, told: Mapping[str, Any]) -> None:
        """Take the records of values that stay there; see `worker_side.keeping`."""

    def _values(self, packed: dict[str, Packed], shared: Sequence[Any]) -> dict[str, Any]:
        """Return the last value and those of the requested names; see `Packer.together`."""
        found: dict[str, Any] = {}
        for names, together in shared:
            if not _is_here(together):
                for at, name in enumerate(names):
                    bring = partial(self._bring, together, at)
                    found[name] = self._left_there(name, packed[name], together, bring)
                continue
            with contextlib.suppress(Exception):  # then each is read by itself
                found.update(dict(zip(names, self._load(together), strict=True)))
        for name in packed.keys() - found.keys():
            found[name] = self._unpack(name, packed[name])
        return {name: found[name] for name in packed}

    def _load(self, packed: Packed) -> Any:
        return load(packed["pickle"], self.objects, packed.get("buffers", ()))

    def _bring(self, packed: Packed, at: int | None = None) -> Any:
        """Return a value that was left there, or one of several that share objects."""
        if self.fetcher is None:
            raise StoreRefused("Nobody here knows the endpoint that has it.")
        stored = packed["stored"]
        try:
            data, *buffers = self.fetcher.fetch(_pieces(stored), str(stored["folder"]))
        except StoreRefused as error:
            show_at_caller(error, self._label_of)
            raise
        with written_by(self.place.python):
            found = load(data, self.objects, buffers)
        return found if at is None else found[at]

    def _left_there(
        self, name: str, packed: Packed, stored: Packed, bring: Callable[[], Any]
    ) -> AtEndpoint:
        packed = {**packed, "reason": stored["reason"]}
        made = AtEndpoint(packed, self._mimes, self.endpoint, stored["stored"], bring)
        self.undecoded[name] = made
        return made

    def _unpack(self, name: str, packed: Packed) -> Any:
        if not _is_here(packed):
            return self._left_there(name, packed, packed, partial(self._bring, packed))
        if packed["pickle"] is not None:
            try:
                return self._load(packed)
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
                attributes = dict(load(packed["plain"], {}))
        self.undecoded[name] = Undecoded(packed, self._mimes, self.endpoint, attributes)
        return self.undecoded[name]

    def _failure(self, described: dict[str, Any]) -> BaseException:
        original = self._original(described)
        if self.tb_limit is not None:
            described = _shortened(described, self.tb_limit)
        known = (self.place, self._origins, self._label_of, self._unsent)
        return make_exception(described, original, *known)

    def _original(self, described: dict[str, Any]) -> BaseException | None:
        """Return the exception itself, or None. Its text and traceback are known without it."""
        if described["pickle"] is not None:
            with contextlib.suppress(Exception):
                loaded = load(described["pickle"], self.objects)
                return loaded if isinstance(loaded, BaseException) else None
        if described["parts"] is not None:
            with contextlib.suppress(Exception):
                kind, args, members = load(described["parts"], self.objects)
                made: BaseException = kind.__new__(kind, *args)
                made.args = args
                made.__dict__.update(members)
                return made
        return None


def _let_go(future: concurrent.futures.Future[Any]) -> None:
    vars(future)["_storing"] = None


def _left(reply: Any) -> Iterator[tuple[str, Packed]]:
    """Return the parts of a reply that are in the store: values by name, and displays."""
    for names, together in reply.get("shared", ()):
        if not _is_here(together):
            yield ", ".join(filter(None, names)), together
    for name, packed in {"": reply["value"] or {}, **reply["out"]}.items():
        if not _is_here(packed):
            yield name, packed
    for at, (kind, content) in enumerate(reply["events"]):
        if kind == "display" and not _is_here(content):
            yield f"display {at + 1}", content


def _is_here(packed: Mapping[str, Any]) -> bool:
    return not packed.get("stored") or packed.get("pickle") is not None


def _pieces(stored: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [stored["pickle"], *stored["buffers"]]


def _displayed(kind: str, content: Any) -> Any:
    """Return a display whose bundle was in the store, as far as it has come."""
    if kind != "display" or "stored" not in content:
        return content
    if content.get("pickle") is not None:
        return json.loads(bytes(content["pickle"]))
    size = megabytes(size_of(content["stored"]))
    return {"text/plain": f"{content['text/plain']}\n[{size} stay on the endpoint]"}


def _of_store(said: Mapping[str, Any]) -> StoreRefused:
    """Return the worker's description of its store."""
    text = f"{one_line(str(said['text']), 500)}."
    missing = [name for name in said["missing"] if is_name(name)]
    return ValuesMissing(text, missing) if missing else StoreRefused(text)


def _shortened(described: dict[str, Any], limit: int) -> dict[str, Any]:
    """Return a failure with its last `limit` frames only, and the same for its causes."""
    frames = described["frames"]
    short = {**described, "frames": frames[len(frames) - min(limit, len(frames)) :]}
    for key in ("cause", "context"):
        if described[key]:
            short[key] = _shortened(described[key], limit)
    return short
