"""RemoteFunction: a notebook function whose calls run on an endpoint."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gc_jupyter.capture.failures import show_at_caller
from gc_jupyter.errors import ComputeError, ValuesMissing
from gc_jupyter.future import dropped
from gc_jupyter.session import Session, Target, Tasks, show_output, wait
from gc_jupyter.session.fan_out_failed import where_others, with_tasks
from gc_jupyter.session.waiting import StoppedWaiting
from gc_jupyter.session.watching import Watch
from gc_jupyter.travel import rebuild
from gc_jupyter.travel.sending import Statement, names_of

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture
    from gc_jupyter.travel.pickler import Pickler

_here: ContextVar[bool] = ContextVar("gc_jupyter_here", default=False)


@contextlib.contextmanager
def running_here() -> Iterator[None]:
    """Calls of remote functions run here: inside `f.local(…)`, where a recursion would leave
    otherwise, and as decorators in a cell that only defines."""
    token = _here.set(True)
    try:
        yield
    finally:
        _here.reset(token)


@dataclass(frozen=True)
class CallOptions:
    """How calls of a remote function are made.

    Parameters
    ----------
    html:
        Show HTML and SVG that calls display.
    label:
        What tasks are called, before the function's name.
    tb_limit:
        The most frames that a remote traceback shows; None for all.
    also:
        Names to send beside those that the function is seen to use.
    capture:
        Whether what it uses of the notebook is sent; else only itself and `also`.
    wait:
        Waits for a call's tasks, and shows meanwhile what one task shows (`Watch`); by default as
        long as it takes.
    ended:
        Called with each task that has ended and was waited for.
    """

    html: bool = False
    label: str = ""
    tb_limit: int | None = None
    also: tuple[str, ...] = ()
    capture: bool = True
    wait: Callable[[Sequence[CellFuture], Watch | None], object] | None = None
    ended: Callable[[CellFuture], object] | None = None


class RemoteFunction:
    """Calls run on an endpoint: ``f(…)`` waits, `f.submit` returns a future, `f.map` sends many.

    Parameters
    ----------
    definition:
        The function's source.
    namespace:
        The notebook's variables: what the function uses of them is sent with each call, as it is
        at that moment.
    session, target:
        Where it runs.
    original:
        The function as it was defined here; None where that wasn't possible.
    why_not:
        Why it could not be defined here.
    calls:
        How calls are made.
    """

    def __init__(
        self,
        definition: Statement,
        namespace: MutableMapping[str, Any],
        session: Session,
        target: Target,
        original: Callable[..., Any] | None,
        why_not: str = "",
        calls: CallOptions | None = None,
    ) -> None:
        self._definition = definition
        self._namespace = namespace
        self._session = session
        self._original = original
        self._why_not = why_not
        self._calls = calls or CallOptions()
        self.target = target
        if original is not None:
            functools.update_wrapper(self, original, updated=())
        self.__name__ = definition.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run on the endpoint and wait; what the function prints appears here."""
        if _here.get() and self._original is not None:
            return self._original(*args, **kwargs)
        return self._called((args, kwargs))

    def submit(self, *args: Any, **kwargs: Any) -> CellFuture:
        """Run on the endpoint; returns a future at once."""
        return self._submit([(args, kwargs)], later=True)[0]

    def map(self, *iterables: Iterable[Any]) -> list[Any]:
        """Run once per element (or per tuple of elements), as one batch; results in order.

        Raises
        ------
        RemoteException
            What the first failing call raised. Its `tasks` are the futures of all calls (`Tasks`):
            ``tasks.values()`` has the other results, ``tasks.rerun()`` runs the failed ones again.
        """
        calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
            (args, {}) for args in zip(*iterables, strict=False)
        ]
        futures = self._submit(calls) if calls else []
        try:
            self._wait(futures)
        except KeyboardInterrupt as error:
            show_output(*(one for one in futures if not dropped(one)))
            raise with_tasks(error, Tasks(futures, title=self.__name__)) from None
        if places := self._purged(futures):
            for at, future in zip(places, self._submit([calls[at] for at in places]), strict=True):
                futures[at] = future
            self._wait(futures)
        show_output(*futures)
        tasks = Tasks(futures, title=self.__name__)
        if (failed := tasks.failed) and len(futures) > 1:
            _say_of_others(failed[0].exception(), tasks)
        return [self._taken(future) for future in futures]

    @property
    def local(self) -> Callable[..., Any]:
        """The original function, which runs here."""
        original = self._original
        if original is None:
            raise ComputeError(
                f"{self.__name__} could not be defined here: {self._why_not}",
                next_step="It runs on the endpoint; to run it here, install here what it needs.",
            )

        @functools.wraps(original)
        def local(*args: Any, **kwargs: Any) -> Any:
            with running_here():
                return original(*args, **kwargs)

        return local

    def gc_travels(self, pickler: Pickler) -> Any:
        """What is pickled in this object's place: the function itself, where it is here."""
        if self._original is None:
            return self._definition.written_by(pickler, self)
        pickler.stands_for[id(self._original)] = self
        return rebuild.same, (self._original,)

    def gc_text(self) -> str:
        """The text that it is made of."""
        return self._definition.source

    def gc_uses(self) -> tuple[str, ...]:
        """The names that go along."""
        return names_of(self._definition.source)

    def __getattr__(self, name: str) -> Any:
        """What a decorator has given the original, such as `register` or `cache_info`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._original, name)

    def _submit(
        self, calls: list[tuple[tuple[Any, ...], dict[str, Any]]], *, later: bool = False
    ) -> list[CellFuture]:
        name = self.__name__
        options = self._calls
        namespace: Mapping[str, Any] = self._namespace
        if not options.capture:
            namespace = {one: namespace[one] for one in options.also if one in namespace}
        # The notebook may have rebound the name since; this object is what was called.
        namespace = {**namespace, name: self}
        try:
            return self._session.submit_calls(
                name,
                calls,
                namespace,
                self.target,
                html=options.html,
                also=options.also,
                label=f"{options.label} {name}".lstrip(),
                tb_limit=options.tb_limit,
                later=later,
            )
        except ComputeError as error:
            show_at_caller(error, self._session.label_of)
            raise

    def _wait(self, futures: list[CellFuture], watch: Watch | None = None) -> None:
        if self._calls.wait is not None:
            self._calls.wait(futures, watch)
            return
        try:
            wait(futures, self.target.name, pause=None if watch is None else watch.pause)
        except StoppedWaiting:
            self._session.keep([one for one in futures if not dropped(one)])
            raise

    def _called(self, call: tuple[tuple[Any, ...], dict[str, Any]], again: bool = True) -> Any:
        """A call's value; where its values were purged there, they are sent once more."""
        [future] = self._submit([call])
        watch = Watch(future)
        try:
            self._wait([future], watch)
        finally:
            watch.end()
        if again and self._purged([future]):
            return self._called(call, again=False)
        return self._taken(future)

    def _purged(self, futures: Sequence[CellFuture]) -> list[int]:
        """The places of those that have not run, since values that they need were purged."""
        places = []
        for at, future in enumerate(futures):
            if not dropped(future) and isinstance(error := future.exception(), ValuesMissing):
                self._session.stores.purged(error, self.target)
                places.append(at)
        return places

    def _taken(self, future: CellFuture) -> Any:
        self._session.seen([future])
        if self._calls.ended is not None:
            self._calls.ended(future)
        return future.result()

    def __repr__(self) -> str:
        signature = "(…)" if self._original is None else str(inspect.signature(self._original))
        return f"<remote function {self.__name__}{signature} on {self.target.name}>"


def _say_of_others(error: BaseException | None, tasks: Tasks) -> None:
    """Let the failure of one call say where the other calls' results are."""
    if not isinstance(error, ComputeError):
        return  # dropped before it was sent
    failed = len(tasks.failed)
    said = f"{failed:,} of {len(tasks):,} calls failed; this is the first."
    if failed < len(tasks):
        said += f" {where_others(len(tasks) - failed)}."
    said += " sys.last_value.tasks.rerun() runs the failed ones again."
    error.tasks = tasks  # type: ignore[attr-defined]
    render = getattr(error, "_render_traceback_", None)
    if render is None:
        error.next_step = f"{error.next_step} {said}".lstrip()
        return
    error._render_traceback_ = lambda: [*render(), said]  # type: ignore[attr-defined]
    if hasattr(error, "add_note"):  # Python 3.11: shown wherever there is no notebook
        error.add_note(said)
